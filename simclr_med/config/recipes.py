"""Recipes: the steps that make a view of an image, and their strengths.

    recipe = Recipe.named("full", size=224)
    recipe = Recipe.named("chexpert_pretrain", size=224, rotation=30.0)

Rotation and crop (or window) place the view in the image, on the host: views/crops.py. The other
steps change its colours and sharpness, in their recipe's order, on the host or on the device:
views/steps.py. KerasCV's own layers may follow: views/keras_cv_layers.py.
"""

import dataclasses

# full, partial: SimCLR (Chen et al. 2020, appendix A), and its cropping alone (Azizi et al. B.1.2).
# chexpert: Azizi et al. A.2. chexpert_pretrain, finetune: their main text, whose greyscale is part
# of SimCLR's random colour. none: the evaluation view.
RECIPES = {
    "full": ("crop", "flip", "jitter", "grey", "blur"),
    "partial": ("crop",),
    "chexpert": ("rotate", "window", "flip", "brightness", "contrast"),
    "chexpert_pretrain": ("rotate", "crop", "flip", "jitter"),
    "finetune": ("rotate", "crop", "flip", "jitter", "grey", "blur"),
    "none": (),
}
OWN_STRENGTHS = {"chexpert_pretrain": {"rotation": 45.0, "color_strength": 0.5}}

# How many uniform numbers in [0, 1) each step of a view takes, in the order drawn. All are drawn
# whatever the recipe: a step's numbers do not depend on which others there are.
CROP_ATTEMPTS = 10
PLACING_DRAWS = {"crop": 2 * CROP_ATTEMPTS, "place": 2, "rotate": 1}
CHANGING_DRAWS = {"flip": 1, "jitter": 6, "grey": 1, "blur": 2, "brightness": 1, "contrast": 1,
                  "layers": 2}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Steps that make a view of an image, and their strengths.

    Attributes:
      steps: in their order; none is the evaluation view.
      size: side of the view in pixels.
      min_area: smallest part of the image that a crop may have, in (0, 1].
      rotation: largest angle in degrees, either way.
      color_strength: of the jitter; SimCLR's ImageNet value is 1, CIFAR's 0.5.
      brightness: largest difference that is added, either way, in [0, 1].
      contrast: largest deviation from 1 of the factor on each channel's standard deviation.
      contrast_reading: "around_one" draws that factor from U(1 - contrast, 1 + contrast);
        "literal", as Azizi et al. A.2 print it, from U(-contrast, contrast), which wipes an image
        out or inverts it.
      window: side of the square that a window is, share of the short side.
      eval_crop: side of the evaluation view's central square, share of the short side.
      layers: KerasCV layers that follow, as JSON; see `keras_cv_layers.parse`.
    """

    steps: tuple
    size: int
    min_area: float = 0.08
    rotation: float = 20.0
    color_strength: float = 1.0
    brightness: float = 0.2
    contrast: float = 0.2
    contrast_reading: str = "around_one"
    window: float = 0.875
    eval_crop: float = 0.875
    layers: str = ""

    @classmethod
    def named(cls, name, size, **changes):
        """Return the recipe `name` of `RECIPES`, with `changes` to its strengths.

        Raises:
          ValueError: there is no recipe of that name.
        """
        if name not in RECIPES:
            raise ValueError(f"augmentation {name!r}; expected one of {', '.join(RECIPES)}")
        return cls(RECIPES[name], size, **OWN_STRENGTHS.get(name, {}) | changes)

    @classmethod
    def of(cls, settings):
        """Return the recipe of an `AugmentConfig`."""
        return cls(
            RECIPES[settings.augmentation],
            settings.image_size,
            settings.crop_min_area,
            settings.rotation,
            settings.color_strength,
            settings.brightness,
            settings.contrast,
            settings.contrast_reading,
            settings.window,
            settings.eval_crop,
            settings.extra_layers,
        )
