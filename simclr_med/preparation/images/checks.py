"""Image files as they lie on disk, looked at: which are missing, damaged, the same, or misread.

    seen = files_decoded(pathlib.Path("images"), ["a.jpg"], judge_for_training, plain_image)

Each look returns a table with the columns `COLUMNS`, one row an image: sides in pixels are 0 and
texts "" where unknown. Two images are the same if they have the same sha256 other than "": of their
pixels where they were decoded, whatever the file, else of their bytes.
"""

import collections
import concurrent.futures
import hashlib
import io
import os
import pathlib

import pandas as pd
from PIL import Image

from simclr_med.files import atomic
from simclr_med.preparation.images import formats

COLUMNS = ("width", "height", "sha256", "perceptual", "problem", "note")
UNKNOWN = (0, 0, "", b"", "", "")


def not_looked_at(names):
    """Return the table of images of which nothing is known."""
    return pd.DataFrame([UNKNOWN] * len(names), columns=COLUMNS)


def files_there(root, names):
    """Return the table of files that were not opened, but for those whose size another has too.

    Args:
      root, names: the folder, and paths below it.
    """
    paths = [os.path.join(root, name) for name in names]
    sizes = [_size(path) for path in paths]
    same = collections.Counter(sizes)
    rows = [
        (0, 0, atomic.sha256(path) if size and same[size] > 1 else "", b"", _absent(size), "")
        for path, size in zip(paths, sizes, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def files_decoded(root, names, judge, shown, *, fingerprint=None, workers=0, progress=None):
    """Return the table of files that were read and decoded.

    Args:
      root, names: the folder, and paths below it.
      judge: of `judges`, says what is wrong with a decoded image.
      shown: of `rewriting`, makes of it the plain image that training will see.
      fingerprint: a function from a plain image to the bytes in the column perceptual, or None.
      workers: threads, 0 for one a core.
      progress: called with (what, done, all), or None.
    """
    paths = [os.path.join(root, name) for name in names]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row in pool.map(lambda path: _decoded(path, judge, shown, fingerprint), paths):
            rows.append(row)
            if progress:
                progress("looking at images", len(rows), len(paths))
    return pd.DataFrame(rows, columns=COLUMNS)


def images_rendered(render, names, *, fingerprint=None, progress=None):
    """Return the table of images that `render(name)` makes, uint8 `[H, W]` or `[H, W, 3]`.

    A ValueError that it raises is the image's problem.

    Args:
      fingerprint, progress: as of `files_decoded`.
    """
    rows = []
    for name in names:
        try:
            pixels = render(name)
            image = Image.fromarray(pixels)
            looks = fingerprint(image) if fingerprint else b""
            rows.append((*image.size, _digest(image), looks, "", ""))
        except ValueError as error:
            rows.append((0, 0, "", b"", str(error), ""))
        if progress:
            progress("rendering images", len(rows), len(names))
    return pd.DataFrame(rows, columns=COLUMNS)


def _size(path):
    return os.path.getsize(path) if os.path.isfile(path) else None


def _absent(size):
    return "is missing" if size is None else "" if size else "is an empty file"


def _digest(image):
    """Return a digest that plain images share if, and only if, they show the same pixels."""
    rgb = image.convert("RGB")
    return hashlib.sha256(repr(rgb.size).encode() + rgb.tobytes()).hexdigest()


def _decoded(path, judge, shown, fingerprint):
    absent = _absent(_size(path))
    if absent:
        return 0, 0, "", b"", absent, ""
    try:
        content = pathlib.Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            problem, note = judge(image, content, path)
            if problem:
                return *image.size, "", b"", problem, note
            plain = shown(image, content)
            looks = fingerprint(plain) if fingerprint else b""
            return *image.size, _digest(plain), looks, problem, note
    except Exception as error:  # damaged files raise whatever their format's reader meets
        return 0, 0, "", b"", _why(error, path), ""


def _why(error, path):
    """Return why an image cannot be read, without its path or Pillow's name of a buffer."""
    if isinstance(error, Image.UnidentifiedImageError):
        return formats.not_readable(path) or "is no image that can be read"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
