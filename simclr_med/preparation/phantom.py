"""A generated dermatology-like data set: class in the lesion, nuisance in everything else.

    generate("work/phantom", PhantomConfig(train=600, test=600, image_size=64))

The images of one case share the lesion and the skin, not the view. docs/phantom.md lists the
factors. Every draw is keyed by (seed, purpose, split, case, image): an image is the same whatever
the sizes of the other splits or the number of workers. H, W: the image's sides, equal here.
"""

import concurrent.futures
import dataclasses
import functools
import io
import json
import multiprocessing
import os
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from simclr_med import files
from simclr_med.config.splits import SPLITS
from simclr_med.errors import InputError, RunError

VERSION = 2  # of the generator: another one draws other images from the same seed
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
OTHER = "Other"  # many conditions: each case takes each factor from a class drawn for it
CONDITIONS = (*CLASS_FACTORS, OTHER)
CLASS_MEANS = np.array(list(CLASS_FACTORS.values()))  # [26, 13]
VARIATION = 0.5  # of cases within a class, against the spread between classes
HEAD = ("Acne", "Eczema", "Psoriasis")  # above 10 % each
TAIL = ("Lentigo", "Melanoma", "Stasis dermatitis")  # below 1 % each
CANCERS = ("Melanoma", "Basal cell carcinoma", "Actinic keratosis")  # frequent in "external"

SKIN_TYPES = ("white", "beige", "brown", "dark brown")
SKIN_MELANIN = (0.06, 0.32, 0.78, 1.4)
SKIN_MIX = (0.3, 0.3, 0.25, 0.15)
EXTERNAL_SKIN_MIX = (0.5, 0.35, 0.1, 0.05)
PALE = np.array([0.95, 0.81, 0.73], np.float32)  # skin without melanin; below, log absorption
MELANIN, BLOOD = np.array([0.55, 0.75, 0.95]), np.array([0.08, 0.6, 0.5])
SCALE, CRUST = np.array([0.92, 0.89, 0.86]), np.array([0.78, 0.62, 0.3])
# Width of the part in half images (None: it fills the image) and mean number of hairs.
BODY_PARTS = {
    "face": (None, 1), "trunk": (None, 3), "arm": (1.15, 5), "leg": (1.3, 6), "hand": (1.0, 1),
}  # fmt: skip

IMAGES_A_CASE = (0.35, 0.25, 0.17, 0.11, 0.07, 0.05)  # 1 to 6
SECOND_DIAGNOSIS = 0.05
SHARED_PATIENT = 0.2  # of neighbouring pairs of cases
MINIMUM = 100  # a split of as many cases holds each class
CHUNK = 20
EXTENT = 2.0  # the lesion is drawn in coordinates from -2 to 2


@dataclasses.dataclass(frozen=True)
class PhantomConfig:
    """Numbers of cases by split, side of the images in pixels, and the seed."""

    train: int = 400
    validation: int = 100
    test: int = 300
    external: int = 200
    unlabelled: int = 600
    image_size: int = 96
    seed: int = 0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            least, most = {"image_size": (16, 1024), "seed": (0, 2**63)}.get(name, (0, 10**6))
            if type(value) is not int or not least <= value <= most:
                raise InputError(f"{name}={value!r}: expected a whole number, {least} to {most}")
        if not any(getattr(self, split) for split in SPLITS):
            raise InputError(f"every split is empty: give cases to one of {', '.join(SPLITS)}")


def _random(seed, *key):
    return np.random.default_rng(np.random.SeedSequence([seed, *key]))


# Cases: who, which class, how many images.


def class_shares(external=False):
    """Share of each of the 27 classes, `[27]`, summing to 1."""
    middle = [c for c in CONDITIONS if c not in (*HEAD, *TAIL, OTHER)]
    falling = 0.93 ** np.arange(len(middle))
    shares = dict(zip(middle, 0.44 * falling / falling.sum(), strict=True))
    shares.update(dict.fromkeys(HEAD, 0.11), **dict.fromkeys(TAIL, 0.02 / 3), Other=0.21)
    shares = np.array([shares[c] for c in CONDITIONS])
    if external:
        shares = 0.5 * shares + 0.5 * np.isin(CONDITIONS, CANCERS) / len(CANCERS)
    return shares


