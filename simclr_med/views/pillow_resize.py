"""Pillow's bicubic shrinking as TensorFlow ops, for a served graph; see `as_prepared`."""

import tensorflow as tf

REDUCING_GAP = 3.0  # of rewriting


def shrunk(image, shortest_side):
    """Return uint8 `[H, W, C]` whose shorter side has at most `shortest_side` pixels, 0 for any.

    As Pillow's `resize(..., BICUBIC, reducing_gap=3)`: means of whole blocks of pixels first, so
    that three times the final size is left at least; then antialiased rows, then columns, each
    rounded to 8 bits.
    """
    if not shortest_side:
        return image
    sides = tf.shape(image)[:2]
    smaller = tf.reduce_min(sides)

    def resized():
        scale = tf.constant(shortest_side, tf.float64) / tf.cast(smaller, tf.float64)
        size = tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32)
        size = tf.maximum(size, 1)
        gap = tf.cast(sides, tf.float64) / tf.cast(size, tf.float64) / REDUCING_GAP
        factors = tf.maximum(tf.cast(gap, tf.int32), 1)
        parts = tf.cast(sides / factors, tf.float32)  # of the blocks' rows and columns; fractions
        blocks = tf.cond(tf.reduce_any(factors > 1), lambda: _means(image, factors), lambda: image)
        across = _resampled(blocks, tf.stack([tf.shape(blocks)[0], size[1]]), parts, axis=1)
        return _resampled(across, size, parts, axis=0)

    return tf.cond(smaller > shortest_side, resized, lambda: image)


def _means(image, factors):
    """Return the rounded means of blocks of `factors` pixels; the last blocks may be smaller."""
    sides = tf.shape(image)[:2]
    count = -(-sides // factors)
    missing = count * factors - sides
    room = [[0, missing[0]], [0, missing[1]], [0, 0]]
    shape = [count[0], factors[0], count[1], factors[1]]

    def sums(values):
        channels = tf.shape(values)[2]
        return tf.reduce_sum(
            tf.reshape(tf.pad(values, room), tf.concat([shape, [channels]], 0)), [1, 3]
        )

    total = sums(tf.cast(image, tf.int32))
    size = sums(tf.ones(tf.concat([sides, [1]], 0), tf.int32))
    return tf.cast((total + size // 2) // size, tf.uint8)


def _resampled(image, size, parts, axis):
    """Return uint8 `[H, W, C]` resized to `size` along one axis, `parts` pixels long."""
    scale = tf.cast(size[axis], tf.float32) / parts[axis]
    scales = tf.stack([scale, 1.0] if axis == 0 else [1.0, scale])
    resized = tf.raw_ops.ScaleAndTranslate(
        images=image[None],
        size=size,
        scale=scales,
        translation=tf.zeros([2]),
        kernel_type="keyscubic",
        antialias=True,
    )[0]
    return tf.cast(tf.clip_by_value(tf.floor(resized + 0.5), 0, 255), tf.uint8)
