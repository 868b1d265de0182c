"""Writing files so that a reader finds the old one or the new one, never half of one; checksums."""

import contextlib
import hashlib
import os
import pathlib
import shutil


@contextlib.contextmanager
def replacing(path):
    """Yield the name of a file beside `path` that replaces `path` when the block ends well."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        _sync(beside)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_bytes(path, data):
    """Write `data` to `path` in one atomic step."""
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_text(path, text):
    """Write `text` to `path` as UTF-8 in one atomic step."""
    write_bytes(path, text.encode("utf-8"))


@contextlib.contextmanager
def new_folder(path):
    """Yield a temporary folder beside `path` that becomes `path` when the block ends well.

    Raises:
      FileExistsError: `path` is there already.
    """
    path = pathlib.Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
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

    What a block that did not end well wrote is there again the next time, if `key` is the same
    text; otherwise it is thrown away.

    Raises:
      FileExistsError: `path` is there already.
    """
    path = pathlib.Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    beside = path.with_name(f".{path.name}.unfinished")
    note = beside / "unfinished.key"
    if not note.exists() or note.read_text() != key:
        remove_folder(beside)
        write_text(note, key)
    yield beside
    note.unlink()
    os.rename(beside, path)
    _sync(path.parent)


def remove_folder(path):
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def sha256(path):
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
      OSError: it is missing or cannot be read.
    """
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
