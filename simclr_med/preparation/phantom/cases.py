"""People of the generated data set: patients, their cases, classes, skin and numbers of images."""

import dataclasses
import enum

import numpy as np

from simclr_med.config.splits import SPLITS
from simclr_med.errors import InputError
from simclr_med.preparation.labels.paper_conditions import PAPER

OTHER = "Other"  # many conditions: each case takes each factor from a class drawn for it
CONDITIONS = (*PAPER, OTHER)
HEAD = ("Acne", "Eczema", "Psoriasis")  # above 10 % each
TAIL = ("Lentigo", "Melanoma", "Stasis dermatitis")  # below 1 % each
CANCERS = ("Melanoma", "Basal cell carcinoma", "Actinic keratosis")  # frequent in "external"

SKIN_TYPES = ("white", "beige", "brown", "dark brown")
SKIN_MIX = (0.3, 0.3, 0.25, 0.15)
EXTERNAL_SKIN_MIX = (0.5, 0.35, 0.1, 0.05)
BODY_PARTS = ("face", "trunk", "arm", "leg", "hand")

IMAGES_A_CASE = (0.35, 0.25, 0.17, 0.11, 0.07, 0.05)  # 1 to 6
SECOND_DIAGNOSIS = 0.05
SHARED_PATIENT = 0.2  # of neighbouring pairs of cases
MINIMUM = 100  # a split of as many cases holds each class


class Purpose(enum.IntEnum):
    """Purpose of a random number. The values are part of a seed's meaning."""

    ORDER = 1
    CASE = 2
    SKIN_TYPE = 3
    PATIENT = 4
    FACTORS = 5
    SKIN_TONE = 6
    LESION = 7
    VIEW = 8
    SENSOR = 9


def generator(seed, *key):
    """Return the random generator of a key of whole numbers, the same wherever it is asked for."""
    return np.random.default_rng(np.random.SeedSequence([seed, *key]))


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


@dataclasses.dataclass(frozen=True)
class Case:
    """Properties that the images of a case share; the lesion follows from seed and number."""

    split: str
    number: int
    seed: int
    classes: tuple  # indices into CONDITIONS, one or two
    skin: int  # index into SKIN_TYPES
    body_part: str
    images: int
    patient_id: str

    @property
    def case_id(self):
        """Unique in the data set."""
        return f"{self.split}_{self.number:05d}"

    def generator(self, purpose, *image):
        """Return the generator of one purpose in this case, or in one image of it."""
        return generator(self.seed, *self.key(purpose, *image))

    def key(self, purpose, *image):
        """Return the key, without the seed, of one purpose in this case, or in one image of it."""
        return (purpose, SPLITS.index(self.split), self.number, *image)


def cases_of(config, split):
    """Return the cases of a split, classes in random order.

    Args:
      config: a `PhantomConfig`.
      split: one of `SPLITS`.
    """
    index, count = SPLITS.index(split), getattr(config, split)
    shares = external_class_shares() if split == "external" else class_shares()
    numbers = class_counts(shares, count)
    order = generator(config.seed, Purpose.ORDER, index)
    labels = order.permutation(np.repeat(np.arange(len(CONDITIONS)), numbers))
    return [_case(config.seed, split, number, int(label)) for number, label in enumerate(labels)]


def class_shares():
    """Return the share of each of the 27 classes, `[27]`, summing to 1."""
    middle = [c for c in CONDITIONS if c not in (*HEAD, *TAIL, OTHER)]
    falling = 0.93 ** np.arange(len(middle))
    shares = dict(zip(middle, 0.44 * falling / falling.sum(), strict=True))
    shares |= dict.fromkeys(HEAD, 0.11) | dict.fromkeys(TAIL, 0.02 / 3) | {OTHER: 0.21}
    return np.array([shares[c] for c in CONDITIONS])


def external_class_shares():
    """Return as `class_shares`, of the external split, half of whose cases are cancers."""
    return 0.5 * class_shares() + 0.5 * np.isin(CONDITIONS, CANCERS) / len(CANCERS)


def class_counts(shares, count):
    """Return whole numbers that sum to `count`, int `[K]`, nearest to `shares` `[K]` of it.

    By largest remainder; from `MINIMUM` on each is at least 1.
    """
    numbers = np.floor(shares * count).astype(int)
    short = np.argsort(numbers - shares * count, kind="stable")[: count - numbers.sum()]
    numbers[short] += 1
    for empty in np.flatnonzero(numbers == 0) if count >= MINIMUM else ():
        numbers[empty] += 1
        numbers[np.argmax(numbers)] -= 1
    return numbers


def _case(seed, split, number, label):
    index, other = SPLITS.index(split), CONDITIONS.index(OTHER)
    draw = generator(seed, Purpose.CASE, index, number)
    classes = (label,)
    if draw.random() < SECOND_DIAGNOSIS and label != other:
        classes += (int((label + draw.integers(1, other)) % other),)
    paired = generator(seed, Purpose.PATIENT, index, number // 2).random() < SHARED_PATIENT
    patient = number - number % 2 if paired else number  # one or two cases, in one split
    mix = EXTERNAL_SKIN_MIX if split == "external" else SKIN_MIX
    skin = int(generator(seed, Purpose.SKIN_TYPE, index, patient).choice(4, p=mix))
    part = str(draw.choice(BODY_PARTS))
    images = int(draw.choice(6, p=IMAGES_A_CASE)) + 1
    return Case(split, number, seed, classes, skin, part, images, f"patient_{split}_{patient:05d}")
