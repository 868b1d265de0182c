"""The lesion and the skin that all images of a case share.

fields = lesion(case, size)  # [4, n, n]: log of the colour against the skin's, and height

Coordinates u, v run from -EXTENT to EXTENT over n = 5/4 size pixels. docs/phantom.md lists the
factors.
"""

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from simclr_med.preparation.labels.paper_conditions import PAPER
from simclr_med.preparation.phantom.cases import CONDITIONS, OTHER, Purpose

# What a class's lesion is like on average. red: blood. brown: melanin, below 0 a loss. white:
# scale. yellow: keratin, crust. relief: raised. radius and count: of its patches, the radius
# against the view's scale. rough, soft: border. long: elongation. ring: cleared centre. grain:
# texture. hair: hair around, none on it.
FACTORS = ("red", "brown", "white", "yellow", "relief", "radius", "count", "rough", "soft", "long",
           "ring", "grain", "hair")  # fmt: skip
CLASS_FACTORS = {
    "Acne":                        (.9, .0, .0, .2, .6, .17, 9, .2, .3, .0, .0, .1, .0),
    "Actinic keratosis":           (.6, .1, .5, .3, .2, .42, 2, .7, .4, .1, .0, .9, .0),
    "Allergic contact dermatitis": (1., .0, .1, .1, .2, .45, 4, .8, .6, .4, .0, .4, .0),
    "Alopecia areata":             (.1, .0, .0, .0, .0, .85, 1, .2, .1, .0, .0, .0, 1.),
    "Androgenetic alopecia":       (.0, .0, .0, .0, .0, 1., 1, .4, .8, .4, .0, .1, .7),
    "Basal cell carcinoma":        (.5, .1, .1, .1, .8, .60, 1, .3, .1, .0, .6, .2, .0),
    "Cyst":                        (.2, .0, .0, .3, 1., .65, 1, .1, .5, .0, .0, .0, .0),
    "Eczema":                      (.8, .1, .3, .1, .1, .60, 3, .8, .8, .2, .0, .6, .0),
    "Folliculitis":                (.8, .0, .0, .5, .3, .11, 12, .1, .2, .0, .4, .0, .2),
    "Hidradenitis":                (1., .4, .0, .1, .7, .33, 5, .5, .4, .5, .0, .3, .0),
    "Lentigo":                     (.0, .5, .0, .0, .0, .55, 1, .3, .1, .0, .0, .1, .0),
    "Melanocytic nevus":           (.0, .9, .0, .0, .3, .42, 1, .1, .2, .0, .0, .2, .0),
    "Melanoma":                    (.2, 1.3, .0, .0, .2, .70, 1, .9, .1, .2, .0, .9, .0),
    "Post inflammatory hyperpigmentation":
                                   (.0, .5, .0, .0, .0, .35, 5, .5, .6, .1, .0, .2, .0),
    "Psoriasis":                   (1., .0, .8, .0, .4, .75, 2, .4, .1, .1, .0, .7, .0),
    "SCC/SCCIS":                   (.7, .1, .3, .7, .9, .70, 1, .6, .3, .0, .3, .9, .0),
    "Seborrheic keratosis":        (.0, .8, .1, .3, .7, .65, 1, .2, .05, .2, .0, .8, .0),
    "Scar condition":              (.3, -.2, .2, .0, .4, .60, 1, .2, .1, 1., .0, .1, .0),
    "Seborrheic dermatitis":       (.5, .0, .3, .7, .1, .45, 4, .6, .6, .0, .0, .6, .1),
    "Skin tag":                    (.2, .3, .0, .0, 1., .30, 1, .1, .05, .3, .0, .1, .0),
    "Stasis dermatitis":           (.6, .8, .1, .0, .0, .80, 2, .9, .7, .4, .0, .6, .0),
    "Tinea":                       (.8, .0, .3, .0, .2, .85, 1, .4, .1, .0, .9, .4, .0),
    "Tinea versicolor":            (.0, -.4, .1, .0, .0, .25, 10, .4, .2, .0, .0, .2, .0),
    "Urticaria":                   (.6, .0, .0, .0, .6, .42, 6, .5, .15, .3, .4, .0, .0),
    "Verruca vulgaris":            (.1, .1, .4, .5, 1., .35, 2, .3, .05, .0, .0, 1., .0),
    "Vitiligo":                    (.0, -1., .0, .0, .0, .60, 3, .6, .05, .1, .0, .0, .0),
}  # fmt: skip
CLASS_MEANS = np.array([CLASS_FACTORS[name] for name in PAPER])  # [26, 13]
VARIATION = 0.5  # of cases within a class, against the spread between classes
LEAST = {"red": -0.1, "brown": -1.2, "radius": 0.1, "count": 1, "long": -0.3}  # of others 0

