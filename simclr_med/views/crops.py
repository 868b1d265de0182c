"""Rotation, crop and resize of views out of images, and JPEGs decoded at the scale they need.

    views = random_crops(content, draws, recipe)  # encoded image, [V, n] -> V of [S, S, 3]
    view = evaluation_view(image, size=224)

A box is (top, left, height, width), int32 pixels. Pixels have the value range of their source, 0 to
255 for a decoded image, and may overshoot it: a bicubic resize does.
"""

import math

import tensorflow as tf

from simclr_med.config.recipes import CROP_ATTEMPTS
from simclr_med.views.decode import decode

CROP_PROPORTION = 0.875
ASPECTS = (3 / 4, 4 / 3)  # width by height
SCALES = (1, 2, 4, 8)  # that a JPEG decoder can shrink by


def random_crops(content, draws, recipe):
    """Return V views' crops of one encoded image, which is decoded once.

    An image that is large for all of its crops is shrunk to 1/2, 1/4 or 1/8 first, such that each
    crop keeps at least the size of the view: a JPEG by its decoder, at a gain, others by averaging.

    Args:
      content: JPEG, PNG, GIF or BMP bytes, a string scalar.
      draws: uniform numbers `[V, n]`, see `augment.draw`.
      recipe: a `Recipe`.

    Returns:
      V views, float32 `[size, size, 3]`, 0 to 255 with the resize's overshoot.
    """
    if not recipe.steps:  # evaluation sees every pixel
        return crops_of(decode(content), draws, recipe)

    def of_jpeg():
        sides = tf.io.extract_jpeg_shape(content)[:2]
        parts = crop_parts(draws, sides, recipe)
        branches = [lambda r=r: tf.io.decode_jpeg(content, channels=3, ratio=r) for r in SCALES]
        image = tf.switch_case(_scale(parts, sides, recipe.size), branches)
        return _cut(image, parts, draws, recipe)

    def of_other():
        image = decode(content)
        parts = crop_parts(draws, tf.shape(image)[:2], recipe)
        branches = [lambda r=r: _means(image, r) for r in SCALES]
        image = tf.switch_case(_scale(parts, tf.shape(image)[:2], recipe.size), branches)
        return _cut(image, parts, draws, recipe)

    return tf.cond(tf.io.is_jpeg(content), of_jpeg, of_other)


def crops_of(image, draws, recipe):
    """Return V views' crops of one image `[H, W, 3]`, without shrinking it; see `random_crops`."""
    if not recipe.steps:
        return [evaluation_view(image, recipe.size, recipe.eval_crop)] * draws.shape[0]
    return _cut(image, crop_parts(draws, tf.shape(image)[:2], recipe), draws, recipe)


def shrinks(draws, sides, recipe):
    """Return true if `random_crops` shrinks an image for these crops, a bool scalar.

    Args:
      draws: uniform numbers `[V, n]`, see `augment.draw`.
      sides: height and width of the image, int32 `[2]`.
      recipe: a `Recipe`.
    """
    if not recipe.steps:
        return tf.constant(False)
    return _scale(crop_parts(draws, sides, recipe), sides, recipe.size) > 0


def _scale(parts, sides, size):
    """Return the place in `SCALES` of the largest that leaves every crop the view's size."""
    room = tf.reduce_min(parts * tf.cast(sides, tf.float32)) / size
    return tf.reduce_sum(tf.cast(room >= tf.constant(SCALES[1:], tf.float32), tf.int32))


def _means(image, scale):
    """Return the means of squares of `scale` x `scale` pixels, float32."""
    image = tf.cast(image, tf.float32)
    if scale == 1:
        return image
    return tf.nn.avg_pool2d(image[None], scale, scale, "SAME")[0]


def _cut(image, parts, draws, recipe):
    places = draws[:, 2 * CROP_ATTEMPTS : 2 * CROP_ATTEMPTS + 2]
    boxes = boxes_in(parts, places, tf.shape(image)[:2])
    if "rotate" in recipe.steps and recipe.rotation:
        return crop_rotated(image, boxes, angles(draws[:, -1], recipe.rotation), recipe.size)
    return [crop_and_resize(image, box, recipe.size) for box in tf.unstack(boxes)]


