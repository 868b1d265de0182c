"""Preparation of an original within a served graph, as TensorFlow ops.

    why = refusal(content, preparation)  # "" where it can be served
    image = as_prepared(content, preparation)

Training saw originals as `preparation.images.rewriting` left them, with Pillow. The pixels here are
the same, but for a value here and there that lies between two and is rounded the other way.
"""

import numpy as np
import tensorflow as tf

from simclr_med.config.preparation import REWRITTEN, UNRECORDED
from simclr_med.views.decode import decode
from simclr_med.views.metadata import MOST_COMPRESSED
from simclr_med.views.orientation import UNREAD, orientation, upright
from simclr_med.views.pillow_resize import shrunk

QUALITY = 95  # of rewriting
MOST_PIXELS = 89_478_485  # from here on Pillow warns of a decompression bomb
HEADER = 33  # bytes of a PNG's signature and IHDR
GREY, CMYK = 0, 4  # of a PNG's kinds of colour, and channels of a JPEG
OPAQUE = 2**16 - 1
HIGHEST_FIRST, LOWEST_FIRST = 256.0 ** np.arange(3, -1, -1), 256.0 ** np.arange(3)


def _side(first, weights):
    """Return the weights of a file's first bytes in a side that begins at `first`, `[HEADER]`."""
    row = np.zeros(HEADER, np.float32)
    row[first : first + len(weights)] = weights
    return row


# Width and height of a PNG, a GIF (two bytes each) and a BMP.
SIDES = np.stack(
    [
        *(_side(first, HIGHEST_FIRST) for first in (16, 20)),
        *(_side(first, LOWEST_FIRST[:2]) for first in (6, 8)),
        *(_side(first, LOWEST_FIRST) for first in (18, 22)),
    ]
)


def refusal(content, preparation):
    """Return the reason why a file's bytes are not served, a string scalar, "" where they are.

    Args:
      content: the file's bytes, a string scalar.
      preparation: a `Preparation`.

    Raises:
      InvalidArgumentError: it is a damaged JPEG, when the graph runs. Other damage is found when
        the image is decoded.
    """
    rewritten = preparation.images == REWRITTEN
    is_png, is_jpeg, header = _is_png(content), tf.io.is_jpeg(content), _png_header(content)
    known = is_png | is_jpeg
    if not rewritten:
        known |= _begins_with(content, "GIF") | _begins_with(content, "BM")
    is_deep = is_png & (header["depth"] > 8)
    formats = preparation.meaning()["formats"].partition(";")[0]
    reasons = [
        (tf.strings.length(content) == 0, "is empty"),
        (~known, f"is not {formats.replace(' and ', ' or ')}"),
        (_pixels(content) > MOST_PIXELS, f"has more than {MOST_PIXELS:,} pixels"),
        (is_deep & (not rewritten and preparation.images != UNRECORDED),
         "has 16 bits, and the images of training 8"),
    ]  # fmt: skip
    if rewritten:
        is_small_grey = is_png & (header["depth"] < 8) & (header["colour"] == GREY)
        # Of these alone is the whole file looked through: TensorFlow reads what is clear wrongly.
        is_clear = tf.cond(is_small_grey, lambda: _has_tRNS(content), lambda: False)
        reasons.append((is_clear, "is a transparent PNG with less than 8 bits of grey"))
        is_unread = tf.cond(is_png, lambda: orientation(content) == UNREAD, lambda: False)
        too_long = f"has more than {MOST_COMPRESSED // 1024} KiB of compressed metadata"
        reasons.append((is_unread, too_long))
    why = tf.constant("")
    for holds, reason in reasons[::-1]:
        why = tf.where(holds, reason, why)
    return why


def as_prepared(content, preparation):
    """Return a file's image as its preparation left it to training, uint8 `[H, W, 3]`.

    A file of the prepared data set itself comes out as training decodes it. A JPEG that changes
    here is compressed once more, as its prepared file was; a small upright original cannot be told
    from a prepared one, and is not.

    Args:
      content: of which `refusal` says "".
      preparation: a `Preparation`.

    Raises:
      InvalidArgumentError: it cannot be decoded, when the graph runs.
    """
    if preparation.images != REWRITTEN:
        return decode(content)
    turn = orientation(content)

    def of_jpeg():
        shape = tf.io.extract_jpeg_shape(content)
        large = tf.reduce_min(shape[:2]) > (preparation.shortest_side or shape.dtype.max)
        is_original = large | (turn != 1) | (shape[2] == CMYK)
        return tf.cond(is_original, changed_jpeg, lambda: decode(content))

    def changed_jpeg():
        # As exact as Pillow's; training's decoder takes the fast way.
        image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        image = shrunk(upright(image, turn), preparation.shortest_side)
        return decode(tf.io.encode_jpeg(image, quality=QUALITY, chroma_downsampling=False))

    def of_png():
        return shrunk(upright(_png_on_white(content), turn), preparation.shortest_side)

    return tf.ensure_shape(tf.cond(tf.io.is_jpeg(content), of_jpeg, of_png), [None, None, 3])


