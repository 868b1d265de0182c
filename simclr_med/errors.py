"""Errors that are the user's to mend, and the exit codes of every command."""

import os
import sys

# Exit codes: 0 done, 1 failed (a bug, a full disk), 2 wrong usage or input.
EXIT_FAILED = 1
EXIT_INPUT = 2


class InputError(ValueError):
    """A wrong flag, file or value. Its message says where, what, and what was expected."""


def run_main(main, *args):
    """Calls `main(*args)`, turns an `InputError` into its message and exit code 2.

    Returns:
      The exit code: what `main` returns, 0 where it returns nothing.
    """
    try:
        return main(*args) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # the reader (head, less) has closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
