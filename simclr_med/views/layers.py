"""Recipes as pipelines of KerasCV layers, for images in [0, 1].

    views = keras.Sequential(pipeline(Recipe.named("full", 224)))(images)  # [B, 224, 224, 3]

    [RandomCropAndResize(size=224, min_area=0.08, rotation=0.0), RandomFlip(),
     RandomColorJitter(color_strength=1.0), RandomGreyscale(), RandomBlur()]

The layers that cut views out are here, those that change them in steps.py.
"""

import keras
import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.config.recipes import Recipe
from simclr_med.views import augment, crops
from simclr_med.views.changing import ChangeView
from simclr_med.views.steps import (
    PACKAGE,
    RandomBlur,
    RandomBrightness,
    RandomColorJitter,
    RandomContrast,
    RandomFlip,
    RandomGreyscale,
    StockLayers,
    ViewLayer,
    changing,
)

__all__ = [
    "CentralCrop",
    "RandomBlur",
    "RandomBrightness",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCropAndResize",
    "RandomFlip",
    "RandomGreyscale",
    "RandomRotation",
    "RandomView",
    "RandomWindow",
    "StockLayers",
    "changing",
    "pipeline",
]


unit = graphs.function(augment.unit)  # a graph's rounding, as a run has it


def pipeline(recipe):
    """Return the layers of a `Recipe`, a list: one cuts the view out, the others change it.

    Raises:
      InputError: the recipe names KerasCV layers that cannot follow; see `keras_cv_layers.parse`.
    """
    turn = recipe.rotation if "rotate" in recipe.steps else 0.0
    if "crop" in recipe.steps:
        cut = RandomCropAndResize(recipe.size, recipe.min_area, turn)
    elif "window" in recipe.steps:
        cut = RandomWindow(recipe.size, recipe.window, turn)
    else:
        cut = CentralCrop(recipe.size, recipe.eval_crop)
    return [cut, *changing(recipe)]


@keras.saving.register_keras_serializable(PACKAGE)
class RandomRotation(ViewLayer):
    """Turns by U(-rotation, rotation) degrees; corners are black."""

    SETTINGS = ("rotation",)

    def __init__(self, rotation=20.0, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rotation = rotation

    def augment_images(self, images, transformations, **inputs):
        return crops.rotate(images, crops.angles(transformations["place"][:, -1], self.rotation))


class CuttingLayer(ViewLayer):
    """A view of each image, `size` pixels wide, cut out by the steps of `recipe` that place it."""

    def __init__(self, recipe, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.size, self._recipe = recipe.size, recipe

    def augment_images(self, images, transformations, **inputs):
        return unit(self.cut(images, transformations["place"]))

    def cut(self, images, place):
        """Return crops `[B, S, S, 3]`, 0 to 255, of images in [0, 1] by numbers `[B, n]`."""

        def cut_one(image_and_place):
            image, place = image_and_place
            return crops.crops_of(255 * image, place[None], self._recipe)[0]

        spec = tf.TensorSpec([self.size, self.size, 3], tf.float32)
        return tf.map_fn(cut_one, (images, place), fn_output_signature=spec)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomCropAndResize(CuttingLayer):
    """SimCLR's random crop, bicubically resized to `size`; see `crops.crop_parts`.

    With a rotation the image is turned by U(-rotation, rotation) degrees first, in one bilinear
    resampling.
    """

    SETTINGS = ("size", "min_area", "rotation")

    def __init__(self, size, min_area=0.08, rotation=0.0, seed=None, **kwargs):
        recipe = Recipe(("rotate", "crop"), size, min_area=min_area, rotation=rotation)
        super().__init__(recipe, seed, **kwargs)
        self.min_area, self.rotation = min_area, rotation


@keras.saving.register_keras_serializable(PACKAGE)
class RandomWindow(CuttingLayer):
    """A square of `proportion` of the short side, anywhere, as a view of `size`.

    Of a rotation see `RandomCropAndResize`.
    """

    SETTINGS = ("size", "proportion", "rotation")

    def __init__(self, size, proportion=0.875, rotation=0.0, seed=None, **kwargs):
        recipe = Recipe(("rotate", "window"), size, window=proportion, rotation=rotation)
        super().__init__(recipe, seed, **kwargs)
        self.proportion, self.rotation = proportion, rotation


@keras.saving.register_keras_serializable(PACKAGE)
class CentralCrop(CuttingLayer):
    """The evaluation view: the central square of `proportion` of the short side, as `size`."""

    SETTINGS = ("size", "proportion")

    def __init__(self, size, proportion=0.875, seed=None, **kwargs):
        super().__init__(Recipe((), size, eval_crop=proportion), seed, **kwargs)
        self.proportion = proportion


@keras.saving.register_keras_serializable(PACKAGE)
class RandomView(ViewLayer):
    """A whole recipe: images to views of `size`.

    Args:
      size: side of the views, pixels.
      augmentation: a key of `recipes.RECIPES`.
      seed: of the numbers that the layer draws; None for others each time.

    Raises:
      ValueError: there is no such recipe.
    """

    SETTINGS = ("size", "augmentation")

    def __init__(self, size, augmentation="full", seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.size, self.augmentation = size, augmentation
        recipe = Recipe.named(augmentation, size)
        self.cut, self.change = pipeline(recipe)[0], ChangeView(recipe)

    def get_random_transformation_batch(self, batch_size, **inputs):
        """Draw the numbers of so many views, once for all steps: `augment.draw`."""
        return augment.draw(compat.random_seed(self), batch_size)

    def augment_images(self, images, transformations, **inputs):
        """Return views of images `[B, H, W, 3]` by the numbers of `augment.draw`."""
        place, draws = transformations
        return self.change(self.cut.cut(images, place), draws)
