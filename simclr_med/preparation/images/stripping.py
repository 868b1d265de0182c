"""Image files stripped of metadata, with every pixel as training sees it.

content = without_metadata(pathlib.Path("a.jpg").read_bytes())

EXIF, XMP, colour profiles, comments and texts may name a person or a place; thumbnails and further
pictures may show one. JPEG and PNG keep their compressed pixels as they are; other formats become
PNG.
"""

import re
import struct

from simclr_med.preparation.images.rewriting import png

JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# Of JPEG's application segments two say how colours are coded; what may follow them is no pixel.
JFIF, JFIF_BYTES, ADOBE, ADOBE_BYTES = 0xE0, 14, 0xEE, 12
APPLICATION, COMMENT = range(0xE0, 0xF0), 0xFE
SCAN, END = 0xDA, 0xD9
ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


def without_metadata(content):
    """Return an image's file without metadata; training sees the same pixels in it.

    Args:
      content: bytes of a file that training reads.

    Raises:
      ValueError: it cannot be read; says why.
    """
    try:
        if content.startswith(JPEG):
            return b"".join(_jpeg_parts(content))
        if content.startswith(PNG):
            return PNG + b"".join(_png_chunks(content))
    except (IndexError, struct.error):
        pass  # decoders pass over damage that cannot be followed here
    from simclr_med.data.unreadable import decoded_or_why  # TensorFlow's start is seconds long

    pixels, why = decoded_or_why(content)
    if why:
        raise ValueError(why)
    return png(pixels.numpy())


def _png_chunks(content):
    """Yield the chunks of a PNG that are kept, up to its end."""
    start = len(PNG)
    while start < len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + 12 + length
        if kind in PNG_KEPT:
            yield content[start:end]
        if kind == b"IEND":
            return
        start = end


def _jpeg_parts(content):
    """Yield the segments of a JPEG that are kept, with its scans, up to its end."""
    yield JPEG
    start = len(JPEG)
    while start < len(content):
        while content[start + 1] == 0xFF:  # fill bytes
            start += 1
        marker, end = content[start + 1], start + 2
        if marker not in (END, *ALONE):
            length = struct.unpack_from(">H", content, end)[0]
            if content[start] != 0xFF or length < 2:
                raise struct.error("no segment")
            end += length
        yield _kept(marker, content[start:end])
        if marker == END:
            return
        if marker == SCAN:
            found = NEXT_MARKER.search(content, end)
            start, end = end, found.start() if found else len(content)
            yield content[start:end]
        start = end


def _kept(marker, segment):
    """Return the kept part of a segment of a JPEG, its marker and length included."""
    body = segment[4:]
    if marker == JFIF and body.startswith(b"JFIF\0"):
        # Version, unit and density; the size of the thumbnail that is left out.
        return _segment(marker, body[: JFIF_BYTES - 2] + bytes(2))
    if marker == ADOBE and body.startswith(b"Adobe"):
        return _segment(marker, body[:ADOBE_BYTES])
    return b"" if marker in APPLICATION or marker == COMMENT else segment


def _segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body
