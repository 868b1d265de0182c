"""Runs a recipe's KerasCV layers on crops, by numbers that belong to the position in a run.

    views = ChangeView(recipe)(crops, draws)  # [B, S, S, 3] in 0..255, [B, m]: a batch
    views = change_each(recipe)([crop1, crop2], draws)  # V crops, each by itself

The layer is held by a model that makes its own views and by `layers.RandomView`; tf.data runs the
function. Both run the layers of `steps.changing`, and make the same views.
"""

import dataclasses
import functools
import itertools

import keras
import tensorflow as tf

from simclr_med import graphs
from simclr_med.config.recipes import CHANGING_DRAWS, Recipe
from simclr_med.views import augment


@keras.saving.register_keras_serializable("simclr_med")
class ChangeView(keras.layers.Layer):
    """Crops and drawn numbers to views; without weights.

    Args:
      recipe: a `Recipe`, whose steps of placing are done already; or a list of layers, such as
        those of `steps.changing`, in any order.

    Attributes:
      layers: the KerasCV layers, in order.

    Raises:
      InputError: the recipe names KerasCV layers that cannot follow; see `keras_cv_layers.parse`.
      ValueError: a layer is none that changes a view, or stands twice.
    """

    def __init__(self, recipe, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.recipe = recipe
        layers = _of_recipe(recipe) if isinstance(recipe, Recipe) else tuple(recipe)
        self._change = compiled(layers)
        self.layers = [*layers]

    def build(self, *shapes, **named):
        """Do nothing: no layer has weights."""

    def call(self, crops, draws):
        """Return views, float32 `[B, S, S, 3]` in [0, 1].

        Args:
          crops: `[B, S, S, 3]`, 0 to 255, with overshoot.
          draws: uniform numbers `[B, m]`, see `augment.draw`.
        """
        return self._change(crops, draws)

    def get_config(self):
        """Return the constructor's arguments, a recipe as a dict."""
        given = self.recipe
        if isinstance(given, Recipe):
            recipe = dataclasses.asdict(given)
        else:
            recipe = [keras.layers.serialize(layer) for layer in given]
        return super().get_config() | {"recipe": recipe}

    @classmethod
    def from_config(cls, config):
        """Return the layer of a `get_config`."""
        given = config["recipe"]
        if isinstance(given, dict):
            steps = tuple(given["steps"])  # JSON has made a list of them
            return cls(**config | {"recipe": Recipe(**given | {"steps": steps})})
        from simclr_med.views import steps  # noqa: F401, registers them

        return cls(**config | {"recipe": [keras.layers.deserialize(each) for each in given]})


@functools.cache
def compiled(layers):
    """Return a function of crops `[B, S, S, 3]` and draws `[B, m]` to views, compiled by XLA.

    It is the same object for the same layers, a tuple: it is compiled once for each shape.

    Raises:
      ValueError: a layer is none that changes a view, or stands twice.
    """
    steps = [getattr(layer, "STEP", "") for layer in layers]
    if len(set(steps)) < len(steps) or not set(steps) <= set(CHANGING_DRAWS):
        raise ValueError(f"expected layers that change a view, each once, not {list(layers)}")
    return _in_two(layers, _changed_batch, change)


@functools.cache
def change_each(recipe):
    """Return a function of V crops `[S, S, 3]` and draws `[V, m]` to V views, one by one.

    What the draws of a view leave out is not computed, which a batch cannot spare.
    """
    return _in_two(_of_recipe(recipe), _changed_each, functools.partial(_one_by_one, change=change))


@functools.cache
def _of_recipe(recipe):
    from simclr_med.views.steps import changing  # here alone: importing KerasCV takes a second

    return tuple(changing(recipe))


def _in_two(layers, of_crops, of_views):
    """Return a function of crops and draws: of the layers that XLA compiles as one, and the rest.

    Args:
      layers: in order.
      of_crops: (crops, draws, layers) to views, by those up to the first that is not compiled.
      of_views: (views, draws, layers) to views, by the others.
    """
    ours = tuple(itertools.takewhile(lambda layer: layer.compiles, layers))
    rest = layers[len(ours) :]
    first = graphs.function(functools.partial(of_crops, layers=ours), jit_compile=bool(ours))
    if not rest:
        return first
    return graphs.function(lambda crops, draws: of_views(first(crops, draws), draws, rest))


def _changed_batch(crops, draws, layers):
    if not layers:
        return augment.unit(crops)
    planes, draws = augment.unit(tf.transpose(crops, [0, 3, 1, 2])), augment.by_step(draws)
    for layer in layers:  # as their `augment_images` do, turned to planes once and not for each
        planes = layer.augment_planes(planes, draws[layer.STEP])
    return tf.transpose(planes, [0, 2, 3, 1])


def _changed_each(crops, draws, layers):
    def changed():
        return _one_by_one(crops, draws, layers, _changed_batch)

    # XLA would spread single passes over all threads, which are at work on other images, and wait
    # for them: a third slower. It does not within a branch, of which this one is taken.
    return tf.cond(draws[0, 0] < 1, changed, lambda: [tf.zeros_like(crop) for crop in crops])


def _one_by_one(images, draws, layers, change):
    pairs = [(image[None], draws[v : v + 1]) for v, image in enumerate(images)]
    return [change(*pair, layers)[0] for pair in pairs]


def change(images, draws, layers):
    """Return a batch of images in [0, 1], changed by layers and numbers `[B, m]`."""
    draws = augment.by_step(draws)
    for layer in layers:
        images = layer.augment_images(images, draws)
    return images
