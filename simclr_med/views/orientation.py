"""The orientation that an image's file asks for, read and applied as TensorFlow ops.

    image = upright(image, orientation(content))

Cameras store pixels as the sensor saw them, and say in EXIF how to turn them. Pillow, with which
preparation reads files, is what this agrees with: `Image.getexif`.
"""

import numpy as np
import tensorflow as tf

from simclr_med.views.metadata import png_metadata, segments

TAG, ENTRY, ROOM = 0x0112, 12, 32  # of EXIF 2.3, section 4.6.4; bytes of an entry; padding
UNREAD = -1  # an orientation that is held where it is not read
# Bytes of one value of each type of TIFF 6.0, section 2; those of no type that Pillow knows are 0.
SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8]
SHORTS, LONGS, FRACTIONS, FLOAT, DOUBLE, SIGNED_BYTE, LONG8 = (
    (3, 8),
    (4, 9, 13),
    (5, 10),
    11,
    12,
    6,
    16,
)
TURNS = np.arange(1, 9)
FLOATS = TURNS.astype(np.float32).view(np.int32)
DOUBLES = (TURNS.astype(np.float64).view(np.int64) >> 32).astype(np.int32)  # the lower half is 0


def orientation(content):
    """Return the orientation that a JPEG or PNG asks for, an int32 scalar, 1 to 8.

    EXIF counts, else XMP, as in Pillow; 1, upright, where neither says what is one. `UNREAD` where
    a PNG's metadata is compressed and too long to be read.

    Args:
      content: the file's bytes, a string scalar.
    """
    exif, xmp, is_read = tf.cond(
        tf.io.is_jpeg(content), lambda: (*segments(content), True), lambda: png_metadata(content)
    )
    found = _of_exif(exif)
    found = tf.cond(found < 0, lambda: _of_xmp(xmp), lambda: found)
    found = tf.where((found >= 1) & (found <= 8), found, 1)
    return tf.where(is_read, found, UNREAD)


def upright(image, orientation):
    """Return an image `[H, W, C]` turned as its orientation, 1 to 8, asks for."""
    image = tf.cond(orientation > 4, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    # Of a transposed image the other side is mirrored.
    from_left = tf.reduce_any(orientation == [2, 3, 6, 7])
    from_top = tf.reduce_any(orientation == [3, 4, 7, 8])
    image = tf.cond(from_left, lambda: image[:, ::-1], lambda: image)
    return tf.cond(from_top, lambda: image[::-1], lambda: image)


def _of_exif(content):
    """Return the orientation in EXIF's bytes: 0 of one that is no whole number, -1 of none."""
    values = tf.cast(tf.io.decode_raw(content, tf.uint8), tf.int32)
    length = tf.size(values)
    values = tf.pad(values, [[0, ROOM]])
    little = values[0] == ord("I")
    start = _number(values[4:8], little)  # of the first directory
    start = tf.where((start >= 0) & (start <= length), start, length)
    count = _number(values[start : start + 2], little)
    count = tf.minimum(count, tf.maximum(length - start - 2, 0) // ENTRY)
    entries = tf.reshape(values[start + 2 : start + 2 + count * ENTRY], [-1, ENTRY])
    tags, kinds, counts = (
        _number(entries[:, first:last], little) for first, last in ((0, 2), (2, 4), (4, 8))
    )
    units = tf.gather(SIZES, tf.where(kinds < len(SIZES), kinds, 0))
    # Values of unknown types and empty ones are passed over; of several the last counts.
    known = (tags == TAG) & (units > 0) & (counts > 0)
    places = tf.where(known)[:, 0]

    def held():
        place = tf.cast(places[-1], tf.int32)
        within = start + 2 + place * ENTRY + 8
        apart = _number(values[within : within + 4], little)
        is_apart = counts[place] > 4 // units[place]
        first = tf.where(is_apart, apart, within)
        last = tf.cast(first, tf.int64) + tf.cast(units[place], tf.int64)
        inside = (first >= 0) & (last <= tf.cast(length, tf.int64))
        first = tf.where(inside, first, 0)
        value = _value(values[first : first + 8], kinds[place], little)
        return tf.where(inside, value, -1)

    return tf.cond(tf.size(places) > 0, held, lambda: -1)


def _value(data, kind, little):
    """Return the first number of 8 bytes, int32 `[8]`, of a type; 0 where it is no turn."""
    half, first, second = (_number(data[a:b], little) for a, b in ((0, 2), (0, 4), (4, 8)))
    high, low = tf.where(little, second, first), tf.where(little, first, second)
    whole = tf.where(second == 0, 1, second)
    fraction = tf.where((second != 0) & (first % whole == 0), first // whole, 0)
    turn_of = tf.constant(TURNS, tf.int32)
    value = tf.constant(0)
    for kinds, number in (
        (SHORTS, half),
        (LONGS, first),
        ((SIGNED_BYTE,), data[0]),
        (FRACTIONS, fraction),
        ((FLOAT,), tf.reduce_sum(tf.where(first == FLOATS, turn_of, 0))),
        ((DOUBLE,), tf.reduce_sum(tf.where((high == DOUBLES) & (low == 0), turn_of, 0))),
        ((LONG8,), tf.where(high == 0, low, 0)),
    ):
        value = tf.where(tf.reduce_any(kind == kinds), number, value)
    return value


def _number(digits, little):
    """Return numbers, int32 `[...]`, of digits `[..., n]` of base 256, the lowest first or last."""
    digits = tf.where(little, digits, digits[..., ::-1])
    shifts = 8 * tf.range(tf.shape(digits)[-1])
    return tf.reduce_sum(tf.bitwise.left_shift(digits, shifts), axis=-1)


def _of_xmp(text):
    """Return the digit of the first ="6 or >6 after its name, an int32 scalar, 0 where none is."""
    rests = tf.strings.split(text, "tiff:Orientation")[1:]
    quoted = tf.strings.regex_full_match(tf.strings.substr(rests, 0, 3), '="[0-9]')
    plain = tf.strings.regex_full_match(tf.strings.substr(rests, 0, 2), ">[0-9]")
    digits = tf.where(quoted, tf.strings.substr(rests, 0, 3), tf.strings.substr(rests, 0, 2))
    digits = tf.boolean_mask(digits, quoted | plain)[:1]
    numbers = tf.strings.to_number(tf.strings.regex_replace(digits, "[^0-9]", ""), tf.int32)
    return tf.reduce_sum(numbers)