SKIN_MELANIN = (0.06, 0.32, 0.78, 1.4)  # of SKIN_TYPES
PALE = np.array([0.95, 0.81, 0.73], np.float32)  # skin without melanin; below, log absorption
MELANIN, BLOOD = np.array([0.55, 0.75, 0.95]), np.array([0.08, 0.6, 0.5])
SCALE, CRUST = np.array([0.92, 0.89, 0.86]), np.array([0.78, 0.62, 0.3])
EXTENT = 2.0  # the lesion is drawn in coordinates from -2 to 2


class _Shape(NamedTuple):
    """Place of the lesion, each `[n, n]` but the radius of its patches."""

    distance: np.ndarray  # to the border of the nearest patch, below 0 inside
    opacity: np.ndarray  # 1 inside, 0 outside, by the border's softness
    depth: np.ndarray  # 0 at the border, 1 at the centre
    uncleared: np.ndarray  # 0 where the centre of a ring is skin again
    radius: float


class _Grain(NamedTuple):
    """Texture of the surface: smooth noise `[n, n]`, and how much of it shows."""

    amount: float
    fine: np.ndarray
    coarse: np.ndarray
    flakes: np.ndarray


def lesion_factors(case):
    """Return the factors of a case's lesion, name to value.

    Those of its class, of two classes their middle, of "Other" each from a class drawn for it;
    then varied.
    """
    draw = case.generator(Purpose.FACTORS)
    mean = CLASS_MEANS[[c % len(PAPER) for c in case.classes]].mean(0)
    if CONDITIONS[case.classes[0]] == OTHER:
        mean = CLASS_MEANS[draw.integers(len(PAPER), size=len(FACTORS)), np.arange(len(FACTORS))]
    spread = VARIATION * CLASS_MEANS.std(0) * draw.standard_normal(len(FACTORS))
    factors = dict(zip(FACTORS, (mean + spread).tolist(), strict=True))
    return {name: max(value, LEAST.get(name, 0.0)) for name, value in factors.items()}


def skin_melanin(case):
    """Return the melanin of a case's skin: its skin type's, varied."""
    tone = case.generator(Purpose.SKIN_TONE).standard_normal()
    return max(0.0, SKIN_MELANIN[case.skin] + 0.07 * tone)


def skin_colour(case):
    """Return the colour of a case's skin, RGB from 0 to 1."""
    return PALE * np.exp(-skin_melanin(case) * MELANIN)