def class_counts(shares, count):
    """Whole numbers that sum to `count`: largest remainder, at least 1 each from `MINIMUM` on."""
    numbers = np.floor(shares * count).astype(int)
    short = np.argsort(numbers - shares * count, kind="stable")[: count - numbers.sum()]
    numbers[short] += 1
    for empty in np.flatnonzero(numbers == 0) if count >= MINIMUM else ():
        numbers[empty] += 1
        numbers[np.argmax(numbers)] -= 1
    return numbers


@dataclasses.dataclass(frozen=True)
class Case:
    """What the images of a case share; the lesion itself follows from the seed and the number."""

    split: str
    number: int
    seed: int
    classes: tuple  # indices into CONDITIONS, one or two
    skin: int
    body_part: str
    images: int
    patient_id: str

    @property
    def case_id(self):
        """Unique in the data set."""
        return f"{self.split}_{self.number:05d}"

    def random(self, purpose, *image):
        """A generator for one purpose in this case, or in one image of it."""
        return _random(self.seed, purpose, SPLITS.index(self.split), self.number, *image)


def cases_of(config, split):
    """The cases of a split, in random order of classes."""
    index, count = SPLITS.index(split), getattr(config, split)
    numbers = class_counts(class_shares(split == "external"), count)
    labels = _random(config.seed, 1, index).permutation(np.repeat(np.arange(27), numbers))
    return [_case(config.seed, split, number, int(label)) for number, label in enumerate(labels)]


