<<<<<<< HEAD
"""Suffixes of image files: those that can be read here, and the packages that others need.

is_readable("a/b.PGM")   # True
needed("a/b.heic")       # "pillow-heif"
=======
"""Formats of image files: suffixes that are taken for images, and formats that need a package.

needs_package(b"\\xff\\x0a")  # "is JPEG XL, which is not readable here: pip install ..."
>>>>>>> part-h
"""

import contextlib
import functools
import os

from PIL import Image

<<<<<<< HEAD
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
=======
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif",
    ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm",
    ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif", ".avifs", ".heic", ".heif", ".jxl",
)  # fmt: skip

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
PACKAGES = {"HEIF": "pillow-heif", "AVIF": "'pillow>=11.3'", "JPEG XL": "pillow-jxl-plugin"}


@functools.cache
def add_readers() -> None:
    """Let Pillow read the formats whose packages are installed, once a process."""
>>>>>>> part-h
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401  # registers itself
<<<<<<< HEAD
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
=======
    Image.init()


def why_unread(error: Exception, path: str | os.PathLike) -> str:
    """Return the reason that an image cannot be read, without its path or Pillow's buffer's name.

    Args:
      error: raised as Pillow read it.
      path: of its file.
    """
    if isinstance(error, Image.UnidentifiedImageError):
        with open(path, "rb") as file:
            return needs_package(file.read(64)) or "is no image that can be read"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def needs_package(content: bytes) -> str:
    """Return the reason that an image's bytes are not readable here, with the package, or "".

    Args:
      content: of a file that Pillow cannot identify.
    """
    name = _of_package(content)
    if not name:
        return ""
    return f"is {name}, which is not readable here: pip install {PACKAGES[name]}"


def _of_package(content):
    """Return the format, of `PACKAGES`, that the first bytes are of, or ""."""
    if content[4:8] == b"ftyp":
        brands = content[8 : min(64, int.from_bytes(content[:4], "big"))]
        if brands[:4] in (b"avif", b"avis"):
            return "AVIF"
        return "HEIF" if brands[:4] in HEIF_BRANDS else ""
    jxl = content.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"))
    return "JPEG XL" if jxl else ""
>>>>>>> part-h
