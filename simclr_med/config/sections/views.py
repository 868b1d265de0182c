"""From an image to what the encoder sees."""

import dataclasses

from simclr_med.config import recipes
from simclr_med.config.conditions import CHANGING, EVALUATION_VIEW, with_step
from simclr_med.config.setting import AUGMENTING, FRACTION, UP_TO_ONE, between, setting


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """From an image to what the encoder sees; see config/recipes.py."""

    image_size: int = setting(224, "side of the encoder's input, pixels", between(1, 4096))
    augmentation: str = setting(
        "full",
        "recipe: full (SimCLR's), partial (its crop), chexpert, chexpert_pretrain, finetune, none "
        "(the evaluation view)",
        tuple(recipes.RECIPES),
        modes=AUGMENTING,
        by_mode={"finetune": "finetune"},
    )
    color_strength: float = setting(
        1.0,
        "strength of the colour jitter",
        between(0, 10),
        modes=AUGMENTING,
        acts=(with_step("jitter"),),
    )
    crop_min_area: float = setting(
        0.08,
        "smallest crop, share of the image",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("crop"),),
    )
    rotation: float = setting(
        20.0,
        "largest rotation, degrees",
        ("from 0 to 180", lambda value: 0 <= value <= 180),
        modes=AUGMENTING,
        acts=(with_step("rotate"),),
    )
    brightness: float = setting(
        0.2,
        "largest brightness added",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("brightness"),),
    )
    contrast: float = setting(
        0.2,
        "range of the contrast's factor",
        UP_TO_ONE,
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
    )
    contrast_reading: str = setting(
        "around_one",
        "that factor is 1 + s (around_one) or, as printed in the paper, s itself (literal)",
        ("around_one", "literal"),
        modes=AUGMENTING,
        acts=(with_step("contrast"),),
    )
    extra_layers: str = setting(
        "",
        'KerasCV layers that follow, as JSON: {"GridMask": {"ratio_factor": 0.3}}',
        modes=AUGMENTING,
    )
    augment_on: str = setting(
        "host",
        "where flips, colour and blur are computed: host (tf.data) or device (the train step)",
        ("host", "device"),
        modes=AUGMENTING,
        identity=False,
        acts=(CHANGING,),
    )
    window: float = setting(
        0.875,
        "side of the square that chexpert cuts out, share of the short side",
        FRACTION,
        modes=AUGMENTING,
        acts=(with_step("window"),),
    )
    eval_crop: float = setting(
        0.875,
        "side of the central square that evaluation sees, share of the short side",
        FRACTION,
        acts=(EVALUATION_VIEW,),
    )
