"""The orientation that an image's file asks for, read and applied as TensorFlow ops.

    image = upright(image, orientation(content))

Cameras store pixels as the sensor saw them, and say in EXIF how to turn them.
"""

import tensorflow as tf

IN_JPEG, IN_PNG, IN_XMP = b"Exif\0\0", b"eXIf", b"tiff:Orientation"  # what stands before it
TAG, ENTRY = 0x0112, 12  # of EXIF 2.3, section 4.6.4; bytes of an entry in its directory


def orientation(content):
    """Return the orientation that a JPEG or PNG asks for, an int32 scalar, 1 to 8.

    EXIF counts, else XMP, as in Pillow; 1, upright, where neither says what is one.

    Args:
      content: the file's bytes, a string scalar.
    """
    mark = tf.where(tf.io.is_jpeg(content), IN_JPEG, IN_PNG)
    found = _of_exif(_after(content, mark))
    found = tf.cond(found == 0, lambda: _of_xmp(_after(content, IN_XMP)), lambda: found)
    return tf.where((found >= 1) & (found <= 8), found, 1)


def upright(image, orientation):
    """Return an image `[H, W, C]` turned as its orientation, 1 to 8, asks for."""
    image = tf.cond(orientation > 4, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    # Of a transposed image the other side is mirrored.
    from_left = tf.reduce_any(orientation == [2, 3, 6, 7])
    from_top = tf.reduce_any(orientation == [3, 4, 7, 8])
    image = tf.cond(from_left, lambda: image[:, ::-1], lambda: image)
    return tf.cond(from_top, lambda: image[::-1], lambda: image)


def _after(content, mark):
    """Return the bytes after the first `mark`, int32 `[n]`, 64 KiB of them: all of a segment."""
    parts = tf.strings.split(content, mark, maxsplit=1)
    rest = tf.cond(tf.size(parts) == 2, lambda: parts[1], lambda: tf.constant(b""))
    values = tf.cast(tf.io.decode_raw(tf.strings.substr(rest, 0, 2**16), tf.uint8), tf.int32)
    return tf.pad(values, [[0, 2 * ENTRY]])  # what is asked for lies inside, whatever the file says


def _of_exif(values):
    """Return the orientation that EXIF's bytes, int32 `[n]`, hold, 0 where they do not."""
    little = values[0] == ord("I")
    start = _number(tf.reshape(values[4:8], [4]), little)  # of the first directory
    inside = (start >= 8) & (start < tf.size(values) - ENTRY)
    start = tf.where(inside, start, 0)
    count = _number(tf.reshape(values[start : start + 2], [2]), little)
    count = tf.minimum(count, (tf.size(values) - start - 2) // ENTRY)
    count = tf.where(inside, count, 0)
    entries = tf.reshape(values[start + 2 : start + 2 + count * ENTRY], [-1, ENTRY])
    tags, held = (_number(entries[:, i : i + 2], little) for i in (0, 8))
    return tf.reduce_sum(tf.boolean_mask(held, tags == TAG)[:1])


def _number(digits, little):
    """Return numbers, int32 `[...]`, of digits `[..., n]` of base 256, the lowest first or last."""
    weights = [256**i for i in range(digits.shape[-1])]
    return tf.reduce_sum(digits * tf.where(little, weights, weights[::-1]), axis=-1)


def _of_xmp(values):
    """Return the digit of ="6 or of >6, an int32 scalar, 0 where there is none."""
    quoted = (values[0] == ord("=")) & (values[1] == ord('"'))
    digit = tf.where(quoted, values[2], tf.where(values[0] == ord(">"), values[1], ord("0")))
    return digit - ord("0")
