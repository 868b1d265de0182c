"""Labels: conditions, their classes, their renaming by a mapping."""
