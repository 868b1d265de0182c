"""Errors that a person can act on, and the exit codes of every command."""

import contextlib
import errno
import io
import os
import sys

# Exit codes: 0 done, 1 failed (a loss that diverged, a full disk, a bug), 2 wrong usage or input,
# 75 another machine was lost (sysexits.h: try again).
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_RETRY = 75
EXIT_TERMINATED = 143  # 128 + SIGTERM, as a shell reports it

# Of an `OSError`: a disk or folder that cannot be written, which is no bug.
UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.EBADF,
)  # fmt: skip
# A path that cannot be what it is taken for: whoever named it can act on that.
MISNAMED = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
    errno.ENXIO, errno.ENODEV,
)  # fmt: skip


class InputError(ValueError):
    """A wrong flag, file or value. Its message says where, what, and what was expected."""


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
      The exit code: what `main` returns, 0 where it returns nothing; 1 where what was printed
      could not be written.
    """
    _ready_streams()
    try:
        return _flushed(_code_of(main, args))
    except SystemExit as left:  # of a parser of flags, which has printed
        raise SystemExit(_flushed(left.code)) from None


def _code_of(main, args):
    try:
        _refuse_names(sys.argv[1:])
        return main(*args) or 0
    except InputError as error:
        _tell(f"error: {error}")
        return EXIT_INPUT
    except RunError as error:
        _tell(f"error: {error}")
        return EXIT_RETRY if isinstance(error, LostError) else EXIT_FAILED
    except KeyboardInterrupt:
        _tell("interrupted")
        return EXIT_FAILED
    except BrokenPipeError:  # the reader (head, less) has closed
        _discard(sys.stdout)
        return 0
    except OSError as error:
        misnamed = error.errno in MISNAMED and error.filename
        if not misnamed and error.errno not in UNWRITABLE:
            raise
        _tell(f"error: {error.filename or 'output'}: {error.strerror}")
        return EXIT_INPUT if misnamed else EXIT_FAILED


class _Closed(io.TextIOBase):
    """A standard output that whoever started the command has closed."""

    def write(self, text):
        """Fail as a write to it does."""
        raise OSError(errno.EBADF, "is closed", "standard output")


def _ready_streams():
    """Make every sign printable, escaped where need be, and a closed stream one that says so."""
    sys.stdout = sys.stdout or _Closed()
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _refuse_names(arguments):
    """Raise `InputError` where an argument holds bytes that no file of ours could name."""
    for text in arguments:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            shown = text.encode("utf-8", "backslashreplace").decode()
            raise InputError(f"{shown}: is not a name in UTF-8; rename it") from None


def _tell(text):
    """Print a line on standard error, if that can be written."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr)


def _flushed(code):
    """Return an exit code when all that was printed is written, or 1 where it cannot be."""
    for stream, name in ((sys.stdout, "standard output"), (sys.stderr, "standard error")):
        try:
            stream.flush()
        except BrokenPipeError:  # the reader has closed
            _discard(stream)
        except OSError as error:
            _discard(stream)
            if not code:
                _tell(f"error: {name}: {error.strerror}")
            code = code or EXIT_FAILED
    return code


def _discard(stream):
    """Let a stream end in nothing, so that Python's own flush at its end succeeds."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
