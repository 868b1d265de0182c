"""Files of arrays from elsewhere: sizes that they declare are compared with their own length.

    arrays = read_npz("dermamnist.npz")  # {"train_images": ...}
    refuse_larger(path, "conv1/kernel", shape, itemsize)

A file of a few bytes may promise more than any memory holds, so nothing is allocated before.
"""

import io
import math
import os
import tokenize
import zipfile
import zlib

import numpy as np

from simclr_med.errors import InputError
from simclr_med.files import paths

FREE = 2**26  # bytes that any file may promise
EXPANSION = 100  # times its length that a compressed file may promise; deflate reaches 1000
LONGEST_HEADER = 2**14  # bytes; NumPy reads 10,000
CHUNK = 2**20  # bytes read at once
NUMBERS = "biuf"  # kinds of NumPy's types that are read

# Errors of NumPy and zipfile on a file that is damaged or of another format.
DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
HEADERS = {  # readers of NumPy's, by version of the format
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def length(path):
    """Return the number of bytes of a file that are stored; the holes of a sparse one are not."""
    found = os.stat(path)
    stored = found.st_blocks * 512
    return min(found.st_size, max(EXPANSION * stored, FREE)) if stored else found.st_size


def allowance(path):
    """Return the number of bytes that the contents of a compressed file may have."""
    return max(FREE, EXPANSION * length(path))


def refuse_larger(path, name, needed, allowed):
    """Raise `InputError` where `name` in a file promises more bytes than its length allows."""
    if needed > allowed:
        raise InputError(
            f"{path} is damaged: {name} promises {needed:,} bytes; expected at most "
            f"{allowed:,}, by its length"
        )


def read_npz(path, kinds=NUMBERS):
    """Return the arrays in an .npz by name.

    Args:
      path: of the file.
      kinds: letters of NumPy's types that are expected, such as "U" for texts.

    Raises:
      InputError: it is no regular file, no .npz, damaged, or promises more than it can hold.
    """
    path = paths.file_to_read(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            refuse_larger(path, "the archive", sum(m.file_size for m in members), allowance(path))
            return {
                member.filename.removesuffix(".npy"): _member(path, archive, member, kinds)
                for member in members
            }
    except DAMAGED as error:
        raise _named(path, error, "an .npz of arrays") from None


def read_npy(path):
    """Return the array of numbers in an .npy; errors as of `read_npz`."""
    path = paths.file_to_read(path)
    try:
        with open(path, "rb") as file:
            return _array(path, path.name, file, length(path), NUMBERS)
    except DAMAGED as error:
        raise _named(path, error, "an .npy of numbers") from None


def member_bytes(path, archive, name):
    """Return a member of an open archive, once its declared size is found to fit the file's.

    Raises:
      InputError: it promises too much.
      KeyError, BadZipFile, zlib.error: it is missing or damaged.
    """
    refuse_larger(path, name, archive.getinfo(name).file_size, allowance(path))
    return archive.read(name)


def _member(path, archive, member, kinds):
    with archive.open(member) as file:
        return _array(path, member.filename, file, member.file_size, kinds)


def _array(path, name, file, size, kinds):
    """Return the array that begins at the start of `file`, of `size` bytes in all."""
    beginning = io.BytesIO(file.read(LONGEST_HEADER))  # a header may promise to be of any length
    shape, by_column, dtype = _header(name, beginning)
    if dtype.hasobject:
        raise ValueError(f"Object arrays cannot be loaded: {name} holds Python objects")
    if dtype.kind not in kinds:
        raise ValueError(f"{name} is {dtype}; expected a type of {kinds}")
    if min(shape, default=0) < 0:
        raise ValueError(f"{name} has the shape {list(shape)}")
    count = math.prod(shape)
    refuse_larger(path, name, count * dtype.itemsize, size)
    array = np.empty(count, dtype)
    if array.nbytes:
        _fill(array.view(np.uint8), name, (beginning, file))
    return array.reshape(shape[::-1]).T if by_column else array.reshape(shape)


def _header(name, file):
    """Return shape, order (True by column) and type of an array in NumPy's format."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"{name} is of format {version}")
    try:
        return HEADERS[version](file)
    except (RecursionError, SyntaxError, MemoryError, tokenize.TokenError):
        raise ValueError(f"the header of {name} is none of NumPy's") from None


def _fill(view, name, files):
    """Read bytes into `view`, an array of them, from one open file after the other."""
    done = 0
    for file in files:
        while read := file.readinto(memoryview(view[done : done + CHUNK])):
            done += read
    if done < len(view):
        raise ValueError(f"{name} is cut short")


def _named(path, error, expected):
    """Return an `InputError` for an error in reading `path`."""
    if isinstance(error, InputError):
        return error
    return InputError(f"{path} is not {expected}, or is damaged: {error}")
