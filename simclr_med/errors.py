"""Errors that a person can act on, and the exit codes of every command."""

import errno
import os
import sys

# Exit codes: 0 done, 1 failed (a loss that diverged, a full disk, a bug), 2 wrong usage or input,
# 75 another machine was lost (sysexits.h: try again).
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_RETRY = 75
EXIT_TERMINATED = 143  # 128 + SIGTERM, as a shell reports it
EXIT_INTERRUPTED = 130  # 128 + SIGINT, Ctrl-C

# Of an `OSError`: a disk or folder that cannot be written, which is no bug.
UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
)  # fmt: skip
# A path that cannot be what it is taken for: whoever named it can act on that.
MISNAMED = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
    errno.ENXIO, errno.ENODEV,
)  # fmt: skip


class InputError(ValueError):
    """A wrong flag, file or value. Its message names the place, the value and the expectation."""


class RunError(RuntimeError):
    """A run that cannot go on though its input was sound, such as a loss that is not finite."""


class DivergedError(RunError):
    """A loss or gradient that is not finite.

    Args:
      message: for a person.
      step: at which it was seen.
    """

    def __init__(self, message, step):
        super().__init__(message)
        self.step = step


class LostError(RunError):
    """Another machine is gone; the same command goes on."""


def run_main(main, *args):
    """Call `main(*args)`; an `InputError` becomes its message and code 2, a `RunError` code 1.

    Returns:
      The exit code: what `main` returns, 0 where it returns nothing.
    """
    try:
        return main(*args) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_INPUT
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_RETRY if isinstance(error, LostError) else EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) has closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        misnamed = error.errno in MISNAMED and error.filename
        if not misnamed and error.errno not in UNWRITABLE:
            raise
        print(f"error: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return EXIT_INPUT if misnamed else EXIT_FAILED
