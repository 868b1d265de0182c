r"""Formats of image files: suffixes that are taken for images, and formats that need a package.

needs_package(b"\xff\x0a")  # "is JPEG XL, which is not readable here: pip install ..."
"""

import contextlib
import functools
import os

from PIL import Image

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
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401  # registers itself
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
