"""Image files rewritten so that training reads them best: upright, 8 bits, without metadata.

content, suffix = rewrite("images/a.tif", shortest_side=256)
"""

import io

import numpy as np
from PIL import Image, ImageOps

DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes beyond 8 bits
LOSSY = ("JPEG", "MPO")
QUALITY = 95


def rewrite(path, shortest_side):
    """Return an image's file as training reads it best.

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
            plain = plain_image(ImageOps.exif_transpose(image))
    except Exception as error:  # damaged files raise whatever their format's reader meets
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
    """Return the suffix that `rewrite` gives the image at `path`.

    Raises:
      ValueError: it cannot be read; says why.
    """
    try:
        with Image.open(path) as image:
            return ".jpg" if image.format in LOSSY else ".png"
    except Exception as error:  # damaged files raise whatever their format's reader meets
        raise ValueError(str(error) or type(error).__name__) from None


def png(pixels):
    """Return uint8 `[H, W]` or `[H, W, 3]` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def plain_image(image):
    """Return a Pillow image as "L" or "RGB", without what its file says beyond the pixels."""
    if image.mode in DEEP:
        values = np.asarray(image, np.float64)
        low, high = np.nanmin(values), np.nanmax(values)
        scaled = (values - low) * (255 / (high - low) if high > low else 0)
        return Image.fromarray(np.round(np.nan_to_num(scaled)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    plain.info = {}
    return plain
