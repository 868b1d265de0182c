"""Image files as they lie on disk, looked at: which are missing, damaged, the same, or misread.

    seen = files_decoded(pathlib.Path("images"), ["a.jpg", "b.png"], judge_for_training)

Each look returns a table with the columns `COLUMNS`, one row an image: sides in pixels are 0 and
texts "" where unknown. Two images have the same bytes if they have the same sha256 other than "".
"""

import collections
import concurrent.futures
import hashlib
import io
import os

import pandas as pd
from PIL import Image

from simclr_med import files
from simclr_med.preparation.images.rewriting import plain_image

COLUMNS = ("width", "height", "sha256", "perceptual", "problem", "note")
UNKNOWN = (0, 0, "", "", "", "")


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
        (0, 0, files.sha256(path) if size and same[size] > 1 else "", "", _absent(size), "")
        for path, size in zip(paths, sizes, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def files_decoded(root, names, judge, *, fingerprint=None, workers=0, progress=None):
    """Return the table of files that were read and decoded.

    Args:
      root, names: the folder, and paths below it.
      judge: of `judges`, says what is wrong with a decoded image.
      fingerprint: a function from a plain Pillow image to the text in the column perceptual, or
        None.
      workers: threads, 0 for one a core.
      progress: called with (what, done, all), or None.
    """
    paths = [os.path.join(root, name) for name in names]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row in pool.map(lambda path: _decoded(path, judge, fingerprint), paths):
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
            looks = fingerprint(Image.fromarray(pixels)) if fingerprint else ""
            digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
            rows.append((pixels.shape[1], pixels.shape[0], digest, looks, "", ""))
        except ValueError as error:
            rows.append((0, 0, "", "", str(error), ""))
        if progress:
            progress("rendering images", len(rows), len(names))
    return pd.DataFrame(rows, columns=COLUMNS)


def _size(path):
    return os.path.getsize(path) if os.path.isfile(path) else None


def _absent(size):
    return "is missing" if size is None else "" if size else "is an empty file"


def _decoded(path, judge, fingerprint):
    absent = _absent(_size(path))
    if absent:
        return 0, 0, "", "", absent, ""
    with open(path, "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            problem, note = judge(image, content, path)
            looks = ""
            if fingerprint and not problem:
                looks = fingerprint(plain_image(image, content))
            return *image.size, digest, looks, problem, note
    except Exception as error:  # damaged files raise whatever their format's reader meets
        # Pillow names its own buffer where it knows no format.
        named = not isinstance(error, Image.UnidentifiedImageError)
        reason = (str(error) or type(error).__name__) if named else "is no image that can be read"
        return 0, 0, digest, "", reason, ""