def _case(seed, split, number, label):
    index, other = SPLITS.index(split), len(CONDITIONS) - 1
    draw = _random(seed, 2, index, number)
    classes = (label,)
    if draw.random() < SECOND_DIAGNOSIS and label != other:
        classes += (int((label + draw.integers(1, other)) % other),)
    paired = _random(seed, 4, index, number // 2).random() < SHARED_PATIENT
    patient = number - number % 2 if paired else number  # one or two cases, in one split
    mix = EXTERNAL_SKIN_MIX if split == "external" else SKIN_MIX
    skin = int(_random(seed, 3, index, patient).choice(4, p=mix))
    part = str(draw.choice(list(BODY_PARTS)))
    images = int(draw.choice(6, p=IMAGES_A_CASE)) + 1
    return Case(split, number, seed, classes, skin, part, images, f"patient_{split}_{patient:05d}")


# The lesion and the skin: the same in every image of a case.


def lesion_factors(case):
    """Lesion factors of a case, name to value: its class's mean, of two the middle, varied."""
    draw = case.random(5)
    mean = CLASS_MEANS[[c % 26 for c in case.classes]].mean(0)
    if CONDITIONS[case.classes[0]] == OTHER:
        mean = CLASS_MEANS[draw.integers(26, size=len(FACTORS)), np.arange(len(FACTORS))]
    spread = VARIATION * CLASS_MEANS.std(0) * draw.standard_normal(len(FACTORS))
    factors = dict(zip(FACTORS, (mean + spread).tolist(), strict=True))
    least = {"red": -0.1, "brown": -1.2, "radius": 0.1, "count": 1, "long": -0.3}
    return {name: max(value, least.get(name, 0.0)) for name, value in factors.items()}


def skin_melanin(case):
    """Its skin type's, varied by patient's case."""
    return max(0.0, SKIN_MELANIN[case.skin] + 0.07 * case.random(6).standard_normal())


def _noise(draw, cells, size):
    """Smooth noise `[size, size]`, standard deviation about 1, from a grid of `cells` (w, h)."""
    grid = draw.standard_normal(np.broadcast_to(cells, 2)[::-1], np.float32)
    return 1.3 * np.asarray(Image.fromarray(grid).resize([size, size], Image.Resampling.BICUBIC))


def _patches(draw, factors, u, v):
    """Distance to the border of the nearest patch, below 0 inside, `[n, n]`."""
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


@functools.lru_cache(maxsize=2)
def lesion(case, size):
    """The lesion face on: log of its colour against the skin's, and height, `[4, n, n]`."""
    n = 5 * size // 4
    factors, draw = lesion_factors(case), case.random(7)
    axis = ((np.arange(n, dtype=np.float32) + 0.5) * 2 / n - 1) * EXTENT
    distance, radius = _patches(draw, factors, axis[None, :], axis[:, None])
    uneven = radius * (0.2 * _noise(draw, 9, n) + 0.1 * _noise(draw, 22, n))
    distance = distance + factors["rough"] * uneven
    softness = radius * (0.04 + 0.25 * factors["soft"])
    opacity = 1 / (1 + np.exp(np.clip(distance / softness, -30, 30)))
    depth = np.clip(-distance / radius, 0, 1)
    kept = 1 - min(factors["ring"], 1) * np.clip((depth - 0.25) * 5, 0, 1)
    grain = min(factors["grain"], 1.2)
    fine, coarse, flakes = _noise(draw, 34, n), _noise(draw, 12, n), _noise(draw, 28, n)

    skin = skin_melanin(case)
    blood = 1.2 * factors["red"] * opacity * (0.25 + 0.75 * kept) * (1 + 0.3 * grain * coarse)
    melanin = factors["brown"] * opacity * kept * (1 + 0.35 * grain * (coarse + 0.5 * fine))
    melanin *= 1.6 if factors["brown"] > 0 else skin + 0.15  # a loss takes the skin's own
    tufts = _noise(draw, (n // 2, max(4, n // 12)), n)  # hair around a bald patch
    fringe = (1 - opacity) * np.exp(-0.6 * np.maximum(distance, 0)) * np.clip(tufts + 0.4, 0, 1)
    melanin += 2.2 * min(factors["hair"], 1.2) * fringe
    tone = PALE * np.exp(-skin * MELANIN)
    colour = tone * np.exp(-blood[..., None] * BLOOD - melanin[..., None] * MELANIN)
    for amount, noise, over in (("yellow", -flakes, CRUST), ("white", flakes, SCALE)):
        cover = factors[amount] * opacity * kept * np.clip(0.4 + 0.7 * grain * noise, 0, 1)
        colour += np.clip(cover, 0, 0.9)[..., None] * (over - colour)
    height = factors["relief"] * np.sqrt(depth * opacity) * (0.3 + 0.7 * kept)
    height = radius * (height + 0.12 * grain * opacity * fine)
    change = np.log(np.clip(colour, 0.02, 1) / tone)
    fields = np.stack([*np.moveaxis(change, 2, 0), height]).astype(np.float32)
    fields.flags.writeable = False  # shared by the cache
    return fields


# The view: drawn anew for each image. The defaults are a neutral one.


@dataclasses.dataclass(frozen=True)
class View:
    """Everything but the lesion and the skin. Lengths are in half images."""

    position: tuple = (0.0, 0.0)
    scale: float = 0.48  # of the lesion's coordinates
    angle: float = 0.0
    tilt: float = 1.0  # foreshortening
    perspective: tuple = (0.0, 0.0)
    brightness: float = 1.0
    slope: tuple = (0.0, 0.0)  # of the light over the image
    vignette: float = 0.0
    cast: tuple = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    contrast: float = 1.0
    light_from: float = 0.8  # angle of the light that shades the relief
    limb_angle: float = 0.0
    curvature: float = 0.0
    backdrop: tuple = (0.2, 0.25, 0.3)  # colour beside a limb
    texture: float = 0.0  # of the skin
    hairs: int = 0
    blur: float = 0.0  # standard deviation at 96 pixels
    noise: float = 0.0
    jpeg_quality: int = 92
    key: tuple = (0,)  # of the random fields: skin texture, hairs, sensor noise


def view_of(case, image):
    """The view of one image of a case; the external split's camera and light are others."""
    draw, external = case.random(8, image), case.split == "external"
    warm = (0.07, 0.0, -0.09) if external else (0.0, 0.0, 0.0)
    return View(
        position=tuple(draw.uniform(-0.3, 0.3, 2)),
        scale=float(np.exp(draw.uniform(-1.15, -0.45)) * (0.88 if external else 1)),
        angle=draw.uniform(0, 2 * np.pi),
        tilt=draw.uniform(0.7, 1),
        perspective=tuple(draw.uniform(-0.18, 0.18, 2)),
        brightness=draw.uniform(0.65, 1.0) if external else draw.uniform(0.75, 1.15),
        slope=tuple(draw.uniform(-0.18, 0.18, 2)),
        vignette=draw.uniform(0.15, 0.4) if external else draw.uniform(0, 0.15),
        cast=tuple(1 + draw.uniform(-0.08, 0.08, 3) + warm),
        saturation=draw.uniform(0.7, 0.95) if external else draw.uniform(0.85, 1.15),
        contrast=draw.uniform(0.8, 1.0) if external else draw.uniform(0.9, 1.15),
        light_from=draw.uniform(0, 2 * np.pi),
        limb_angle=draw.uniform(0, 2 * np.pi),
        curvature=draw.uniform(0, 0.35),
        backdrop=tuple(draw.uniform(0.03, 0.75) * draw.uniform(0.7, 1, 3)),
        texture=draw.uniform(0.3, 1),
        hairs=int(draw.poisson(BODY_PARTS[case.body_part][1] * draw.exponential())),
        blur=max(0.0, draw.uniform(-0.7, 1.0)) + (0.3 if external else 0),
        noise=draw.uniform(0.004, 0.025) + (0.01 if external else 0),
        jpeg_quality=int(draw.integers(55, 80) if external else draw.integers(75, 96)),
        key=(case.seed, 9, SPLITS.index(case.split), case.number, image),
    )


def _warp(fields, view, size):
    """The lesion's fields as the camera sees them, `[4, H, W]`."""
    n, cos, sin = fields.shape[-1], np.cos(view.angle), np.sin(view.angle)
    from_pixels = np.array([[2 / size, 0, -1], [0, 2 / size, -1], [0, 0, 1]])
    centre = np.array([[1, 0, -view.position[0]], [0, 1, -view.position[1]], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1 / view.tilt, 0], [*view.perspective, 1]])
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, view.scale]])
    to_canvas = np.array([[n / 2 / EXTENT, 0, n / 2], [0, n / 2 / EXTENT, n / 2], [0, 0, 1]])
    matrix = to_canvas @ turn @ tilt @ centre @ from_pixels
    matrix = (matrix / matrix[2, 2]).ravel()[:8]
    way = (Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR)
    return np.stack([np.asarray(Image.fromarray(f).transform((size, size), *way)) for f in fields])


