"""Checks of paths before anything is read or written: a file, a folder, or nothing as yet.

    table = paths.file_to_read(flags.mapping, "--mapping")
    page = paths.file_to_write(flags.output, "--output")

A pipe or a device is neither file nor folder: to open one may wait for ever.
"""

import os
import pathlib
import stat

from simclr_med.errors import InputError
from simclr_med.files import atomic

KINDS = {
    stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
NOTHING, FILE, FOLDER = "nothing", "a file", "a folder"


def file_to_read(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a regular file that is there.

    Args:
      path: a text or path.
      flag: what a message calls it, such as "--mapping"; "" where the path says enough.

    Raises:
      InputError: nothing lies there, or something else, or `path` can be none.
    """
    return _expect(path, flag, (FILE,), "expected a file")


def folder_to_read(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a folder that is there; args and errors as `file_to_read`."""
    return _expect(path, flag, (FOLDER,), "expected a folder")


def to_read(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a file or folder that is there; else as of `file_to_read`."""
    return _expect(path, flag, (FILE, FOLDER), "expected a file or a folder")


def whole_folder_to_read(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a file, or of a folder that holds nothing but files and folders.

    For those that open what lies inside by themselves. Args and errors as of `file_to_read`.
    """
    path = to_read(path, flag)
    for inner in path.rglob("*") if path.is_dir() else ():
        if inner.exists() and not (inner.is_file() or inner.is_dir()):
            raise InputError(f"{inner} is {_kind(inner, '')}; expected a file")
    return path


def file_to_write(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a file to make or replace.

    Args: as of `file_to_read`.

    Raises:
      InputError: something else lies there, or no file can be made there.
    """
    path = _expect(path, flag, (FILE, NOTHING), "expected a file, or nothing as yet")
    return _makeable(path, flag)


def folder_to_write(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` of a folder that is there or can be made; else as of a file."""
    path = _expect(path, flag, (FOLDER, NOTHING), "expected a folder, or nothing as yet")
    return _makeable(path, flag)


def new_folder(path: str | os.PathLike, flag: str = "") -> pathlib.Path:
    """Return the `pathlib.Path` where a folder will be made, and nothing lies yet.

    Args: as of `file_to_read`.

    Raises:
      InputError: something lies there, or no folder can be made there.
    """
    path = pathlib.Path(path)
    if _kind(path, flag) != NOTHING or os.path.lexists(path):
        raise InputError(
            f"{_named(path, flag)} is there already; expected the name of a new folder"
        )
    return _makeable(path, flag)


def refuse_inside(path, flag: str, folder, other: str) -> None:
    """Raise `InputError` where `path`, yet to be made, would lie inside `folder`, which is read.

    Args:
      path, folder: texts or paths.
      flag, other: what a message calls them.
    """
    inner, outer = (pathlib.Path(os.path.realpath(each)) for each in (path, folder))
    if outer in (inner, *inner.parents):
        raise InputError(
            f"{_named(path, flag)} lies inside {_named(folder, other)}: what is written would be "
            "read the next time; expected a place outside"
        )


def name_and_path(text: str) -> tuple[str, str]:
    """Return the name and the path of NAME=PATH, or "" and the path of PATH.

    Both may hold "=": where something lies counts, the whole first, else what follows the last.
    The path may be several, with commas between; the first tells.
    """
    parts = text.split("=")
    for count in range(len(parts)):
        path = "=".join(parts[count:])
        if path and any(os.path.lexists(end) for end in (path, path.partition(",")[0]) if end):
            return "=".join(parts[:count]), path
    return "=".join(parts[:-1]), parts[-1]


def refuse_replacing(path: pathlib.Path, flag: str, read) -> None:
    """Raise `InputError` where `path`, to be written, is one of the files that are `read`.

    Args:
      path: a `pathlib.Path`.
      flag: what a message calls it.
      read: paths as texts.
    """
    if path.exists() and any(os.path.exists(other) and path.samefile(other) for other in read):
        raise InputError(f"{_named(path, flag)}: is read, and would be replaced; give another name")


def is_utf8(text: str) -> bool:
    """Return true where a text can be written as UTF-8: a file's name may hold other bytes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def escaped(text: str) -> str:
    """Return a text with all that is not UTF-8 as backslash escapes, for a message."""
    return text.encode("utf-8", "backslashreplace").decode()


def _expect(path, flag, kinds, expected):
    path = pathlib.Path(path)
    kind = _kind(path, flag)
    if kind not in kinds:
        if kind != NOTHING:
            raise InputError(f"{_named(path, flag)} is {kind}; {expected}")
        if FILE in kinds:
            raise InputError(f"{_named(path, flag)} not found; {expected}")
        raise InputError(f"{_named(path, flag)}: no such folder")
    return path


def _kind(path, flag):
    """Return the kind of thing at `path`, its links followed: one of `KINDS`, or `NOTHING`."""
    try:
        return KINDS.get(stat.S_IFMT(os.stat(_sound(path, flag)).st_mode), "of an unknown kind")
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError as error:  # a name too long, a ring of links, a folder that may not be entered
        raise InputError(f"{_named(path, flag)}: {error.strerror}") from None


def _sound(path, flag):
    """Return `path`, a path whose name can be written into a table and is no shell's shorthand."""
    if str(path).partition("/")[0] == "~":
        raise InputError(
            f"{_named(path, flag)}: a shell replaces ~ where a word begins alone; write $HOME"
        )
    if "\0" not in str(path) and is_utf8(str(path)):
        return path
    raise InputError(f"{_named(path, flag)}: is not a name in UTF-8; rename it")


def _makeable(path, flag):
    """Return `path`, below the folder in which something can be made."""
    absolute = pathlib.Path(os.path.abspath(path))
    for part in absolute.parts:
        if len(os.fsencode(part)) > atomic.LONGEST_NAME and not absolute.exists():
            raise InputError(
                f"{_named(path, flag)}: a name of {len(os.fsencode(part))} bytes; expected at most "
                f"{atomic.LONGEST_NAME}"
            )
    there = next(parent for parent in absolute.parents if os.path.lexists(parent))
    if not there.is_dir():
        raise InputError(f"{_named(path, flag)}: {there} is no folder")
    if not absolute.exists() and not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{_named(path, flag)}: nothing can be written into {there}")
    return path


def _named(path, flag):
    shown = escaped(str(path)).replace("\0", "\\0")
    return f"{flag}={shown}" if flag else shown
