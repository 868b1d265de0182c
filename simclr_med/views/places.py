"""Places of images' files, each by itself or as a part of a shard; read as bytes, in Python.

A place is a text: a path, or SHARD@OFFSET+LENGTH/SIZE, so many bytes of a shard of that size.
views/decode.py reads the same places as TensorFlow ops.
"""

import os
import pathlib
import re

STRETCH = 4096  # bytes
IN_SHARD = r"(.*)@(\d+)\+(\d+)/(\d+)"


def in_shard(shard, offset, length, size):
    """Return the place of an image in a shard.

    Args:
      shard: the shard's path.
      offset, length: of the image's file in it, in bytes.
      size: of the shard, in bytes.
    """
    return f"{shard}@{offset}+{length}/{size}"


def is_in_shard(place):
    """Return true if a place is a part of a shard, and no file of its own."""
    return re.fullmatch(IN_SHARD, place) is not None


def sample(place):
    """Return a sample of an image's file that tells it from others without reading it whole.

    Returns:
      Its length as text, and the bytes of three stretches: its beginning, middle and end.

    Raises:
      OSError: it is missing or cannot be read.
    """
    part = re.fullmatch(IN_SHARD, place)
    path, start, length = (part[1], *map(int, part.group(2, 3))) if part else (place, 0, None)
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size if length is None else length
        found = [str(length).encode()]
        for share in (0, 0.5, 1):
            file.seek(start + int(share * max(0, length - STRETCH)))
            found.append(file.read(min(STRETCH, length)))
    return b"/".join(found)


def read_bytes(place):
    """Return the bytes of the image's file at a place.

    Raises:
      OSError: it is missing or cannot be read.
    """
    part = re.fullmatch(IN_SHARD, place)
    if not part:
        return pathlib.Path(place).read_bytes()
    with open(part[1], "rb") as shard:
        shard.seek(int(part[2]))
        return shard.read(int(part[3]))
