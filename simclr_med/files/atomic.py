"""Writing files so that a reader finds the old one or the new one, never half of one; checksums.

What is being written is called .task.json.4711.tmp until it is whole. A process that was killed
leaves it; whoever holds the folder's lock next removes it.
"""

import contextlib
import csv
import errno
import fcntl
import hashlib
import os
import pathlib
import re
import shutil

from simclr_med.errors import InputError

LONGEST_NAME = 230  # bytes: with what is added to a name, most file systems take 255


@contextlib.contextmanager
def locked(file, what):
    """Hold `file` as a lock while the block runs; it is gone afterwards.

    The system frees the lock when its process ends, however that ends.

    Args:
      file: whose folder is made where it is not there.
      what: is being written, for the message.

    Raises:
      InputError: another process holds it.
    """
    file = pathlib.Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _held(file, what):
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path):
    """Yield the name of a file beside `path` that replaces `path` when the block ends well."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with _named(path):
            yield beside
            _sync(beside)
            os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def csv_writer(path):
    """Yield a CSV writer of a file that is there when the block ends well."""
    with (
        replacing(path) as beside,
        open(beside, "w", newline="", encoding="utf-8") as opened,
    ):
        yield csv.writer(opened, lineterminator="\n")


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to `path` in one atomic step."""
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` to `path` as UTF-8 in one atomic step."""
    write_bytes(path, _encoded(path, text))


def write_texts(texts: dict) -> None:
    """Write texts, a dict by path, as UTF-8: where one cannot be written, none is."""
    with contextlib.ExitStack() as stack:
        for path, text in texts.items():
            stack.enter_context(replacing(path)).write_bytes(text.encode("utf-8"))


def _encoded(path, text):
    """Return a text as UTF-8; refuse others, which readers should have refused before."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        part = text[max(0, error.start - 40) : error.end + 40]
        shown = part.encode("utf-8", "backslashreplace").decode()
        raise InputError(f"{path} cannot hold {shown!r}: not text in UTF-8") from None


@contextlib.contextmanager
def new_folder(path):
    """Yield a temporary folder beside `path` that becomes `path` when the block ends well.

    Raises:
      FileExistsError: `path` is there already.
      InputError: another process is writing it.
    """
    path = pathlib.Path(path)
    with locked(path.with_name(f".{path.name}.lock"), path):
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        remove_unfinished(path.parent, path.name)
        beside = _beside(path)
        beside.mkdir()
        try:
            with _named(path):
                yield beside
                for file in beside.rglob("*"):
                    _sync(file)
                _sync(beside)
                os.rename(beside, path)
                _sync(path.parent)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise


@contextlib.contextmanager
def resumable_folder(path, key):
    """Yield an unfinished folder beside `path` that becomes `path` when the block ends well.

    What a block that did not end well wrote whole is there again the next time, if `key` is the
    same text; otherwise it is thrown away. The caller holds a lock on `path`.

    Raises:
      FileExistsError: `path` is there already.
    """
    path = pathlib.Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    beside = path.with_name(f".{path.name}.unfinished")
    note = beside / "unfinished.key"
    if not note.exists() or note.read_bytes() != key.encode("utf-8"):
        remove_folder(beside)
        write_text(note, key)
    with _named(path):
        yield beside
    for folder in (beside, *(inner for inner in beside.rglob("*") if inner.is_dir())):
        remove_unfinished(folder)  # of an attempt that was killed
    note.unlink()
    os.rename(beside, path)
    _sync(path.parent)


def remove_folder(path):
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def remove_unfinished(folder, name=None):
    """Remove half-written files of killed processes in a folder; the caller holds its lock.

    Args:
      folder: a path; what lies deeper stays.
      name: of the one file or folder that was to be; None for all.
    """
    names = re.compile(rf"\.{'.+' if name is None else re.escape(_short(name))}\.\d+\.tmp")
    for path in pathlib.Path(folder).iterdir():
        if names.fullmatch(path.name):
            remove_folder(path) if path.is_dir() else path.unlink()


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
      OSError: it is missing, no regular file, or cannot be read.
    """
    if not os.path.isfile(path):  # a pipe would be waited for, and a device may have no end
        raise FileNotFoundError(errno.ENOENT, "is missing, or no file", str(path))
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _beside(path):
    """Return the name of `path` until it is whole."""
    return path.with_name(f".{_short(path.name)}.{os.getpid()}.tmp")


def _short(name):
    """Return a name, or its digest where it is long."""
    long = len(os.fsencode(name)) > LONGEST_NAME
    return hashlib.sha256(os.fsencode(name)).hexdigest() if long else name


@contextlib.contextmanager
def _held(file, what):
    while True:
        with open(file, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another process is writing {what}") from None
            # Whoever held it may have removed it since it was opened: then another one counts.
            if file.exists() and os.path.samestat(os.fstat(lock.fileno()), os.stat(file)):
                yield
                return


@contextlib.contextmanager
def _named(path):
    """Give an `OSError` that names no file, as of a write on a full disk, the name `path`."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
