"""Flips, colour and blur of views: pure functions of a batch and of drawn numbers.

    place, draws = draw(seed, 2)  # uniform numbers of two views
    planes = blur(planes, blur_sigma(by_step(draws)["blur"][:, 1]), taps=23)

Planes are float32 `[B, C, H, W]` in [0, 1], parameters `[B]`. In planes a channel's pixels lie side
by side, where vector units reach them: compiled, the whole colour jitter takes a fifth of the time
of TensorFlow's own ops on `[B, H, W, C]`. The layers that draw and apply them: layers.py.

SimCLR's ops and their order are those of google-research/simclr (Chen et al. 2020, appendix A).
Departures: the blur draws a sigma for each view, not for a batch, and is renormalised at the
borders, where the reference darkens; areas of crops, see crops.py; a view is clipped to [0, 1]
before the jitter too, since a bicubic resize overshoots.
"""

import itertools

import tensorflow as tf

from simclr_med.config.recipes import CHANGING_DRAWS, PLACING_DRAWS

JITTER_ORDERS = tuple(itertools.permutations(range(4)))
FLIP, JITTER, GREY, BLUR = 0.5, 0.8, 0.2, 0.5  # probabilities
SIGMAS = (0.1, 2.0)
LUMA = (0.2989, 0.5870, 0.1140)  # ITU-R 601, as tf.image has it


def draw(seed, views):
    """Return uniform numbers in [0, 1) of views: `[V, n]` that place, `[V, m]` that change them.

    Args:
      seed: int32 `[2]`; the same seed gives the same numbers.
      views: V.
    """
    parts = [sum(PLACING_DRAWS.values()), sum(CHANGING_DRAWS.values())]
    return tf.split(tf.random.stateless_uniform([views, sum(parts)], seed), parts, axis=1)


def by_step(draws):
    """Return the numbers `[B, m]` that change views as a dict, step to `[B, n]`."""
    parts = tf.split(draws, [*CHANGING_DRAWS.values()], axis=1)
    return dict(zip(CHANGING_DRAWS, parts, strict=True))


def sometimes(applied, function, planes):
    """Return planes, with `function` applied to the images where `applied` `[B]` is true.

    For functions worth a branch; see `where` for others.
    """
    return choose(tf.cast(applied, tf.int32), [lambda planes: planes, function], planes)


def choose(which, functions, planes):
    """Return `functions[which[b]]` of each image b. Of a single image only that one is computed."""
    if planes.shape[0] == 1:
        # The identity keeps a branch that returns its input an output of its own.
        branches = [lambda f=f: tf.identity(f(planes)) for f in functions]
        return tf.ensure_shape(tf.switch_case(which[0], branches), planes.shape)
    chosen = functions[0](planes)
    for number, function in enumerate(functions[1:], 1):
        chosen = tf.where(_each(which) == number, function(planes), chosen)
    return chosen


def where(applied, changed, planes):
    """Return `changed` images where `applied` `[B]` is true, else `planes`: compiled, one pass."""
    return tf.where(_each(applied), changed, planes)


def unit(crops):
    """Return crops of 0 to 255, with overshoot, as images in [0, 1]."""
    return clip(crops / 255)


# Colour


def jitter_factors(draws, strength):
    """Return factors of brightness, contrast, saturation, and a turn of the hue: `[B, 4]`.

    Of uniform numbers `[B, 4]`, factors uniform in [max(0, 1 - 0.8 s), 1 + 0.8 s] for a strength s,
    and a turn in [-0.2 s, 0.2 s] circles.
    """
    low, high = max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength
    factors = low + (high - low) * draws[:, :3]
    return tf.concat([factors, 0.2 * strength * (2 * draws[:, 3:] - 1)], axis=1)


def jitter_order(draws):
    """Return one of the 24 orders of four changes, int32 `[B, 4]`, by uniform numbers `[B]`."""
    index = tf.cast(draws * len(JITTER_ORDERS), tf.int32)
    return tf.gather(tf.constant(JITTER_ORDERS), index)


def colour_jitter(planes, factors, order):
    """Return planes with brightness (0), contrast (1), saturation (2), hue (3) changed in `order`.

    After each change values are clipped to [0, 1].

    Args:
      planes: `[B, 3, H, W]`.
      factors: `[B, 4]`, of each change.
      order: int32 `[B, 4]`, the change at each place.
    """
    functions = [
        lambda planes, i=i, f=f: clip(f(planes, factors[:, i]))
        for i, f in enumerate((brightness, contrast, saturation, hue))
    ]
    # A loop, that each change is compiled once and not at each of four places.
    _, planes = tf.while_loop(
        lambda place, _: place < 4,
        lambda place, planes: (
            place + 1,
            choose(tf.gather(order, place, axis=1), functions, planes),
        ),
        (0, planes),
    )
    return planes


def brightness(planes, factors):
    """Return `planes` times `factors` `[B]` (SimCLR's second version, which its code runs)."""
    return planes * _each(factors)


