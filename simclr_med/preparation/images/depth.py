"""Values of more than 8 bits: the depth that a file declares and its samples, in any Pillow mode.

    if declared_bits(image, content) > 8:
        eight = plain_from_deep(image, content)

Pillow keeps more than 8 bits of greys alone; of colours it keeps the high byte, which is next to
nothing of 12 bits in a file of 16.
"""

import io
import re
import sys

import numpy as np
from PIL import Image

DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes beyond 8 bits
OPAQUE = 2**16 - 1
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF
NATIVE = "L" if sys.byteorder == "little" else "B"


def declared_bits(image, content):
    """Return the bits of a sample that a file declares, 16 at least where Pillow keeps more than 8.

    Args:
      image: Pillow's, of the bytes `content`.
    """
    of_format = {"PNG": _png, "TIFF": _tiff, "JPEG2000": _jpeg2000, "PPM": _ppm, "SGI": _sgi}
    bits = of_format.get(image.format, lambda *_: 8)(image, content)
    return max(16, bits) if image.mode in DEEP else bits


def plain_from_deep(image, content):
    """Return an image of more than 8 bits as a Pillow image "L" or "RGB".

    Values are stretched from the image's least to its largest, all channels alike, so that a grey
    stays one; what is wholly transparent does not count, and all lies on white.

    Raises:
      ValueError: values that cannot be read, or of which none is finite.
    """
    if image.mode in DEEP:
        values, opacity = np.asarray(image, np.float64), np.ones(image.size[::-1])
        if image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO:
            values = -values
    else:
        values, opacity = _colours(image, content)
    return Image.fromarray(_on_white(values, opacity))


def _on_white(values, opacity):
    """Return stretched values on white, uint8 `[H, W]` or `[H, W, 3]`; opacity is in 0 to 1."""
    opaque = opacity if values.ndim == 2 else opacity[..., None]
    counting = values[np.isfinite(values) & (opaque > 0)]
    if not counting.size and opacity.any():
        raise ValueError("holds no value that is finite")
    low, high = (counting.min(), counting.max()) if counting.size else (0, 0)
    scale = 255 / (high - low) if high > low else 0.0
    stretched = (np.clip(np.nan_to_num(values, nan=low), low, high) - low) * scale
    return np.round(opaque * stretched + (1 - opaque) * 255).astype(np.uint8)


def _colours(image, content):
    """Return values, float64 `[H, W, 3]`, and opacity, `[H, W]` in 0 to 1, of colours."""
    if image.format == "PNG":
        samples = _decoded_png(content)
    elif image.format == "TIFF":
        samples = _read_twice(content)
    else:
        samples = None
    if samples is None:
        bits = declared_bits(image, content)
        raise ValueError(f"is {image.format} of {bits} bits in {image.mode}, which is not handled")
    opacity = samples[..., 3] / OPAQUE if samples.shape[2] == 4 else np.ones(samples.shape[:2])
    return samples[..., :3].astype(np.float64), opacity


def _decoded_png(content):
    """Return a PNG's samples, uint16 `[H, W, 4]`, alpha last."""
    import tensorflow as tf

    try:
        return tf.io.decode_png(content, channels=4, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError:
        raise ValueError("is a damaged PNG") from None


def _read_twice(content):
    """Return a TIFF's samples, integers `[H, W, 3 or 4]`, or None where Pillow cannot.

    Pillow drops the low byte of two; told that they lie the other way round, it drops the high one.
    """
    bytes_of = []
    for swapped in (False, True):
        with Image.open(io.BytesIO(content)) as image:
            modes = [tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in image.tile]
            if not all(re.fullmatch(r"RGB[AX]?;16[BLN]", mode) for mode in modes):
                return None
            if swapped:
                image.tile = [_swapped(tile) for tile in image.tile]
            image.load()
            bytes_of.append(np.asarray(image, np.int64))
    return 256 * bytes_of[0] + bytes_of[1]


def _swapped(tile):
    """Return a tile of Pillow's that names the other order of bytes."""
    codec, extents, offset, args = tile
    mode, *rest = [args] if isinstance(args, str) else args
    other = "B" if mode[-1].replace("N", NATIVE) == "L" else "L"
    mode = mode[:-1] + other
    return type(tile)(codec, extents, offset, mode if isinstance(args, str) else (mode, *rest))


def _png(image, content):
    return content[content.index(b"IHDR") + 12]


def _tiff(image, content):
    return max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))


def _jpeg2000(image, content):
    size = content.index(b"\xff\x4f\xff\x51") + 2  # the marker SIZ; Ssiz of the first component
    return (content[size + 40] & 0x7F) + 1


def _ppm(image, content):
    fields = re.sub(rb"#[^\n]*", b"", content[:1000]).split(maxsplit=4)
    largest = fields[3] if fields[0] in (b"P2", b"P3", b"P5", b"P6") else b"1"
    return int(largest).bit_length()


def _sgi(image, content):
    return 8 * content[3]
