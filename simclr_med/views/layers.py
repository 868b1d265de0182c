"""The augmentations as KerasCV layers, and KerasCV's layers in our recipes.

    pipeline = keras.Sequential([RandomCropAndResize(224), RandomColorJitter(0.5), RandomBlur()])
    views = pipeline(images)  # [B, H, W, 3] in [0, 1]

    recipe = Recipe.named("full", 224, layers='{"GridMask": {"ratio_factor": 0.3}}')

Ours always act, as KerasCV's do, and draw anew for each image.
"""

import contextlib
import functools
import inspect
import io
import json
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from simclr_med.config.recipes import CHANGING_DRAWS, RECIPES, Recipe
from simclr_med.errors import InputError
from simclr_med.views import augment, crops

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
        """All the numbers of a view, of which the layer takes its own."""
        seed = self._random_generator.make_seeds(1)[:, 0]
        return augment.draw(seed, batch_size)

    def augment_images(self, images, transformations, **inputs):
        """Images `[B, H, W, 3]` in [0, 1] to the same."""
        place, draws = transformations
        return self.augmented(images, place, draws)

    def augmented(self, images, place, draws):
        """What the layer does, from the two kinds of numbers of `augment.draw`."""
        raise NotImplementedError

    def augment_labels(self, labels, transformations, **inputs):
        """Labels stay as they are."""
        return labels

    def get_config(self):
        """The constructor's arguments."""
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
    """A view of each image, by a recipe whose `size` it has."""

    def recipe(self):
        raise NotImplementedError

    def augmented(self, images, place, draws):
        recipe = self.recipe()

        def cut(image_and_place):
            image, place = image_and_place
            return crops.crops_of(255 * image, place[None], recipe)[0]

        spec = tf.TensorSpec([recipe.size, recipe.size, 3], tf.float32)
        cuts = tf.map_fn(cut, (images, place), fn_output_signature=spec)
        return augment.change(cuts, draws, recipe)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomCropAndResize(_Placed):
    """SimCLR's random crop, bicubically resized to `size`; see `crops.crop_parts`."""

    SETTINGS = ("size", "min_area")

    def __init__(self, size, min_area=0.08, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.size, self.min_area = size, min_area

    def recipe(self):
        return Recipe(("crop",), self.size, min_area=self.min_area)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomWindow(_Placed):
    """A square of `proportion` of the short side, anywhere, as a view of `size`."""

    SETTINGS = ("size", "proportion")

    def __init__(self, size, proportion=0.875, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.size, self.proportion = size, proportion

    def recipe(self):
        return Recipe(("window",), self.size, proportion=self.proportion)


@keras.saving.register_keras_serializable(PACKAGE)
class RandomView(_Placed):
    """A whole recipe: images to views of `size`.

    Args:
      size: side of the views, pixels.
      augmentation: a key of `recipes.RECIPES`.
    """

    SETTINGS = ("size", "augmentation")

    def __init__(self, size, augmentation="full", seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if augmentation not in RECIPES:
            raise ValueError(f"augmentation {augmentation!r}; expected one of {tuple(RECIPES)}")
        self.size, self.augmentation = size, augmentation

    def recipe(self):
        return Recipe.named(self.augmentation, self.size)


# KerasCV's layers


@functools.cache  # a recipe has two functions, which both want them
def parse(text):
    """The layers that JSON names.

    Args:
      text: an object from names of `keras_cv.layers` to their arguments. They act in that order; a
        `value_range` that is not given is (0, 1).

    Raises:
      InputError: says what is wrong, also where a layer does not map an image to one of its size.
    """

    def wrong(problem):
        return InputError(f"--extra_layers={text}: {problem}")

    try:
        named = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise wrong(f"not JSON ({error})") from None
    except ValueError as error:
        raise wrong(error) from None
    if not isinstance(named, dict) or not all(isinstance(a, dict) for a in named.values()):
        raise wrong('expected an object from names to arguments, {"GridMask": {}}')
    made, image = [], tf.reshape(tf.linspace(0.0, 1.0, 32 * 32 * 3), [32, 32, 3])
    for name, arguments in named.items():
        kind = getattr(keras_cv.layers, name, None)
        if not inspect.isclass(kind):
            raise wrong(f"KerasCV has no layer {name}")
        if "value_range" in inspect.signature(kind.__init__).parameters:
            arguments = {"value_range": (0, 1), **arguments}
        try:
            layer = kind(**arguments)
            out, again = (
                tf.stack(
                    [augmented_by(layer, image, tf.constant([0.2, d])) for d in (0.1, 0.5, 0.9)]
                )
                for _ in range(2)
            )
        except Exception as error:  # a layer raises whatever it meets
            raise wrong(f"{name}: {_reason(error)}") from None
        if out.shape != (3, 32, 32, 3) or out.dtype != tf.float32:
            raise wrong(f"{name} does not make one image of another, of its size")
        if not np.array_equal(out, again):
            raise wrong(f"{name} draws random numbers that cannot be tied to a place in the run")
        made.append(layer)
    return made


def _without_repetition(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name stands twice among {', '.join(names)}")
    return dict(pairs)


def _reason(error):
    """The first line of a message that is not Keras's frame around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith("Exception encountered")]
    return (own or lines or [type(error).__name__])[0]


def follow(changes, text):
    """`changes`, a function of crops and draws to views, followed by the layers of `text`."""
    layers = parse(text)
    own = CHANGING_DRAWS["layers"]  # the last of a view's draws

    def one(view_and_draws):
        view, draws = view_and_draws
        for number, layer in enumerate(layers):
            view = augmented_by(layer, view, draws[-own:], number)
        return augment.clip(view)

    def followed(crops, draws):
        views = changes(crops, draws)
        if isinstance(views, list):
            return [one(pair) for pair in zip(views, tf.unstack(draws), strict=True)]
        spec = tf.TensorSpec(views.shape[1:], tf.float32)
        return tf.map_fn(one, (views, draws), fn_output_signature=spec)

    return followed


def augmented_by(layer, image, draws, number=0):
    """What a KerasCV layer makes of an image `[H, W, 3]`, as a function of two uniform numbers.

    KerasCV draws from generators with a state, which forgets where in the run it is. While the
    layer is called, its generators, and TensorFlow's, are others without.
    """
    seed = tf.cast(draws * 2**24, tf.int32)  # all bits of a uniform number
    drawn = _Drawn(tf.random.experimental.stateless_fold_in(seed, number))
    kept = {part: part._random_generator for part in _parts(layer)}
    stateless = {name: getattr(drawn, name) for name in ("uniform", "normal", "gamma")}
    try:
        for part in kept:
            part._random_generator = drawn
        with mock.patch.multiple(tf.random, **stateless):
            return layer(image)
    finally:
        for part, generator in kept.items():
            part._random_generator = generator


def _parts(layer):
    return [part for part in layer._flatten_layers() if hasattr(part, "_random_generator")]


class _Drawn:
    """Random numbers without a state: each call, in the order of the code, has its own seed."""

    def __init__(self, seed):
        self.seed, self.calls = seed, 0

    def _next(self):
        self.calls += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.calls)

    def uniform(self, shape, minval=0, maxval=None, dtype=tf.float32, seed=None, name=None):
        if maxval is None and tf.as_dtype(dtype).is_floating:
            maxval = 1
        return tf.random.stateless_uniform(shape, self._next(), minval, maxval, dtype)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=tf.float32, seed=None, name=None):
        return tf.random.stateless_normal(shape, self._next(), mean, stddev, dtype)

    def gamma(self, shape, alpha, beta=None, dtype=tf.float32, seed=None, name=None):
        # Its shape has that of alpha at its end.
        whole = tf.concat([shape, tf.shape(alpha)], axis=0)
        return tf.random.stateless_gamma(whole, self._next(), alpha, beta, dtype)

    random_normal = functools.partialmethod(normal)
