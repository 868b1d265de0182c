"""The command `simclr-med VERB`: the verbs beside the modes of run.py, a module each.

Each module has `main()`, which reads `sys.argv`; tools/ has a script for each of them.
"""