def _hairs(draw, count, size):
    """How much of each pixel hair covers, `[H, W]`."""
    mask = Image.new("L", (2 * size, 2 * size))
    pen, steps = ImageDraw.Draw(mask), np.linspace(-1, 1, 7)
    for _ in range(min(count, 40)):
        (x, y), angle = draw.uniform(0, 2 * size, 2), draw.uniform(0, 2 * np.pi)
        length, bend = draw.uniform(0.2, 0.8) * size, draw.uniform(-0.4, 0.4)
        turns = angle + bend * steps
        points = np.stack([x + length * steps * np.cos(turns), y + length * steps * np.sin(turns)])
        pen.line(points.T.ravel().tolist(), fill=int(draw.integers(90, 200)), width=1 + size // 96)
    return np.asarray(mask.reduce(2), np.float32) / 255


def render(case, view, size):
    """A case's lesion and skin in a view, uint8 `[H, W, 3]`."""
    draw = _random(*view.key)
    *change, height = _warp(lesion(case, size), view, size)
    x = np.linspace(-1, 1, size, dtype=np.float32)[None, :]
    y = x.T
    tone = (PALE * np.exp(-skin_melanin(case) * MELANIN)).astype(np.float32)

    texture = 0.025 * _noise(draw, size // 2, size) + 0.04 * _noise(draw, 5, size)
    shade = 1 + view.texture * texture
    down, right = np.gradient(height * (view.scale * size / 2))
    light = np.cos(view.light_from) * right + np.sin(view.light_from) * down
    shade *= 1 + 0.35 * np.clip(light, -1, 1)
    across = np.cos(view.limb_angle) * x + np.sin(view.limb_angle) * y
    shade *= 1 - view.curvature * across**2
    pixels = tone * np.exp(np.stack(change, -1)) * shade[..., None]
    if view.hairs:
        cover = _hairs(draw, view.hairs, size)[..., None]
        pixels += cover * (np.float32([0.12, 0.08, 0.06]) - pixels)
    width = BODY_PARTS[case.body_part][0]
    if width and view.curvature:
        beside = np.clip((np.abs(across) - width + 0.15) * size / 3, 0, 1)[..., None]
        pixels += beside * (np.float32(view.backdrop) - pixels)
    return _photograph(draw, pixels, view, x, y)


def _photograph(draw, pixels, view, x, y):
    """Light and camera: pixels `[H, W, 3]` to uint8."""
    size = len(pixels)
    light = view.brightness + view.slope[0] * x + view.slope[1] * y
    light = light * (1 - view.vignette * (x * x + y * y))
    pixels = pixels * light[..., None] * np.float32(view.cast)
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + view.saturation * (pixels - grey)
    pixels = 0.5 + view.contrast * (pixels - 0.5)
    if view.noise:
        pixels = pixels + view.noise * draw.standard_normal(pixels.shape, np.float32)
    picture = Image.fromarray(np.uint8(np.clip(pixels, 0, 1) * 255 + 0.5))
    if view.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(view.blur * size / 96))
    return np.asarray(picture)


# The folder.


def _image_name(case, image):
    return f"{case.split}/{case.case_id}_{image}.jpg"


def _write_cases(folder, cases, size):
    for case in cases:
        for image in range(case.images):
            view, encoded = view_of(case, image), io.BytesIO()
            picture = Image.fromarray(render(case, view, size))
            picture.save(encoded, format="JPEG", quality=view.jpeg_quality)
            (folder / _image_name(case, image)).write_bytes(encoded.getvalue())
    return sum(case.images for case in cases)


def _counts_written(folder, cases, size, workers):
    """Writes the images; yields how many each chunk of cases held."""
    chunks = [cases[i : i + CHUNK] for i in range(0, len(cases), CHUNK)]
    if not workers:
        for chunk in chunks:
            yield _write_cases(folder, chunk, size)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(chunks)), spawn)
    try:
        jobs = [pool.submit(_write_cases, folder, chunk, size) for chunk in chunks]
        for job in concurrent.futures.as_completed(jobs):
            yield job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def generate(folder, config, progress=None, workers=0):
    """Writes a data set folder, whole or not at all; returns its number of images.

    Args:
      folder: to make; it must not be there.
      config: a `PhantomConfig`.
      progress: called with (images done, images in all).
      workers: processes beside this one; 0 draws in this one.

    Raises:
      InputError: `folder` cannot be made there, or `workers` is wrong.
      RunError: writing failed midway, as on a full disk.
    """
    folder = pathlib.Path(folder)
    if type(workers) is not int or not 0 <= workers <= 256:
        raise InputError(f"workers={workers!r}: expected a whole number, 0 to 256")
    if os.path.lexists(folder):
        raise InputError(f"output={folder}: is there already; give the name of a new folder")
    cases = [case for split in SPLITS for case in cases_of(config, split)]
    done, total = 0, sum(case.images for case in cases)
    try:
        with files.new_folder(folder) as new:
            for split in SPLITS:
                (new / "images" / split).mkdir(parents=True)
            (new / "dataset.json").write_text(json.dumps(_info(config), indent=1) + "\n")
            (new / "manifest.csv").write_text(_manifest(cases))
            for count in _counts_written(new / "images", cases, config.image_size, workers):
                done += count
                if progress:
                    progress(done, total)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"output={folder}: cannot be made: {error}") from error
    except (OSError, concurrent.futures.BrokenExecutor) as error:
        raise RunError(f"{folder}: not written, {done} of {total} images: {error}") from error
    return total


def _info(config):
    sizes = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(config).items())
    return {
        "name": "phantom",
        "task": "multiclass",
        "classes": list(CONDITIONS),
        "image_root": "images",
        "other_class": OTHER,
        "groups": ["skin_type"],
        "licence": "CC0-1.0 (generated)",
        "source": f"simclr_med.preparation.phantom version {VERSION}; {sizes}",
    }


def _manifest(cases):
    lines = ["image,case_id,patient_id,split,labels,skin_type,body_part"]
    for case in cases:
        labels = "" if case.split == "unlabelled" else "|".join(CONDITIONS[c] for c in case.classes)
        row = (case.case_id, case.patient_id, case.split, labels)
        row += (SKIN_TYPES[case.skin], case.body_part)
        lines += [",".join((_image_name(case, i), *row)) for i in range(case.images)]
    return "\n".join(lines) + "\n"
