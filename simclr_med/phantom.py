"""A generated dermatology-like data set: class in the lesion, nuisance in everything else.

    generate("work/phantom", PhantomConfig(train=600, test=600, image_size=64))

The images of one case share the lesion and the skin, not the view. docs/phantom.md lists the
factors. Every draw is keyed by (seed, purpose, split, case, image): an image is the same whatever
the sizes of the splits or the number of workers.
"""

import concurrent.futures
import dataclasses
import io
import json
import multiprocessing
import pathlib

import numpy as np
from PIL import Image, ImageFilter

from simclr_med import files
from simclr_med.errors import InputError

CONDITIONS = (
    "Acne", "Actinic keratosis", "Allergic contact dermatitis", "Alopecia areata",
    "Androgenetic alopecia", "Basal cell carcinoma", "Cyst", "Eczema", "Folliculitis",
    "Hidradenitis", "Lentigo", "Melanocytic nevus", "Melanoma",
    "Post inflammatory hyperpigmentation", "Psoriasis", "SCC/SCCIS", "Seborrheic keratosis",
    "Scar condition", "Seborrheic dermatitis", "Skin tag", "Stasis dermatitis", "Tinea",
    "Tinea versicolor", "Urticaria", "Verruca vulgaris", "Vitiligo", "Other",
)  # fmt: skip
HEAD = ("Acne", "Eczema", "Psoriasis")  # above 10 % each
TAIL = ("Lentigo", "Melanoma", "Stasis dermatitis")  # below 1 % each
CANCERS = ("Melanoma", "Basal cell carcinoma", "Actinic keratosis")  # frequent in "external"
SKIN_TYPES = ("white", "beige", "brown", "dark brown")
SKIN_COLOURS = np.array(
    [[0.93, 0.78, 0.70], [0.83, 0.65, 0.52], [0.62, 0.44, 0.33], [0.38, 0.26, 0.2]]
)
BODY_PARTS = ("face", "trunk", "arm", "leg", "hand")
SPLITS = ("train", "validation", "test", "external", "unlabelled")
IMAGES_A_CASE = (0.35, 0.25, 0.17, 0.11, 0.07, 0.05)  # 1 to 6
SECOND_DIAGNOSIS = 0.04
MINIMUM = 100  # a split of as many cases holds each class
CHUNK = 20


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
        for field in dataclasses.fields(self):
            least = 16 if field.name == "image_size" else 0
            if getattr(self, field.name) < least:
                value = getattr(self, field.name)
                raise InputError(f"--{field.name}={value}: expected {least} or more")
        if not sum(getattr(self, split) for split in SPLITS):
            raise InputError(f"every split is empty: give cases to one of {', '.join(SPLITS)}")


def _random(seed, *key):
    return np.random.default_rng(np.random.SeedSequence([seed, *key]))


def class_shares(external=False):
    """Share of each of the 27 classes, `[27]`, summing to 1."""
    shares = np.zeros(len(CONDITIONS))
    middle = [c for c in CONDITIONS if c not in (*HEAD, *TAIL, "Other")]
    for names, total in ((HEAD, 0.33), (TAIL, 0.02), (("Other",), 0.21)):
        for name in names:
            shares[CONDITIONS.index(name)] = total / len(names)
    falling = 0.93 ** np.arange(len(middle))
    for name, part in zip(middle, falling / falling.sum(), strict=True):
        shares[CONDITIONS.index(name)] = 0.44 * part
    if external:
        shares *= 0.5
        for name in CANCERS:
            shares[CONDITIONS.index(name)] += 0.5 / len(CANCERS)
    return shares


def _labels(config, split):
    """First class of each case: exact shares (largest remainder), in random order."""
    count = getattr(config, split)
    wanted = class_shares(split == "external") * count
    numbers = np.floor(wanted).astype(int)
    short = np.argsort(numbers - wanted, kind="stable")[: count - numbers.sum()]
    numbers[short] += 1
    if count >= MINIMUM:
        for empty in np.flatnonzero(numbers == 0):
            numbers[empty] += 1
            numbers[np.argmax(numbers)] -= 1
    labels = np.repeat(np.arange(len(CONDITIONS)), numbers)
    return _random(config.seed, 1, SPLITS.index(split)).permutation(labels)


@dataclasses.dataclass(frozen=True)
class Case:
    """What the images of a case share: diagnoses, skin type, and the key of its draws."""

    split: str
    number: int
    classes: tuple
    skin: int
    images: int
    seed: int

    @property
    def case_id(self):
        """Unique in the data set."""
        return f"{self.split}_{self.number:05d}"