@functools.lru_cache(maxsize=2)
def lesion(case, size):
    """Return the lesion face on, float32 `[4, n, n]`, n = 5/4 `size`, not to be written to.

    The first three are the log of its RGB colour against the skin's, the last its height.
    """
    n = 5 * size // 4
    factors, draw = lesion_factors(case), case.generator(Purpose.LESION)
    shape = _shape(draw, factors, n)
    noises = (smooth_noise(draw, cells, n) for cells in (34, 12, 28))
    grain = _Grain(min(factors["grain"], 1.2), *noises)
    tufts = smooth_noise(draw, (n // 2, max(4, n // 12)), n)  # hair around a bald patch
    tone = skin_colour(case)
    blood = _blood(factors, shape, grain)
    melanin = _melanin(factors, shape, grain, tufts, skin_melanin(case))
    colour = tone * np.exp(-blood[..., None] * BLOOD - melanin[..., None] * MELANIN)
    for amount, noise, over in (("yellow", -grain.flakes, CRUST), ("white", grain.flakes, SCALE)):
        patchy = np.clip(0.4 + 0.7 * grain.amount * noise, 0, 1)
        cover = factors[amount] * shape.opacity * shape.uncleared * patchy
        colour += np.clip(cover, 0, 0.9)[..., None] * (over - colour)
    change = np.log(np.clip(colour, 0.02, 1) / tone)
    fields = [*np.moveaxis(change, 2, 0), _height(factors, shape, grain)]
    fields = np.stack(fields).astype(np.float32)
    fields.flags.writeable = False  # shared by the cache
    return fields


def smooth_noise(draw, cells, size):
    """Return noise `[size, size]` of standard deviation about 1, from a grid of `cells` (w, h)."""
    grid = draw.standard_normal(np.broadcast_to(cells, 2)[::-1], np.float32)
    return 1.3 * np.asarray(Image.fromarray(grid).resize([size, size], Image.Resampling.BICUBIC))


def _shape(draw, factors, n):
    axis = ((np.arange(n, dtype=np.float32) + 0.5) * 2 / n - 1) * EXTENT
    distance, radius = _patches(draw, factors, axis[None, :], axis[:, None])
    uneven = radius * (0.2 * smooth_noise(draw, 9, n) + 0.1 * smooth_noise(draw, 22, n))
    distance = distance + factors["rough"] * uneven
    softness = radius * (0.04 + 0.25 * factors["soft"])
    opacity = 1 / (1 + np.exp(np.clip(distance / softness, -30, 30)))
    depth = np.clip(-distance / radius, 0, 1)
    uncleared = 1 - min(factors["ring"], 1) * np.clip((depth - 0.25) * 5, 0, 1)
    return _Shape(distance, opacity, depth, uncleared, radius)


def _patches(draw, factors, u, v):
    """Return the distance to the border of the nearest patch, `[n, n]`, and the patches' radius."""
    count, radius = int(min(round(factors["count"]), 16)), min(factors["radius"], 1.1)
    stretch = np.exp(0.55 * min(factors["long"], 1.5))
    turn, jitter = draw.uniform(0, 2 * np.pi), draw.normal(0, 0.12, [16, 2])
    radii = radius * np.exp(draw.normal(0, 0.2 if count > 1 else 0, 16))
    nearest = None
    for k in range(count):  # a sunflower's seeds: apart, yet not on a grid
        out, angle = 1.25 * np.sqrt(k / count) * (count > 1), turn + 2.4 * k
        du = (u - out * np.cos(angle) - jitter[k, 0]) / stretch
        dv = (v - out * np.sin(angle) - jitter[k, 1]) * stretch
        distance = np.sqrt(du * du + dv * dv) - radii[k]
        nearest = distance if nearest is None else np.minimum(nearest, distance)
    return nearest, radius


def _blood(factors, shape, grain):
    """Return the reddening against the skin, `[n, n]`."""
    red = 1.2 * factors["red"] * shape.opacity
    return red * (0.25 + 0.75 * shape.uncleared) * (1 + 0.3 * grain.amount * grain.coarse)


def _melanin(factors, shape, grain, tufts, skin):
    """Return the melanin more (or less) than the skin's, `[n, n]`, that of hair with it."""
    uneven = 1 + 0.35 * grain.amount * (grain.coarse + 0.5 * grain.fine)
    melanin = factors["brown"] * shape.opacity * shape.uncleared * uneven
    melanin *= 1.6 if factors["brown"] > 0 else skin + 0.15  # a loss takes the skin's own
    fringe = (1 - shape.opacity) * np.exp(-0.6 * np.maximum(shape.distance, 0))
    fringe = fringe * np.clip(tufts + 0.4, 0, 1)
    melanin += 2.2 * min(factors["hair"], 1.2) * fringe
    return melanin


def _height(factors, shape, grain):
    """Return how far the surface is raised, `[n, n]`."""
    raised = factors["relief"] * np.sqrt(shape.depth * shape.opacity)
    raised = raised * (0.3 + 0.7 * shape.uncleared)
    return shape.radius * (raised + 0.12 * grain.amount * shape.opacity * grain.fine)
