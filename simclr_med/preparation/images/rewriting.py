"""Image files rewritten so that training reads them best: upright, 8 bits, without metadata.

content, suffix = rewrite("images/a.tif", shortest_side=256)
"""

import io
import pathlib

from PIL import Image

from simclr_med.preparation.images.depth import declared_bits, plain_from_deep

EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
LOSSY = ("JPEG", "MPO")
QUALITY = 95


def rewrite(path, shortest_side):
    """Return an image's file as training reads it best.

    What has more than 8 bits is stretched from its own least to its own largest value; what is
    transparent lies on white; CMYK and palettes become RGB. Pixels alone stay: no EXIF, no text.

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
        content = pathlib.Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            lossy = image.format in LOSSY
            plain = upright_image(image, content)
    except Exception as error:  # damaged files raise whatever their format's reader meets
        raise ValueError(str(error) or type(error).__name__) from None
    plain = shrunk(plain, shortest_side)
    buffer = io.BytesIO()
    if lossy:
        plain.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    else:
        plain.save(buffer, "PNG")
    return buffer.getvalue(), ".jpg" if lossy else ".png"


def shrunk(image, shortest_side):
    """Return a Pillow image whose shorter side has at most so many pixels; 0 or None is any.

    `views.pillow_resize` does the same in a served graph.
    """
    if not shortest_side or min(image.size) <= shortest_side:
        return image
    scale = shortest_side / min(image.size)
    size = [max(1, round(side * scale)) for side in image.size]
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


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


def png(pixels, shortest_side=None):
    """Return uint8 `[H, W]` or `[H, W, 3]`, `shrunk`, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    shrunk(Image.fromarray(pixels), shortest_side).save(buffer, "PNG")
    return buffer.getvalue()


def upright_image(image, content):
    """Return the image of `plain_image`, turned as the file's EXIF says."""
    turn = UPRIGHT.get(image.getexif().get(EXIF_ORIENTATION))
    plain = plain_image(image, content)
    return plain if turn is None else plain.transpose(turn)


def plain_image(image, content):
    """Return a Pillow image as "L" or "RGB", without metadata of its file.

    Args:
      image: Pillow's, of the bytes `content`.

    Raises:
      ValueError: it has more than 8 bits of a kind that is not handled.
    """
    if declared_bits(image, content) > 8:
        return plain_from_deep(image, content)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    plain.info = {}
    return plain
