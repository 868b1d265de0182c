"""Settings from an image to the encoder's input."""

import dataclasses

from simclr_med.config import recipes
from simclr_med.config.conditions import CHANGING, EVALUATION_VIEW, with_step
from simclr_med.config.setting import AUGMENTING, FRACTION, UP_TO_ONE, between, setting


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Settings from an image to a view, see config/recipes.py."""

    image_size: int = setting(224, "Side of the encoder's input in pixels", between(1, 4096))
    augmentation: str = setting(
        "full",
        "Augmentation recipe: full (SimCLR's), partial (its crop only), chexpert, "
        "chexpert_pretrain, finetune, none (the evaluation view)",
        tuple(recipes.RECIPES),
        modes=AUGMENTING,
        by_mode={"finetune": "finetune"},
    )
    color_strength: float = setting(
        1.0,
        "Strength of the colour jitter, from 0 to 10; 1 is SimCLR's",
        between(0, 10),
        modes=AUGMENTING,
        acts=(with_step("jitter"),),
    )
    crop_min_area: float = setting(
        0.08,
        "Smallest area of a random crop, as a share of the image, above 0 up to 1",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("crop"),),
    )
    rotation: float = setting(
        20.0,
        "Largest rotation in degrees, in both directions",
        ("from 0 to 180", lambda value: 0 <= value <= 180),
        modes=AUGMENTING,
        acts=(with_step("rotate"),),
    )
    brightness: float = setting(
        0.2,
        "Largest change of brightness, as a share of the value range, up to 1",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("brightness"),),
    )
    contrast: float = setting(
        0.2,
        "Largest change s of the contrast factor, up to 1",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
    )
    contrast_reading: str = setting(
        "around_one",
        "Contrast factor: 1 + s (around_one), or s itself (literal, as printed in the "
        "paper), with s drawn up to --contrast",
        ("around_one", "literal"),
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
    )
    extra_layers: str = setting(
        "",
        'KerasCV layers applied after the recipe, as JSON: {"GridMask": {"ratio_factor": 0.3}}',
        modes=AUGMENTING,
    )
    augment_on: str = setting(
        "host",
        "Place of flips, colour and blur: host (in tf.data) or device (in the training step)",
        ("host", "device"),
        modes=AUGMENTING,
        identity=False,
        acts=(CHANGING,),
    )
    window: float = setting(
        0.875,
        "Side of the square that the chexpert recipes cut out, as a share of the short "
        "side, above 0 up to 1",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("window"),),
    )
    eval_crop: float = setting(
        0.875,
        "Side of the central square of the evaluation view, as a share of the short side, "
        "above 0 up to 1",
        FRACTION,
        acts=(EVALUATION_VIEW,),
    )
