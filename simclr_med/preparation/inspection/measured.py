"""Image files of a data set, measured: sizes, unreadable files, identical files."""

import collections
import contextlib
import hashlib
import io
import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from simclr_med.data.thumbnails import PILLOW_ERRORS
from simclr_med.views import places

HEADERS_READ = 20_000


class Measured(NamedTuple):
    """Measurements of image files.

    Attributes:
      sizes: pairs (width, height) in pixels.
      unreadable: pairs (name, reason).
      identical: lists of names of images whose files have the same bytes.
    """

    sizes: list
    unreadable: list
    identical: list


class SizeSummary(NamedTuple):
    """Of how many images; sides as (name, least, median, most) pixels; the most common sizes."""

    images: int
    sampled: bool
    sides: list
    different: int
    common: list


def measure(table, seed):
    """Return the `Measured` files of a manifest's table.

    Args:
      table: with the columns image and path, a place as in `Cases.paths`.
      seed: which images, where there are more than `HEADERS_READ`.
    """
    rows = np.arange(len(table))
    if len(rows) > HEADERS_READ:
        rows = np.sort(np.random.default_rng(seed).choice(rows, HEADERS_READ, replace=False))
    names, paths = table["image"].iloc[rows], table["path"].iloc[rows]
    sizes, unreadable, same_length = [], [], collections.defaultdict(list)
    for name, path in zip(names, paths, strict=True):
        try:
            with _opened(path) as (file, length), Image.open(file) as image:
                sizes.append(image.size)  # Pillow reads no more than the header for it
            same_length[length].append((name, path))
        except PILLOW_ERRORS as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            unreadable.append((name, reason))
    return Measured(sizes, unreadable, _identical(same_length.values()))


def size_summary(sizes, images):
    """Return the `SizeSummary` of pairs (width, height), None where there is none.

    Args:
      sizes: of the images that were measured.
      images: how many there are in all.
    """
    if not sizes:
        return None
    pixels = np.array(sizes)
    sides = [
        (name, *(int(f(pixels[:, i])) for f in (np.min, np.median, np.max)))
        for i, name in enumerate(("width", "height"))
    ]
    common = collections.Counter(sizes).most_common(5)
    return SizeSummary(len(sizes), len(sizes) < images, sides, len(set(sizes)), common)


def _identical(groups):
    """Return lists of names with the same bytes, of groups of (name, path) of the same length."""
    by_digest = collections.defaultdict(list)
    for group in groups:
        for name, path in group if len(group) > 1 else ():
            by_digest[hashlib.sha256(places.read_bytes(path)).digest()].append(name)
    return [names for names in by_digest.values() if len(names) > 1]


@contextlib.contextmanager
def _opened(path):
    """Yield the image as an open file, and its length in bytes."""
    if places.is_in_shard(path):
        content = places.read_bytes(path)
        yield io.BytesIO(content), len(content)
    elif not os.path.exists(path):
        raise FileNotFoundError(path)
    elif not os.path.isfile(path):  # a pipe or a device, whose reading might never end
        raise OSError("is no file")
    else:
        with open(path, "rb") as file:
            yield file, os.fstat(file.fileno()).st_size
