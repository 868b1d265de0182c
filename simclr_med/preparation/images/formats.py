"""Suffixes of image files: those that can be read here, and the packages that others need.

is_readable("a/b.PGM")   # True
needed("a/b.heic")       # "pillow-heif"
"""

import contextlib
import functools
import os

from PIL import Image

# Of Pillow's formats, those of pictures; others are documents, fonts and icons.
FORMATS = (
    "JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "HEIF",
    "JXL", "SGI", "TGA", "PCX", "QOI",
)  # fmt: skip
# Suffixes that Pillow reads only with more, or since a version, by the package that adds it.
PACKAGES = {
    ".heic": "pillow-heif", ".heif": "pillow-heif", ".hif": "pillow-heif",
    ".avif": "pillow>=11.3", ".jxl": "pillow-jxl-plugin",
    ".jp2": "pillow", ".j2k": "pillow", ".webp": "pillow",  # built without a library
}  # fmt: skip


@functools.cache
def readable_suffixes() -> tuple[str, ...]:
    """Return the suffixes of images that Pillow and its installed plugins read, small letters."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401  # registers itself
    extensions = Image.registered_extensions()  # loads all of Pillow's own plugins
    return tuple(
        sorted(s for s, kind in extensions.items() if kind in FORMATS and kind in Image.OPEN)
    )


def is_readable(path: str) -> bool:
    """Return true where the suffix of a path is one of `readable_suffixes`."""
    return os.path.splitext(path)[1].lower() in readable_suffixes()


def needed(path: str) -> str:
    """Return the package that reads images of a path's suffix, "" where none or nothing lacks."""
    return "" if is_readable(path) else PACKAGES.get(os.path.splitext(path)[1].lower(), "")


def not_readable(path: str) -> str:
    """Return why an image of that suffix cannot be read here, and the way out; "" if it can."""
    package = needed(path)
    if not package:
        return ""
    return f"is not readable here: install {package}, or convert it to JPEG or PNG"
