"""Small pictures of a data set's images, for pages."""

import io

from PIL import Image, ImageOps

from simclr_med.views import places

SIDE = 96  # pixels; twice as wide at most
UNREADABLE = (OSError, ValueError, Image.DecompressionBombError)


def thumbnail(path):
    """Return an image as a small JPEG, None where it cannot be read.

    Args:
      path: of a file, or the place of an image in a shard, see `views.places`.
    """
    try:
        with Image.open(io.BytesIO(places.read_bytes(path))) as image:
            small = image.convert("RGB" if image.mode not in ("L", "1") else "L")
            small = ImageOps.contain(small, (2 * SIDE, SIDE))
    except UNREADABLE:
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
