"""A generated dermatology-like data set: class in the lesion, nuisance in everything else.

    generate("work/phantom", PhantomConfig(train=600, test=600, image_size=64))

cases (who, which class) -> lesion (what their images share) -> camera (what they do not) -> folder.
docs/phantom.md lists the factors. Every draw is keyed by (seed, purpose, split, case, image): an
image is the same whatever the sizes of the other splits or the number of workers.
"""

from simclr_med.preparation.phantom.camera import View, render, view_of
from simclr_med.preparation.phantom.cases import (
    CONDITIONS,
    HEAD,
    IMAGES_A_CASE,
    SECOND_DIAGNOSIS,
    SPLITS,
    TAIL,
    Case,
    PhantomConfig,
    cases_of,
    class_shares,
)
from simclr_med.preparation.phantom.folder import generate
from simclr_med.preparation.phantom.lesion import CLASS_FACTORS, lesion, skin_melanin

__all__ = [
    "CLASS_FACTORS",
    "CONDITIONS",
    "HEAD",
    "IMAGES_A_CASE",
    "SECOND_DIAGNOSIS",
    "SPLITS",
    "TAIL",
    "Case",
    "PhantomConfig",
    "View",
    "cases_of",
    "class_shares",
    "generate",
    "lesion",
    "render",
    "skin_melanin",
    "view_of",
]
