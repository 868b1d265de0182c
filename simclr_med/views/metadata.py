"""EXIF and XMP of JPEGs and PNGs, as TensorFlow ops.

    exif, xmp = segments(content)
    exif, xmp, is_read = png_metadata(content)

Where a file holds one of them twice, that counts which Pillow takes.
"""

import tensorflow as tf

EXIF, XMP_OF_JPEG = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
XMP, RAW = b"XML:com.adobe.xmp", b"Raw profile type exif"  # keywords of a PNG's texts
START_OF_SCAN, APP1, FILL = 0xDA, 0xE1, 0xFF
MOST_COMPRESSED = 2**17  # bytes, which may inflate to a thousand times as many


def segments(content):
    """Return EXIF, less its mark, and XMP of a JPEG: string scalars, empty where there is none."""
    length = tf.strings.length(content)

    def is_before_pixels(place, exif, xmp):
        head = _bytes(content, place, 2)
        return (place + 4 <= length) & (head[0] == FILL) & (head[1] != START_OF_SCAN)

    def next_segment(place, exif, xmp):
        head = _bytes(content, place, 4)
        size = 256 * head[2] + head[3]
        data = tf.strings.substr(content, place + 4, tf.maximum(size - 2, 0))
        is_app1 = head[1] == APP1
        # Further segments continue the first.
        exif = tf.where(is_app1 & _begins(data, EXIF), exif + _after(data, len(EXIF)), exif)
        is_xmp = is_app1 & _begins(data, XMP_OF_JPEG)
        xmp = tf.where(is_xmp, _after(data, len(XMP_OF_JPEG)), xmp)
        step = tf.where(head[1] == FILL, 1, 2 + tf.maximum(size, 2))
        return tf.minimum(place + step, length), exif, xmp

    _, exif, xmp = tf.while_loop(is_before_pixels, next_segment, (2, "", ""))
    return _unmarked(exif), xmp


def png_metadata(content):
    """Return EXIF and XMP of a PNG, two strings, and false if some of it was too long to read."""
    length = tf.strings.length(content)

    def is_inside(place, exif, raw, xmp, is_read):
        return place + 12 <= length

    def next_chunk(place, exif, raw, xmp, is_read):
        head = _bytes(content, place, 4)
        size = tf.reduce_sum(head * [2**24, 2**16, 2**8, 1])
        size = tf.where((head[0] < 128) & (size <= length - place - 12), size, length - place - 12)
        kind = tf.strings.substr(content, place + 4, 4)

        def read():
            data = tf.strings.substr(content, place + 8, size)
            key, text, whole = _text(kind, data)
            is_exif = (kind == b"eXIf") | ((kind == b"tEXt") & (key == b"exif"))
            return (
                tf.where(is_exif, tf.where(kind == b"eXIf", data, text), exif),
                tf.where(key == RAW, text, raw),
                tf.where(key == XMP, text, xmp),
                is_read & whole,
            )

        holds = tf.reduce_any(kind == [b"eXIf", b"tEXt", b"zTXt", b"iTXt"])
        found = tf.cond(holds, read, lambda: (exif, raw, xmp, is_read))
        return (place + 12 + size, *found)

    found = tf.while_loop(is_inside, next_chunk, (8, "", "", "", True))
    _, exif, raw, xmp, is_read = found
    exif = tf.cond(tf.strings.length(exif) > 0, lambda: exif, lambda: _of_raw_profile(raw))
    return _unmarked(exif), xmp, is_read


def _text(kind, data):
    """Return keyword and text of a PNG's tEXt, zTXt or iTXt, and false if it was too long to read.

    A compressed text of another keyword than EXIF's or XMP's is left as it is.
    """
    key, rest = _cut(data)
    is_zipped = (kind == b"zTXt") | ((kind == b"iTXt") & _begins(rest, b"\1"))
    start = tf.where(kind == b"zTXt", 1, tf.where(kind == b"iTXt", 2, 0))
    rest = _after(rest, start)

    def without_languages():
        return _cut(_cut(rest)[1])[1]

    text = tf.cond(kind == b"iTXt", without_languages, lambda: rest)
    is_wanted = is_zipped & tf.reduce_any(key == [XMP, RAW])
    is_short = tf.strings.length(text) <= MOST_COMPRESSED
    unzipped = tf.cond(
        is_wanted & is_short, lambda: tf.io.decode_compressed(text, "ZLIB"), lambda: text
    )
    return key, unzipped, ~is_wanted | is_short


def _of_raw_profile(text):
    """Return the bytes that ImageMagick's text spells in hexadecimal from its fourth line on."""
    lines = tf.strings.split(text, "\n", maxsplit=3)
    digits = tf.cond(tf.size(lines) == 4, lambda: lines[3], lambda: "")
    digits = tf.strings.regex_replace(digits, r"\s", "")
    codes = tf.cast(tf.io.decode_raw(tf.strings.lower(digits), tf.uint8), tf.int32)
    nibbles = tf.where(codes >= ord("a"), codes - ord("a") + 10, codes - ord("0"))
    pairs = tf.reshape(nibbles[: tf.size(nibbles) // 2 * 2], [-1, 2])
    values = tf.clip_by_value(16 * pairs[:, 0] + pairs[:, 1], 0, 255)
    return tf.strings.reduce_join(tf.gather(EVERY_BYTE, values))


EVERY_BYTE = [bytes([value]) for value in range(256)]


def _unmarked(exif):
    """Return EXIF less the mark before it."""
    return tf.cond(_begins(exif, EXIF), lambda: _after(exif, len(EXIF)), lambda: exif)


def _cut(text):
    """Return the parts of a text before and after its first zero."""
    parts = tf.strings.split(text, b"\0", maxsplit=1)
    return parts[0], tf.cond(tf.size(parts) == 2, lambda: parts[1], lambda: "")


def _after(text, start):
    """Return a text from its byte `start` on, empty where it is shorter."""
    start = tf.minimum(start, tf.strings.length(text))
    return tf.strings.substr(text, start, tf.strings.length(text))


def _begins(text, mark):
    return tf.strings.substr(text, 0, len(mark)) == mark


def _bytes(content, place, count):
    """Return so many bytes from a place on, int32 `[count]`; 0 after the last."""
    found = tf.io.decode_raw(tf.strings.substr(content, place, count), tf.uint8)
    return tf.cast(tf.pad(found, [[0, count]])[:count], tf.int32)
