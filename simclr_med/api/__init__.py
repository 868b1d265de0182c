"""Python API: verbs of the command as functions, and the objects that they return."""