def shift_brightness(planes, shifts):
    """Return `planes` plus `shifts` `[B]`."""
    return planes + _each(shifts)


def contrast(planes, factors):
    """Return planes stretched by `factors` `[B]` about each channel's own mean, as tf.image.

    (torchvision takes the mean of the grey image.)
    """
    mean = tf.reduce_mean(planes, axis=[2, 3], keepdims=True)
    return mean + _each(factors) * (planes - mean)


def saturation(planes, factors):
    """Return planes with the S of HSV times `factors` `[B]`, at most 1."""
    red, green, blue = tf.unstack(planes, axis=1)
    value = tf.maximum(tf.maximum(red, green), blue)  # [B, H, W]
    chroma = value - tf.minimum(tf.minimum(red, green), blue)
    # S is chroma / value; what a channel lacks of the value scales with it.
    factors = tf.minimum(factors[:, None, None], value / tf.maximum(chroma, TINY))
    value = value[:, None]
    return value - (value - planes) * factors[:, None]


def hue(planes, turns):
    """Return planes with `turns` `[B]`, in whole circles, added to the H of HSV."""
    red, green, blue = tf.unstack(planes, axis=1)
    value = tf.maximum(tf.maximum(red, green), blue)  # [B, H, W]
    low = tf.minimum(tf.minimum(red, green), blue)
    chroma = value - low
    by = 1 / tf.maximum(chroma, TINY)
    sector = tf.where(  # the hue, 0 to 6
        value == red,
        (green - blue) * by,
        tf.where(value == green, 2 + (blue - red) * by, 4 + (red - green) * by),
    )
    sector += 6 * turns[:, None, None]
    sector = (sector - 6 * tf.floor(sector / 6))[:, None]
    # Each channel is a trapezoid of the hue. Written with one formula for all three: stacking
    # three would keep XLA from vectorising what follows.
    sign, centre, offset = (
        tf.constant(values, tf.float32)[:, None, None]
        for values in ((1, -1, -1), (3, 2, 4), (-1, 2, 2))
    )
    share = tf.clip_by_value(sign * tf.abs(sector - centre) + offset, 0.0, 1.0)
    return low[:, None] + chroma[:, None] * share


def greyscale(planes):
    """Return planes with the ITU-R 601 luma in all three channels."""
    luma = tf.reduce_sum(planes * tf.constant(LUMA)[:, None, None], axis=1, keepdims=True)
    return tf.broadcast_to(luma, tf.shape(planes))


TINY = 1e-12  # a grey pixel's chroma is 0, and so is what it is multiplied with


# Blur


def blur_sigma(draws):
    """Return standard deviations, uniform in [0.1, 2) pixels, of uniform numbers `[B]`."""
    low, high = SIGMAS
    return low + (high - low) * draws


def blur_taps(size):
    """Return the length of SimCLR's Gaussian kernel for views of `size`: 23 at 224."""
    return 2 * int((size // 10) / 2) + 1


def blur(planes, sigmas, taps):
    """Return planes with Gaussian blur; the kernel is cut and renormalised at the borders.

    Args:
      planes: `[B, C, S, S]`, square.
      sigmas: `[B]`, pixels.
      taps: length of the kernel, odd.

    Raises:
      ValueError: the images are not square.
    """
    if planes.shape[-1] != planes.shape[-2]:
        raise ValueError(f"blur wants square images, not {planes.shape[-2]} x {planes.shape[-1]}")
    radius, size = taps // 2, planes.shape[-1]
    distance = tf.range(radius + 1, dtype=tf.float32)
    weights = tf.exp(-(distance**2) / (2 * sigmas[:, None] ** 2))  # [B, radius + 1]
    both = tf.concat([weights[:, :0:-1], weights], axis=1)  # [B, taps]
    place = tf.range(size)[:, None] + tf.range(-radius, radius + 1)
    inside = tf.cast((place >= 0) & (place < size), tf.float32)  # [S, taps]
    norm = 1 / tf.matmul(both, inside, transpose_b=True)  # [B, S]

    def down_then_turned(planes):
        padded = tf.pad(planes, [[0, 0], [0, 0], [radius, radius], [0, 0]])
        total = _each(weights[:, 0]) * planes
        for i in range(1, radius + 1):
            above = padded[:, :, radius - i : radius - i + size]
            below = padded[:, :, radius + i : radius + i + size]
            total += _each(weights[:, i]) * (above + below)
        return tf.transpose(total * norm[:, None, :, None], [0, 1, 3, 2])

    # Twice the columns, turned in between: sums of whole rows are the fastest there are, and the
    # loop keeps XLA from computing the first pass anew for each tap of the second.
    _, planes = tf.while_loop(
        lambda times, _: times < 2,
        lambda times, planes: (times + 1, down_then_turned(planes)),
        (0, planes),
    )
    return clip(planes)


def clip(images):
    """Return values clipped to [0, 1]."""
    return tf.clip_by_value(images, 0.0, 1.0)


def _each(values):
    """Values `[B]` as they meet planes `[B, C, H, W]`."""
    return values[:, None, None, None]
