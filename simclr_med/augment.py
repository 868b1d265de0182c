"""SimCLR's random views of one image, each a pure function of the image and a seed.

    view = random_view(image, seed, size=224, augmentation="full", strength=1.0, min_area=0.08)

One stateless draw gives a view all its uniform numbers; small functions turn them into parameters,
others apply parameters to an image. Images are float32 `[H, W, 3]` in [0, 1] unless said otherwise.
Chen et al. 2020, appendix A.
"""

import itertools

import tensorflow as tf

AUGMENTATIONS = ("full", "partial", "none")
CROP_PROPORTION = 0.875
CROP_ATTEMPTS = 10
ASPECT = 4 / 3
JITTER_ORDERS = tuple(itertools.permutations(range(4)))

# How many uniform numbers each step of a view takes, in the order drawn.
DRAWS = {"crop": 2 * CROP_ATTEMPTS + 2, "flip": 1, "jitter": 6, "grey": 1, "blur": 2}


def random_view(image, seed, size, augmentation, strength, min_area, *, proportion=CROP_PROPORTION):
    """One view of an image.

    Args:
      image: uint8 in 0..255, or float32 in [0, 1]; `[H, W, 3]`.
      seed: int32 or int64 `[2]`.
      size: side of the view in pixels.
      augmentation: "full", "partial" (crop only) or "none" (the evaluation view).
      strength: of the colour jitter; SimCLR's ImageNet value is 1, CIFAR's 0.5.
      min_area: smallest part of the image a crop may have.
      proportion: of the short side that augmentation "none" keeps.

    Returns:
      float32 `[size, size, 3]` in [0, 1].
    """
    if augmentation not in AUGMENTATIONS:
        raise ValueError(f"augmentation {augmentation!r}; expected one of {AUGMENTATIONS}")
    if augmentation == "none":
        return evaluation_view(image, size, proportion)
    draws = draw(seed)
    height, width = tf.unstack(tf.shape(image)[:2])
    view = crop_and_resize(image, crop_box(draws["crop"], height, width, min_area), size)
    if augmentation == "partial":
        return view
    view = tf.cond(draws["flip"][0] < 0.5, lambda: view[:, ::-1], lambda: view)
    jitter = draws["jitter"]
    jittered = tf.cond(
        jitter[0] < 0.8,
        lambda: colour_jitter(view, jitter_factors(jitter[1:5], strength), jitter_order(jitter[5])),
        lambda: view,
    )
    grey = tf.cond(draws["grey"][0] < 0.2, lambda: greyscale(jittered), lambda: jittered)
    return tf.cond(
        draws["blur"][0] < 0.5,
        lambda: blur(grey, blur_sigma(draws["blur"][1]), blur_taps(size)),
        lambda: grey,
    )


