"""Image files as they lie on disk: looked at, compared, and rewritten so that training reads them.

    seen = look(pathlib.Path("images"), ["a.jpg", "b.png"], "decode")
    content, suffix = rewrite("images/a.tif", shortest_side=256)

Training reads JPEG, PNG, GIF and BMP by their content, keeps the high byte of 16 bits, and does
not turn an image by its EXIF; what that would harm is a problem here, the rest a note.
"""

import collections
import concurrent.futures
import hashlib
import io
import os

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

READ_BY_TRAINING = ("JPEG", "MPO", "PNG", "GIF", "BMP")
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
SMALLEST_SIDE = 8
EXIF_ORIENTATION = 0x0112
SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png",)}
QUALITY = 95
LOSSY = ("JPEG", "MPO")
COLUMNS = ("width", "height", "sha256", "perceptual", "problem", "note")
BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)  # set in a byte
HOW = ("none", "exists", "decode")


def look(root, names, how, *, perceptual=False, rewritten=False, workers=0, progress=None):
    """What can be said of N images: a table with the columns `COLUMNS`, one row an image.

    Args:
      root, names: the folder, and paths below it.
      how: "none" touches no file; "exists" sees whether it is there, and hashes those files whose
        size another has too; "decode" reads each once, hashes and decodes it.
      perceptual: whether to hash what it shows too, as 64 hexadecimal digits; see `near`.
      rewritten: whether `rewrite` will be used: then formats and depths are no problem.
      workers: threads, 0 for one a core.
      progress: called with (what, done, all), or None.

    Returns:
      The table; sides are 0 and texts "" where unknown. Two files have the same bytes if and only
      if they have the same sha256 other than "" ("none" knows none).
    """
    if how not in HOW:
        raise ValueError(f"how {how!r}; expected one of {HOW}")
    nothing = (0, 0, "", "", "", "")
    if how == "none":
        return pd.DataFrame([nothing] * len(names), columns=COLUMNS)
    paths = [os.path.join(root, name) for name in names]
    if how == "exists":
        sizes = [_size(path) for path in paths]
        same = collections.Counter(sizes)
        rows = [
            (0, 0, _digest(path) if size and same[size] > 1 else "", "", _absent(size), "")
            for path, size in zip(paths, sizes, strict=True)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row in pool.map(lambda path: _decoded(path, perceptual, rewritten), paths):
            rows.append(row)
            if progress:
                progress("looking at images", len(rows), len(paths))
    return pd.DataFrame(rows, columns=COLUMNS)


def look_at_rendered(render, names, how, *, perceptual=False, progress=None):
    """The same of images that `render(name)` makes: they are rendered where `how` is "decode"."""
    rows = []
    for name in names if how == "decode" else ():
        try:
            pixels = render(name)
            looks = _difference_hash(Image.fromarray(pixels)) if perceptual else ""
            digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
            rows.append((pixels.shape[1], pixels.shape[0], digest, looks, "", ""))
        except ValueError as error:
            rows.append((0, 0, "", "", str(error), ""))
        if progress:
            progress("rendering images", len(rows), len(names))
    rows = rows or [(0, 0, "", "", "", "")] * len(names)
    return pd.DataFrame(rows, columns=COLUMNS)


def _size(path):
    return os.path.getsize(path) if os.path.isfile(path) else None


def _absent(size):
    return "is missing" if size is None else "" if size else "is an empty file"


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _decoded(path, perceptual, rewritten):
    absent = _absent(_size(path))
    if absent:
        return 0, 0, "", "", absent, ""
    with open(path, "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            problem, note = _judged(image, content, path, rewritten)
            looks = _difference_hash(image) if perceptual and not problem else ""
            return *image.size, digest, looks, problem, note
    except Exception as error:  # damaged files raise whatever their format's reader meets
        # Pillow names its own buffer where it knows no format.
        known = not isinstance(error, Image.UnidentifiedImageError)
        reason = (str(error) or type(error).__name__) if known else "is no image that can be read"
        return 0, 0, digest, "", reason, ""


def _judged(image, content, path, rewritten):
    """The problem with a decoded image, or "", and what else is to be known of it."""
    if min(image.size) < SMALLEST_SIDE:
        return f"is {image.width} x {image.height}: a side below {SMALLEST_SIDE} pixels", ""
    if not rewritten and image.format not in READ_BY_TRAINING:
        return (
            f"is {image.format}: training reads JPEG, PNG, GIF and BMP; --shortest_side rewrites it"
        ), ""
    if not rewritten and image.format == "BMP" and not _plain_bmp(content, image.mode):
        return "is a BMP that training misreads (palette, packed); --shortest_side rewrites it", ""
    if not rewritten and image.mode in DEEP:
        return "is 16-bit: training would keep its high byte alone; --shortest_side rewrites it", ""
    notes = []
    if not rewritten and image.getexif().get(EXIF_ORIENTATION, 1) != 1:
        notes.append("EXIF rotation, which training does not apply (--shortest_side does)")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        notes.append("transparent, which training takes for opaque (--shortest_side: on white)")
    if getattr(image, "n_frames", 1) > 1 and image.format == "GIF":
        notes.append("animated: the first frame counts")
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES.get(image.format, (suffix,)):
        notes.append(f"{image.format} with another suffix")
    return "", "; ".join(notes)


def _plain_bmp(content, mode):
    """Whether TensorFlow's decoder, which knows neither palettes nor packing, reads these bytes."""
    bits, compression = (int.from_bytes(content[i : i + 2], "little") for i in (28, 30))
    return compression in (0, 3) and (bits in (24, 32) or (bits == 8 and mode == "L"))


def rewrite(path, shortest_side):
    """An image's file as training reads it best: upright, 8 bits a channel, without metadata.

    16-bit and float greyscale is stretched from its own least to its own largest value; what is
    transparent lies on white; CMYK and palettes become RGB.

    Args:
      path: of an image that Pillow opens.
      shortest_side: pixels that the shorter side has at most, resized with antialiasing; 0 or
        None keeps the size.

    Returns:
      (bytes, suffix): JPEG of quality 95 where the source is JPEG, else PNG.

    Raises:
      ValueError: it cannot be read; says why.
    """
    try:
        with Image.open(path) as image:
            lossy = image.format in LOSSY
            plain = _plain(ImageOps.exif_transpose(image))
    except Exception as error:  # see `_decoded`
        raise ValueError(str(error) or type(error).__name__) from None
    if shortest_side and min(plain.size) > shortest_side:
        scale = shortest_side / min(plain.size)
        size = [max(1, round(side * scale)) for side in plain.size]
        plain = plain.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = io.BytesIO()
    if lossy:
        plain.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    else:
        plain.save(buffer, "PNG")
    return buffer.getvalue(), ".jpg" if lossy else ".png"


def rewritten_suffix(path):
    """The suffix that `rewrite` gives the image at `path`; ValueError where it is none."""
    try:
        with Image.open(path) as image:
            return ".jpg" if image.format in LOSSY else ".png"
    except Exception as error:  # see `_decoded`
        raise ValueError(str(error) or type(error).__name__) from None


def _plain(image):
    """The image as "L" or "RGB"."""
    if image.mode in DEEP:
        values = np.asarray(image, np.float64)
        low, high = np.nanmin(values), np.nanmax(values)
        scaled = (values - low) * (255 / (high - low) if high > low else 0)
        return Image.fromarray(np.round(np.nan_to_num(scaled)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    plain.info = {}  # what a file says of itself beyond its pixels does not travel
    return plain


def png(pixels):
    """uint8 `[H, W]` or `[H, W, 3]` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _difference_hash(image):
    """256 bits in hexadecimal: whether each of 16 x 16 places is darker than its right."""
    small = _plain(image).convert("L").resize((17, 16), Image.Resampling.BOX)
    values = np.asarray(small, np.int16)
    return np.packbits(values[:, 1:] > values[:, :-1]).tobytes().hex()


def near(hashes, distance):
    """Pairs (i, j), i < j, of 256-bit hashes that differ in `distance` bits or less.

    Two such agree in at least one of distance + 1 bands of bits, so that only those that share a
    band are compared. Empty hashes are near nothing.
    """
    rows = np.flatnonzero([bool(text) for text in hashes])
    if len(rows) < 2:
        return []
    joined = b"".join(bytes.fromhex(hashes[i]) for i in rows)
    packed = np.frombuffer(joined, np.uint8).reshape(len(rows), 32)
    bits = np.unpackbits(packed, axis=1)
    ends = np.linspace(0, 256, min(distance + 1, 256) + 1).astype(int)
    pairs = set()
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        band = np.packbits(bits[:, start:end], axis=1)
        _, code = np.unique(band, axis=0, return_inverse=True)
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code.ravel()[order], prepend=-1))
        for members in np.split(order, starts[1:]):
            for place, i in enumerate(members[:-1]):
                others = members[place + 1 :]
                apart = BITS[packed[others] ^ packed[i]].sum(axis=1)
                pairs.update((int(i), int(j)) for j in others[apart <= distance])
    return sorted((int(rows[i]), int(rows[j])) for i, j in (sorted(pair) for pair in pairs))