def _begins_with(content, mark):
    return tf.strings.substr(content, 0, len(mark)) == mark


def _is_png(content):
    return _begins_with(content, b"\x89PNG\r\n\x1a\n")


def _png_header(content):
    """Return depth and kind of colour as the IHDR of a PNG has them; of other files any number."""
    start = _start(content)
    return {"depth": start[24], "colour": start[25]}


def _start(content):
    """Return the first bytes, int32 `[HEADER]`; 0 after the last."""
    values = tf.io.decode_raw(tf.strings.substr(content, 0, HEADER), tf.uint8)
    return tf.cast(tf.pad(values, [[0, HEADER]])[:HEADER], tf.int32)


def _pixels(content):
    """Return the number of pixels that a file claims to have, float32; 0 of unknown formats."""

    def of_jpeg():
        return tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(content)[:2], tf.float32))

    def of_others():
        begins = [_is_png(content), _begins_with(content, "GIF"), _begins_with(content, "BM")]
        sides = tf.linalg.matvec(SIDES, tf.cast(_start(content), tf.float32))  # [6]
        areas = sides[::2] * sides[1::2]
        return tf.reduce_sum(tf.where(begins, areas, 0.0))

    return tf.cond(tf.io.is_jpeg(content), of_jpeg, of_others)


def _has_tRNS(content):  # noqa: N802, as the chunk is called
    before_pixels = tf.strings.split(content, b"IDAT", maxsplit=1)[0]
    return tf.size(tf.strings.split(before_pixels, b"tRNS", maxsplit=1)) == 2


def _png_on_white(content):
    """Return a PNG in 8 bits on white, uint8 `[H, W, 3]`."""
    header = _png_header(content)
    # Of less than 8 bits TensorFlow makes nonsense where an opacity is asked for that is not there.
    has_opacity = (header["depth"] == 8) | _has_tRNS(content)

    def plain():
        return tf.cond(
            has_opacity,
            lambda: _over_white(tf.io.decode_png(content, channels=4)),
            lambda: tf.io.decode_png(content, channels=3),
        )

    return tf.cond(header["depth"] > 8, lambda: _stretched(content, header["colour"]), plain)


def _over_white(image):
    """Return uint8 `[H, W, 4]` on white, uint8 `[H, W, 3]`, rounded as Pillow's alpha_composite."""
    image = tf.cast(image, tf.int32)
    colours, opacity = image[..., :3], image[..., 3:]
    both = 128 * (colours * opacity + 255 * (255 - opacity)) + (128 << 7)
    both = tf.bitwise.right_shift(tf.bitwise.right_shift(both, 8) + both, 8)  # divided by 255
    return tf.cast(tf.bitwise.right_shift(both, 7), tf.uint8)


def _stretched(content, colour):
    """Return a PNG of 16 bits in 8, from its own least to its largest value that is not clear."""
    samples = tf.cast(tf.io.decode_png(content, channels=4, dtype=tf.uint16), tf.float64)
    values, opacity = samples[..., :3], samples[..., 3:] / OPAQUE
    opacity = tf.where(colour == GREY, tf.ones_like(opacity), opacity)
    clear = tf.broadcast_to(opacity == 0, tf.shape(values))
    none = tf.constant(0, tf.float64)
    low = tf.reduce_min(tf.where(clear, tf.float64.max, values))
    high = tf.reduce_max(tf.where(clear, none, values))
    scale = tf.math.divide_no_nan(tf.constant(255, tf.float64), tf.maximum(high - low, none))
    within = (tf.clip_by_value(values, tf.minimum(low, high), high) - low) * scale
    return tf.cast(tf.round(opacity * within + (1 - opacity) * 255), tf.uint8)