def cases_of(config, split):
    """The cases of a split."""
    index, made = SPLITS.index(split), []
    mix = (0.4, 0.4, 0.15, 0.05) if split == "external" else (0.3, 0.3, 0.25, 0.15)
    for number, label in enumerate(_labels(config, split)):
        draw = _random(config.seed, 2, index, number)
        classes = (int(label),)
        if draw.random() < SECOND_DIAGNOSIS:
            classes += (int((label + draw.integers(1, 26)) % 26),) if label < 26 else ()
        patient = _random(config.seed, 3, index, _first_case(config, index, number))
        skin = int(patient.choice(4, p=mix))
        images = int(draw.choice(6, p=IMAGES_A_CASE)) + 1
        made.append(Case(split, number, classes, skin, images, config.seed))
    return made


def _first_case(config, split_index, number):
    # One in five neighbouring pairs of cases belongs to one patient.
    paired = _random(config.seed, 4, split_index, number // 2).random() < 0.2
    return number - number % 2 if paired else number


def patient_of(config, case):
    """A patient has one or two cases, in one split."""
    number = _first_case(config, SPLITS.index(case.split), case.number)
    return f"patient_{case.split}_{number:05d}"


# The class's share of a lesion: hue shift and darkness against the skin, border, elongation,
# number of spots, texture. Each case varies around it by about half the spread between classes.
FACTORS = ("red", "green", "blue", "roughness", "softness", "elongation", "spots", "grain", "ring")
VARIATION = 0.45


def class_factors():
    """Standard-normal factors of each class, `[27, 9]`: the same in every data set."""
    return np.random.default_rng(26).standard_normal([len(CONDITIONS), len(FACTORS)])


CLASS_FACTORS = class_factors()


def lesion_factors(case):
    """The factors of this case's lesion, by name: its class's, mixed for two, and varied."""
    draw = _random(case.seed, 5, SPLITS.index(case.split), case.number)
    mean = CLASS_FACTORS[list(case.classes)].mean(0)
    if case.classes == (len(CONDITIONS) - 1,):  # Other is many conditions: no mean of its own
        mean = draw.standard_normal(len(FACTORS))
    return dict(zip(FACTORS, mean + VARIATION * draw.standard_normal(len(FACTORS)), strict=True))


def _noise(draw, cells, size):
    """Smooth noise `[size, size]`, standard deviation about 1, from a grid of `cells`."""
    grid = draw.standard_normal([cells, cells]).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize([size, size], Image.Resampling.BICUBIC))


def _sample(texture, u, v):
    """A square texture at coordinates in [-1, 1], wrapped around."""
    n = len(texture)
    return texture[((v + 1) * n / 2).astype(int) % n, ((u + 1) * n / 2).astype(int) % n]


