"""Errors that a person can act on, and the exit codes of every command."""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable
from typing import Any

# Exit codes: 0 done, 1 failed (a loss that diverged, a full disk, a bug), 2 wrong usage or input,
# 75 another machine was lost (sysexits.h: try again).
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_RETRY = 75
EXIT_TERMINATED = 143  # 128 + SIGTERM, as a shell reports it
EXIT_INTERRUPTED = 130  # 128 + SIGINT, Ctrl-C

OUTPUT = "standard output"  # in a message

# Of an `OSError`: a disk or folder that cannot be written, which is no bug.
UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.EBADF,
)  # fmt: skip
# The same as TensorFlow's writers and Apache Beam's workers have it, in their own errors' texts.
_REASON = "|".join(re.escape(os.strerror(number)) for number in UNWRITABLE)
_WRITERS = (
    re.compile(rf"(?:^|[\n}}] ?|: )(?P<path>(?:(?!: )[^;{{}}\n])+); (?P<reason>{_REASON})"),
    re.compile(rf"\[Errno \d+\] (?P<reason>{_REASON}): '(?P<path>[^'\n]*)'"),
)
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

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class LostError(RunError):
    """Another machine is gone; the same command goes on."""


class StoppedError(RunError):
    """A training that SIGTERM has stopped, after it was saved; the same command goes on."""


def run_main(main: Callable, *args: Any) -> int:
    """Call `main(*args)`; an `InputError` becomes its message and code 2, a `RunError` code 1.

    Output is written out before this returns: a reader that has gone (head, less) is no error, a
    disk that is full is one. What an output's encoding has not is written escaped.

    Returns:
      The exit code: what `main` returns, 0 where it returns nothing.

    Raises:
      SystemExit: `main` did, as argparse does.
    """
    _open_standard_streams()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _output_named():
            code = _code(main, args)
    except SystemExit as leaving:
        leaving.code = _flushed(leaving.code or 0)
        raise
    return _flushed(code)


def _code(main, args):
    try:
        _refuse_names(sys.argv[1:])
        return main(*args) or 0
    except InputError as error:
        return _told(f"error: {error}", EXIT_INPUT)
    except StoppedError:  # which has been told
        return EXIT_TERMINATED
    except RunError as error:
        return _told(f"error: {error}", EXIT_RETRY if isinstance(error, LostError) else EXIT_FAILED)
    except KeyboardInterrupt as error:  # a training has told its own
        return EXIT_INTERRUPTED if error.args else _told("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader has gone
        return 0
    except OSError as error:
        misnamed = error.errno in MISNAMED and error.filename
        if misnamed or error.errno in UNWRITABLE:
            code = EXIT_INPUT if misnamed else EXIT_FAILED
            return _told(f"error: {error.filename or 'a file'}: {error.strerror}", code)
        return _told_by_writer(error)
    except Exception as error:
        return _told_by_writer(error)


def _told_by_writer(error):
    """Tell the error of a library's writer whose disk or folder cannot be written, else raise."""
    for pattern in _WRITERS:
        if found := pattern.search(str(error)):
            return _told(f"error: {found['path']}: {found['reason']}", EXIT_FAILED)
    raise error


def _open_standard_streams():
    """Open standard streams that the caller has closed onto the null device.

    Otherwise the next file that is opened takes the place, and whatever is printed goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, _stand_in(name))


def _stand_in(name):
    """Return the stream in the place of a closed one: output that is asked for fails."""
    if name == "stdout":
        return _Closed()
    return open(os.devnull, "w" if name == "stderr" else "r")  # noqa: SIM115  # for good


class _Closed(io.TextIOBase):
    """Standard output that the caller of the command has closed."""

    def write(self, text):
        """Fail as a write to it does."""
        raise OSError(errno.EBADF, "closed", OUTPUT)


@contextlib.contextmanager
def _output_named():
    """Name standard output in the errors of writing to it, within the block."""
    stream, write = sys.stdout, sys.stdout.write

    def named(text):
        try:
            return write(text)
        except OSError as error:
            error.filename = error.filename or OUTPUT
            raise

    with contextlib.suppress(AttributeError):
        stream.write = named
    try:
        yield
    finally:
        with contextlib.suppress(AttributeError):
            del stream.write


def _told(message, code):
    """Write a message to standard error, if that can be written; return the code."""
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr)
    return code


def _flushed(code):
    """Write out buffered output, and return the exit code: 1 where that failed and all else went.

    Python would do so as it ends, and leave with 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                code = code or _told(f"error: {OUTPUT}: {error.strerror}", EXIT_FAILED)
    return code


def _refuse_names(arguments):
    """Raise `InputError` where an argument holds bytes that no file of ours could name."""
    for text in arguments:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            shown = text.encode("utf-8", "backslashreplace").decode()
            raise InputError(f"{shown}: is not a name in UTF-8; rename it") from None