def crop_parts(draws, sides, recipe):
    """Return the share of the image's height and width that each crop has.

    A "crop" is the first of ten attempts that lies inside the image, else the whole image. An
    attempt's area is uniform in [min_area, 1] of the image's, its aspect uniform in 3/4 to 4/3 (in
    pixels: a view is square and no lesion is squeezed by more). Large attempts are more often too
    long for the image, so that areas of crops are not uniform: docs/views.md has their means.
    google-research/simclr calls `sample_distorted_bounding_box`, which draws the height uniformly
    and so prefers small crops even more, and makes 0.1 of a smallest area of 0.08.

    A "window" is a square of `recipe.window` of the shorter side: what a crop of the view's size
    cuts out of an image resized so that its shorter side is size / window.

    Args:
      draws: uniform numbers `[V, n]`, see `augment.draw`.
      sides: height and width of the image, int32 `[2]`.
      recipe: a `Recipe`.

    Returns:
      float32 `[V, 2]` in (0, 1].
    """
    sides = tf.cast(sides, tf.float32)
    if "window" in recipe.steps:
        part = recipe.window * tf.reduce_min(sides) / sides
        return tf.tile(part[None], [draws.shape[0], 1])
    area = recipe.min_area + (1 - recipe.min_area) * draws[:, :CROP_ATTEMPTS]
    low, high = ASPECTS
    aspect = low + (high - low) * draws[:, CROP_ATTEMPTS : 2 * CROP_ATTEMPTS]
    aspect *= sides[0] / sides[1]
    parts = tf.sqrt(tf.stack([area / aspect, area * aspect], axis=-1))  # [V, attempts, 2]
    fits = tf.reduce_all(parts <= 1, axis=-1)
    first = tf.gather(parts, tf.argmax(tf.cast(fits, tf.int32), axis=1), batch_dims=1)
    return tf.where(tf.reduce_any(fits, axis=1, keepdims=True), first, 1.0)


def boxes_in(parts, places, sides):
    """Return boxes `[V, 4]` (top, left, height, width), uniformly placed inside the image.

    Args:
      parts: shares `[V, 2]` of the image's height and width.
      places: uniform numbers `[V, 2]`.
      sides: of the image, int32 `[2]`.
    """
    crops = tf.cast(tf.round(parts * tf.cast(sides, tf.float32)), tf.int32)
    crops = tf.maximum(crops, 1)
    room = tf.cast(sides - crops + 1, tf.float32)
    return tf.concat([tf.cast(places * room, tf.int32), crops], axis=1)


def crop_and_resize(image, box, size):
    """Return the box's pixels `[S, S, 3]`, resized bicubically, not antialiased, as SimCLR's."""
    crop = tf.slice(image, tf.pad(box[:2], [[0, 1]]), tf.concat([box[2:], [3]], axis=0))
    return tf.ensure_shape(tf.image.resize(crop, [size, size], "bicubic"), [size, size, 3])


def angles(draws, degrees):
    """Return radians, uniform in -degrees to degrees, by uniform numbers of any shape."""
    return math.radians(degrees) * (2 * draws - 1)


def crop_rotated(image, boxes, radians, size):
    """Return boxes of the image turned about its centre, resized: one bilinear resampling.

    The image keeps its sides as it turns; what comes from outside is black.

    Args:
      image: `[H, W, 3]`.
      boxes: `[V, 4]` in the turned image.
      radians: `[V]`, counter-clockwise as one sees it.
      size: of the views.

    Returns:
      V views, float32 `[size, size, 3]`.
    """
    images = tf.cast(image, tf.float32)[None]
    boxes = tf.cast(boxes, tf.float32)
    scales = boxes[:, 2:] / size  # [V, 2]
    # A view's pixel i lies at the box's 0.5 (scale - 1) + scale i: centres of pixels on centres.
    corners = boxes[:, :2] + 0.5 * (scales - 1)
    views = [
        _resample(images, corners[v : v + 1], scales[v : v + 1], radians[v : v + 1], [size, size])
        for v in range(boxes.shape[0])  # each reads the same image: a batch would copy it
    ]
    return [tf.ensure_shape(view[0], [size, size, 3]) for view in views]


def rotate(images, radians):
    """Return images `[B, H, W, C]` turned about their centres, counter-clockwise; corners black.

    Args:
      images: float32.
      radians: `[B]`.
    """
    sides = tf.shape(images)[1:3]
    turned = _resample(images, tf.zeros([1, 2]), tf.ones([1, 2]), radians, sides)
    return tf.ensure_shape(turned, images.shape)


def _resample(images, corners, scales, radians, sides):
    """Return images: pixel (y, x) is the turned image's at corner + scale (y, x), bilinearly."""
    centre = (tf.cast(tf.shape(images)[1:3], tf.float32) - 1) / 2
    (y, x), (sy, sx) = tf.unstack(corners - centre, axis=1), tf.unstack(scales, axis=1)
    cos, sin = tf.cos(radians), tf.sin(radians)
    zero = tf.zeros_like(cos)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(
            [
                cos * sx,
                -sin * sy,
                cos * x - sin * y + centre[1],
                sin * sx,
                cos * sy,
                sin * x + cos * y + centre[0],
                zero,
                zero,
            ],
            axis=1,
        ),
        output_shape=sides,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def evaluation_view(image, size, proportion=CROP_PROPORTION):
    """Return the central square of an image, float32 `[size, size, 3]` in its value range.

    Bicubic with antialiasing, which random crops have not.

    Args:
      image: `[H, W, 3]`.
      size: pixels.
      proportion: side of the square, as a share of the short side, in (0, 1].
    """
    shape = tf.shape(image)[:2]
    side = tf.cast(tf.round(proportion * tf.cast(tf.reduce_min(shape), tf.float32)), tf.int32)
    side = tf.maximum(side, 1)
    top, left = tf.unstack((shape - side) // 2)
    crop = image[top : top + side, left : left + side]
    view = tf.image.resize(crop, [size, size], "bicubic", antialias=True)
    return tf.ensure_shape(view, [size, size, 3])
