"""The augmentations as KerasCV layers, for any Keras pipeline of images in [0, 1].

    pipeline = keras.Sequential([RandomCropAndResize(224), RandomColorJitter(0.5), RandomBlur()])
    views = pipeline(images)  # [B, H, W, 3] in [0, 1]

They always act, as KerasCV's do, and draw anew for each image.
"""

import contextlib
import io

import keras
import tensorflow as tf

from simclr_med import compat
from simclr_med.config.recipes import Recipe
from simclr_med.views import augment, crops
from simclr_med.views.changing import ChangeView

with contextlib.redirect_stdout(io.StringIO()):  # where it says which backend it uses
    import keras_cv

PACKAGE = "simclr_med"


class _Layer(keras_cv.layers.VectorizedBaseImageAugmentationLayer):
    """Draws numbers for a batch and hands both to `augmented`.

    Subclasses keep their constructor's arguments as attributes, named in `SETTINGS`.
    """

    SETTINGS = ()

    def __init__(self, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.seed = seed

    def get_random_transformation_batch(self, batch_size, **inputs):
        """Draw all the numbers of so many views, of which the layer takes its own."""
        return augment.draw(compat.random_seed(self), batch_size)

    def augment_images(self, images, transformations, **inputs):
        """Return views `[B, H, W, 3]` of images `[B, H, W, 3]` in [0, 1]."""
        place, draws = transformations
        return self.augmented(images, place, draws)

    def augmented(self, images, place, draws):
        """Return the views by both kinds of numbers of `augment.draw`."""
        raise NotImplementedError

    def augment_labels(self, labels, transformations, **inputs):
        """Return the labels as they are."""
        return labels

    def get_config(self):
        """Return the constructor's arguments."""
        own = {name: getattr(self, name) for name in self.SETTINGS}
        return super().get_config() | own | {"seed": self.seed}


class _Step(_Layer):
    """A step of a recipe, which keeps the image's size."""

    STEP = ""

    def augmented(self, images, place, draws):
        own = {name: getattr(self, name) for name in self.SETTINGS}
        recipe = Recipe((self.STEP,), images.shape[1], **own)
        planes = tf.transpose(images, [0, 3, 1, 2])
        planes = augment.STEPS[self.STEP](planes, augment.by_step(draws)[self.STEP], recipe)
        return tf.transpose(planes, [0, 2, 3, 1])


@keras.saving.register_keras_serializable(PACKAGE)
class RandomFlip(_Step):
    """Flips left to right with probability 0.5."""

    STEP = "flip"


@keras.saving.register_keras_serializable(PACKAGE)
class RandomColorJitter(_Step):
    """SimCLR's colour jitter, with probability 0.8; see `augment.jitter_factors`."""

    STEP, SETTINGS = "jitter", ("color_strength",)

    def __init__(self, color_strength=1.0, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.color_strength = color_strength


@keras.saving.register_keras_serializable(PACKAGE)
class RandomGreyscale(_Step):
    """Greyscale in three channels with probability 0.2."""

    STEP = "grey"


@keras.saving.register_keras_serializable(PACKAGE)
class RandomBlur(_Step):
    """SimCLR's Gaussian blur of square images with probability 0.5, sigma 0.1 to 2 pixels."""

    STEP = "blur"


@keras.saving.register_keras_serializable(PACKAGE)
class RandomBrightness(_Step):
    """Adds one value of U(-brightness, brightness) to all channels; not clipped below or above."""

    STEP, SETTINGS = "brightness", ("brightness",)

    def __init__(self, brightness=0.2, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.brightness = brightness


@keras.saving.register_keras_serializable(PACKAGE)
class RandomContrast(_Step):
    """Multiplies each channel's standard deviation; see `Recipe.contrast_reading`."""

    STEP, SETTINGS = "contrast", ("contrast", "contrast_reading")

    def __init__(self, contrast=0.2, contrast_reading="around_one", seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.contrast, self.contrast_reading = contrast, contrast_reading


@keras.saving.register_keras_serializable(PACKAGE)
class RandomRotation(_Layer):
    """Turns by U(-rotation, rotation) degrees; corners are black."""

    SETTINGS = ("rotation",)

    def __init__(self, rotation=20.0, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rotation = rotation

    def augmented(self, images, place, draws):
        return crops.rotate(images, crops.angles(place[:, -1], self.rotation))


class _Placed(_Layer):
    """A view of each image by a recipe, whose `size` it has: cut out, then changed.

    Attributes:
      change: the `ChangeView`, which is the one that a model trained with this recipe holds.
    """

    def __init__(self, recipe, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.size = recipe.size
        self.change = ChangeView(recipe)

    def augmented(self, images, place, draws):
        return self.change(self.cut(images, place), draws)

    def cut(self, images, place):
        """Return crops `[B, S, S, 3]`, 0 to 255, of images by the numbers that place them."""
        recipe = self.change.recipe

        def cut_one(image_and_place):
            image, place = image_and_place
            return crops.crops_of(255 * image, place[None], recipe)[0]

        spec = tf.TensorSpec([recipe.size, recipe.size, 3], tf.float32)
        return tf.map_fn(cut_one, (images, place), fn_output_signature=spec)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomCropAndResize(_Placed):
    """SimCLR's random crop, bicubically resized to `size`; see `crops.crop_parts`."""

    SETTINGS = ("size", "min_area")

    def __init__(self, size, min_area=0.08, seed=None, **kwargs):
        super().__init__(Recipe(("crop",), size, min_area=min_area), seed, **kwargs)
        self.min_area = min_area


@keras.saving.register_keras_serializable(PACKAGE)
class RandomWindow(_Placed):
    """A square of `proportion` of the short side, anywhere, as a view of `size`."""

    SETTINGS = ("size", "proportion")

    def __init__(self, size, proportion=0.875, seed=None, **kwargs):
        super().__init__(Recipe(("window",), size, window=proportion), seed, **kwargs)
        self.proportion = proportion


@keras.saving.register_keras_serializable(PACKAGE)
class RandomView(_Placed):
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
        super().__init__(Recipe.named(augmentation, size), seed, **kwargs)
        self.augmentation = augmentation
