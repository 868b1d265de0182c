"""Small pictures of a data set's images, for pages."""

import io

from PIL import Image, ImageOps

from simclr_med.views import places

SIDE = 96  # pixels; twice as wide at most
PILLOW_ERRORS = (OSError, ValueError, Image.DecompressionBombError)


def thumbnail(path, plain=None):
    """Return an image as a small JPEG without its file's comments, None where it cannot be read.

    Args:
      path: of a file, or the place of an image in a shard, see `views.places`.
      plain: what makes a Pillow image of 8 bits from one and its bytes; by default Pillow's own
        conversion, which suits what can be trained on.
    """
    try:
        content = places.read_bytes(path)
        with Image.open(io.BytesIO(content)) as image:
            small = ImageOps.contain((plain or _plain)(image, content), (2 * SIDE, SIDE))
    except PILLOW_ERRORS:
        return None
    small.info = {}  # a JPEG would have a comment from there
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _plain(image, _):
    return image.convert("L" if image.mode in ("L", "1") else "RGB")