def render(case, image, size):
    """One image of a case, uint8 `[size, size, 3]`."""
    key = (SPLITS.index(case.split), case.number)
    own = _random(case.seed, 6, *key)  # the lesion and the skin: the same in every image
    view = _random(case.seed, 7, *key, image)  # all the rest
    factors = lesion_factors(case)
    tone = SKIN_COLOURS[case.skin] + 0.03 * own.standard_normal(3)
    outline, texture = own.standard_normal(6), _noise(own, 12, 64)
    spots = own.uniform(-0.8, 0.8, [12, 2])

    # Viewpoint: position, rotation, scale, tilt.
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle, scale = view.uniform(0, 2 * np.pi), np.exp(view.uniform(-0.5, 0.35))
    tilt = view.uniform(0.75, 1)
    dx, dy = x - view.uniform(-0.35, 0.35), y - view.uniform(-0.35, 0.35)
    u = (np.cos(angle) * dx + np.sin(angle) * dy) / (0.5 * scale)
    v = (np.cos(angle) * dy - np.sin(angle) * dx) / (0.5 * scale * tilt)

    # The lesion: an outline with bumps, or spots; its opacity falls off over the border.
    stretch = np.exp(0.25 * factors["elongation"])
    radius, theta = np.hypot(u * stretch, v / stretch), np.arctan2(v, u)
    rough = 0.09 * np.exp(0.6 * factors["roughness"])
    bumps = sum(outline[k] * np.cos((k + 2) * theta + outline[5 - k]) for k in range(3))
    distance = radius - 0.85 - rough * bumps
    count = int(np.clip(round(3 * factors["spots"]), 0, 12))
    if count:
        near = [np.hypot(u - a, v - b) - 0.28 for a, b in spots[:count]]
        distance = np.minimum.reduce(near)
    border = 0.06 * np.exp(0.8 * factors["softness"])
    opacity = 1 / (1 + np.exp(np.clip(distance / border, -30, 30)))
    opacity *= 1 - np.clip(0.35 * factors["ring"], 0, 0.8) * (distance < -0.35)
    shift = np.array([factors[c] for c in ("red", "green", "blue")]) * 0.10 - [0.05, 0.16, 0.14]
    pattern = 0.12 * np.exp(0.6 * factors["grain"]) * _sample(texture, u / 1.5, v / 1.5)
    colour = np.clip(tone * (1 + shift * 1.6) + pattern[..., None] * tone, 0, 1)

    # The rest: curvature and texture of the body part, hair, lighting, camera.
    part = view.integers(len(BODY_PARTS))
    skin = 1 + 0.03 * _noise(view, 6 + 3 * part, size) + 0.05 * _noise(view, 3, size)
    pixels = tone * skin[..., None]
    pixels = pixels + opacity[..., None] * (colour - pixels)
    for _ in range(view.poisson(3)):
        bend, at, turn = view.uniform(-0.5, 0.5), view.uniform(-1, 1), view.uniform(0, np.pi)
        along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        hair = np.abs(across - at - bend * along**2) < 1.2 / size
        pixels[hair] *= 0.45
    external = case.split == "external"
    light = view.uniform(0.75, 1.15) - (0.1 if external else 0)
    slope = view.uniform(-0.18, 0.18, 2)
    cast = 1 + view.uniform(-0.08, 0.08, 3) + (np.array([0.06, 0, -0.08]) if external else 0)
    pixels = pixels * (light + slope[0] * x + slope[1] * y)[..., None] * cast
    pixels += view.uniform(0.005, 0.03) * view.standard_normal(pixels.shape)
    picture = Image.fromarray(np.uint8(np.clip(pixels, 0, 1) * 255))
    if view.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(view.uniform(0.4, 1.3) * size / 96))
    return np.asarray(picture)


def _write_cases(folder, cases, size):
    for case in cases:
        for image in range(case.images):
            encoded = io.BytesIO()
            Image.fromarray(render(case, image, size)).save(encoded, format="JPEG", quality=90)
            name = f"{case.split}/{case.case_id}_{image}.jpg"
            (folder / name).write_bytes(encoded.getvalue())
    return sum(case.images for case in cases)


def generate(folder, config, progress=None, workers=1):
    """Writes a data set folder; returns its number of images.

    Args:
      progress: called with (images done, images in all).
      workers: processes.

    Raises:
      InputError: `folder` is there already.
    """
    folder = pathlib.Path(folder)
    if folder.exists():
        raise InputError(f"--output={folder} is there already")
    cases = [case for split in SPLITS for case in cases_of(config, split)]
    total = sum(case.images for case in cases)
    chunks = [cases[i : i + CHUNK] for i in range(0, len(cases), CHUNK)]
    with files.new_folder(folder) as new:
        for split in SPLITS:
            (new / "images" / split).mkdir(parents=True)
        files.write_text(new / "dataset.json", json.dumps(_info(config), indent=1))
        files.write_text(new / "manifest.csv", _manifest(config, cases))
        spawn = multiprocessing.get_context("spawn")
        done = 0
        with concurrent.futures.ProcessPoolExecutor(max(1, workers), spawn) as pool:
            jobs = [pool.submit(_write_cases, new / "images", c, config.image_size) for c in chunks]
            for job in concurrent.futures.as_completed(jobs):
                done += job.result()
                if progress:
                    progress(done, total)
    return total


def _info(config):
    return {
        "name": "phantom",
        "task": "multiclass",
        "classes": list(CONDITIONS),
        "image_root": "images",
        "groups": ["skin_type"],
        "other_class": "Other",
        "licence": "CC0-1.0 (generated)",
        "source": f"simclr_med.phantom, {dataclasses.asdict(config)}",
    }


def _manifest(config, cases):
    lines = ["image,case_id,patient_id,split,labels,skin_type"]
    for case in cases:
        labels = "|".join(CONDITIONS[i] for i in case.classes)
        labels = "" if case.split == "unlabelled" else labels
        for image in range(case.images):
            name = f"{case.split}/{case.case_id}_{image}.jpg"
            patient = patient_of(config, case)
            row = (name, case.case_id, patient, case.split, labels, SKIN_TYPES[case.skin])
            lines.append(",".join(row))
    return "\n".join(lines) + "\n"
