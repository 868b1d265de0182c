"""The steps of a recipe that change a view, as layers on KerasCV's vectorised base.

    layers = changing(Recipe.named("chexpert", 224))  # [RandomFlip(), RandomBrightness(...), ...]

Called by itself a layer draws anew for each image, and always acts, as KerasCV's layers do. A run
hands `augment_images` numbers that belong to the position in the run instead: see changing.py.
"""

import keras
import tensorflow as tf

from simclr_med import compat
from simclr_med.views import augment
from simclr_med.views.keras_cv_layers import keras_cv, parse

PACKAGE = "simclr_med"


def changing(recipe):
    """Return the layers of a `Recipe` that change a view once it is cut out, a list.

    Raises:
      InputError: it names KerasCV layers that cannot follow; see `keras_cv_layers.parse`.
    """
    kinds = [CHANGING[step] for step in recipe.steps if step in CHANGING]
    made = [kind(**{name: getattr(recipe, name) for name in kind.SETTINGS}) for kind in kinds]
    return [*made, StockLayers(recipe.layers)] if recipe.layers else made


class ViewLayer(keras_cv.layers.VectorizedBaseImageAugmentationLayer):
    """A step of a recipe: a function of images and of uniform numbers drawn for them.

    Subclasses keep their constructor's arguments as attributes, named in `SETTINGS`, and say in
    `STEP` which of the numbers they take.
    """

    STEP: str = ""
    SETTINGS: tuple[str, ...] = ()
    compiles: bool = True

    def __init__(self, seed=None, **kwargs):
        # In half precision, as the rest of a model may be, colours would be rounded.
        super().__init__(seed=seed, **{"dtype": "float32"} | kwargs)
        self.seed = seed

    def build(self, *shapes, **named):
        """Do nothing: no layer has weights."""

    def get_random_transformation_batch(self, batch_size, **inputs):
        """Draw the numbers of so many views: a dict, step to `[B, n]`."""
        place, draws = augment.draw(compat.random_seed(self), batch_size)
        return {"place": place, **augment.by_step(draws)}

    def augment_images(self, images, transformations, **inputs):
        """Return views of images `[B, H, W, 3]` in [0, 1].

        Args:
          images: the batch.
          transformations: uniform numbers, a dict, step to `[B, n]`; see `augment.by_step`.
          inputs: what else KerasCV hands over.
        """
        planes = tf.transpose(images, [0, 3, 1, 2])
        planes = self.augment_planes(planes, transformations[self.STEP])
        return tf.transpose(planes, [0, 2, 3, 1])

    def augment_planes(self, planes, draws):
        """Return planes `[B, 3, H, W]` changed by the step's own numbers `[B, n]`."""
        raise NotImplementedError

    def augment_labels(self, labels, transformations, **inputs):
        """Return the labels as they are."""
        return labels

    def get_config(self):
        """Return the constructor's arguments."""
        return super().get_config() | self._settings() | {"seed": self.seed}

    def _settings(self):
        return {name: getattr(self, name) for name in self.SETTINGS}

    def __repr__(self):
        settings = ", ".join(f"{name}={value!r}" for name, value in self._settings().items())
        return f"{type(self).__name__}({settings})"


@keras.saving.register_keras_serializable(PACKAGE)
class RandomFlip(ViewLayer):
    """Flips left to right with probability 0.5."""

    STEP = "flip"

    def augment_planes(self, planes, draws):
        return augment.where(draws[:, 0] < augment.FLIP, planes[..., ::-1], planes)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomColorJitter(ViewLayer):
    """SimCLR's colour jitter, with probability 0.8; see `augment.jitter_factors`."""

    STEP, SETTINGS = "jitter", ("color_strength",)

    def __init__(self, color_strength=1.0, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.color_strength = color_strength

    def augment_planes(self, planes, draws):
        def jitter(planes):
            factors = augment.jitter_factors(draws[:, 1:5], self.color_strength)
            return augment.colour_jitter(planes, factors, augment.jitter_order(draws[:, 5]))

        return augment.sometimes(draws[:, 0] < augment.JITTER, jitter, planes)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomGreyscale(ViewLayer):
    """Greyscale in three channels with probability 0.2."""

    STEP = "grey"

    def augment_planes(self, planes, draws):
        return augment.where(draws[:, 0] < augment.GREY, augment.greyscale(planes), planes)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomBlur(ViewLayer):
    """SimCLR's Gaussian blur of square images with probability 0.5, sigma 0.1 to 2 pixels."""

    STEP = "blur"

    def augment_planes(self, planes, draws):
        taps = augment.blur_taps(planes.shape[-1])

        def blur(planes):
            return augment.blur(planes, augment.blur_sigma(draws[:, 1]), taps)

        return augment.sometimes(draws[:, 0] < augment.BLUR, blur, planes)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomBrightness(ViewLayer):
    """Adds one value of U(-brightness, brightness) to all channels; not clipped below or above."""

    STEP, SETTINGS = "brightness", ("brightness",)

    def __init__(self, brightness=0.2, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.brightness = brightness

    def augment_planes(self, planes, draws):
        return augment.shift_brightness(planes, self.brightness * (2 * draws[:, 0] - 1))


@keras.saving.register_keras_serializable(PACKAGE)
class RandomContrast(ViewLayer):
    """Multiplies each channel's standard deviation; see `Recipe.contrast_reading`."""

    STEP, SETTINGS = "contrast", ("contrast", "contrast_reading")

    def __init__(self, contrast=0.2, contrast_reading="around_one", seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.contrast, self.contrast_reading = contrast, contrast_reading

    def augment_planes(self, planes, draws):
        factors = self.contrast * (2 * draws[:, 0] - 1)
        if self.contrast_reading == "around_one":
            factors += 1
        return augment.clip(augment.contrast(planes, factors))


@keras.saving.register_keras_serializable(PACKAGE)
class StockLayers(ViewLayer):
    """KerasCV's own layers, one after another; each image by its own numbers.

    Args:
      named: names of `keras_cv.layers` and their arguments, JSON; see `keras_cv_layers.parse`.
      seed: of the numbers that the layer draws when it is called by itself.

    Raises:
      InputError: a layer cannot follow a recipe.
    """

    STEP, SETTINGS, compiles = "layers", ("named",), False

    def __init__(self, named, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.named = named
        self._follow = parse(named)
        self.layers = self._follow.layers  # listed with the model that holds this

    def augment_images(self, images, transformations, **inputs):
        draws = transformations[self.STEP]
        if images.shape[0] == 1:
            return self._follow(images[0], draws[0])[None]
        spec = tf.TensorSpec(images.shape[1:], tf.float32)
        pairs = (images, draws)
        return tf.map_fn(lambda pair: self._follow(*pair), pairs, fn_output_signature=spec)


CHANGING = {
    layer.STEP: layer
    for layer in (
        RandomFlip,
        RandomColorJitter,
        RandomGreyscale,
        RandomBlur,
        RandomBrightness,
        RandomContrast,
    )
}