def evaluation_view(image, size, proportion=CROP_PROPORTION):
    """The central square of `proportion` of the short side, `[size, size, 3]`; no randomness."""
    shape = tf.shape(image)[:2]
    side = tf.cast(tf.round(proportion * tf.cast(tf.reduce_min(shape), tf.float32)), tf.int32)
    side = tf.maximum(side, 1)
    top, left = tf.unstack((shape - side) // 2)
    crop = image[top : top + side, left : left + side]
    view = tf.image.resize(crop, [size, size], "bicubic", antialias=True)
    view = tf.ensure_shape(view, [size, size, 3])
    return _to_unit_range(view, image.dtype)


def draw(seed):
    """All uniform numbers of one view, by step."""
    numbers = tf.random.stateless_uniform([sum(DRAWS.values())], seed)
    return dict(zip(DRAWS, tf.split(numbers, list(DRAWS.values())), strict=True))


def crop_box(draws, height, width, min_area):
    """A random box: the first of ten attempts that lies inside the image, else the whole image.

    Its area is uniform in [min_area, 1] of the image. Its aspect is the image's own, up to 4/3
    narrower or wider (log-uniform); in the SimCLR code it is the view's own, a square's.

    Args:
      draws: uniform numbers `[DRAWS["crop"]]`.
      height, width: int32 scalars.
      min_area: in (0, 1].

    Returns:
      top, left, height, width: int32 `[4]`.
    """
    attempts, (vertical, horizontal) = draws[:-2], tf.unstack(draws[-2:])
    area = min_area + (1 - min_area) * attempts[:CROP_ATTEMPTS]
    root = tf.sqrt(area)
    stretch = ASPECT ** (attempts[CROP_ATTEMPTS:] - 0.5)  # the root of the aspect's factor
    part = tf.stack([root / stretch, root * stretch], axis=1)  # [attempt, (height, width)]
    fits = tf.reduce_all(part <= 1, axis=1)
    part = tf.cond(
        tf.reduce_any(fits),
        lambda: part[tf.argmax(tf.cast(fits, tf.int32))],
        lambda: tf.ones([2]),
    )
    sides = tf.stack([height, width])
    crop = tf.cast(tf.round(part * tf.cast(sides, tf.float32)), tf.int32)
    crop = tf.maximum(crop, 1)
    room = tf.cast(sides - crop + 1, tf.float32)
    corner = tf.cast(tf.stack([vertical, horizontal]) * room, tf.int32)
    return tf.concat([corner, crop], axis=0)


def crop_and_resize(image, box, size):
    """The box's pixels, bicubically resized without antialiasing: float32 `[size, size, 3]`."""
    crop = tf.slice(image, tf.pad(box[:2], [[0, 1]]), tf.concat([box[2:], [3]], axis=0))
    view = tf.image.resize(crop, [size, size], "bicubic")
    view = tf.ensure_shape(view, [size, size, 3])
    return _to_unit_range(view, image.dtype)


def jitter_factors(draws, strength):
    """Brightness, contrast and saturation factors, and a turn of the hue: `[4]` from `[4]`."""
    low = max(0.0, 1 - 0.8 * strength)
    high = 1 + 0.8 * strength
    factors = low + (high - low) * draws[:3]
    return tf.concat([factors, 0.2 * strength * (2 * draws[3:] - 1)], axis=0)


def jitter_order(number):
    """One of the 24 orders of the four changes, int32 `[4]`, from a uniform number."""
    index = tf.cast(number * len(JITTER_ORDERS), tf.int32)
    return tf.gather(tf.constant(JITTER_ORDERS), index)


def colour_jitter(image, factors, order):
    """Changes brightness (0), contrast (1), saturation (2), hue (3) in `order`, clipping each."""
    changes = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
    for place in range(len(changes)):
        branches = [
            lambda change=change, image=image, factor=factors[i]: clip(change(image, factor))
            for i, change in enumerate(changes)
        ]
        image = tf.switch_case(order[place], branches)
    return image


def adjust_brightness(image, factor):
    return image * factor


def adjust_contrast(image, factor):
    """Stretches each channel about its own mean."""
    return tf.image.adjust_contrast(image, factor)


def adjust_saturation(image, factor):
    """Multiplies the S of HSV, at most up to 1."""
    return tf.image.adjust_saturation(image, factor)


def adjust_hue(image, turn):
    """Adds `turn`, in whole circles, to the H of HSV."""
    return tf.image.adjust_hue(image, turn)


def greyscale(image):
    """ITU-R 601 luma in all three channels."""
    return tf.repeat(tf.image.rgb_to_grayscale(image), 3, axis=-1)


def blur_sigma(number):
    """Uniform in [0.1, 2)."""
    return 0.1 + 1.9 * number


def blur_taps(size):
    """Length of SimCLR's Gaussian kernel for views of `size`: 23 at 224."""
    return 2 * int((size // 10) / 2) + 1


def blur(image, sigma, taps):
    """Gaussian blur of a square image; the kernel is cut and renormalised at the borders."""
    size = image.shape[0]
    place = tf.range(size, dtype=tf.float32)
    distance = tf.abs(place[:, None] - place)
    weight = tf.exp(-(distance**2) / (2 * sigma**2))
    weight = tf.where(distance <= taps // 2, weight, 0.0)
    weight /= tf.reduce_sum(weight, axis=1, keepdims=True)
    channels = tf.transpose(image, [2, 0, 1])  # [3, H, W]
    blurred = tf.matmul(weight, tf.matmul(channels, weight, transpose_b=True))
    return clip(tf.transpose(blurred, [1, 2, 0]))


def clip(image):
    return tf.clip_by_value(image, 0.0, 1.0)


def _to_unit_range(view, source_dtype):
    # Resizing is linear: scaling the small view instead of the large image gives the same.
    return clip(view / source_dtype.max if source_dtype.is_integer else view)
