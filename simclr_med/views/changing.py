"""What changes in a view, all of it: the recipe's compiled steps, then KerasCV's layers.

    views = ChangeView(recipe)(crops, draws)  # [B, S, S, 3] in 0..255, [B, m]: a batch
    views = change_each(recipe)([crop1, crop2], draws)  # V crops, each by itself

The layer is what a model holds that makes its views, and what `layers.RandomView` holds; tf.data
runs the function. Both make the same views.
"""

import dataclasses
import functools

import keras
import tensorflow as tf

from simclr_med import graphs
from simclr_med.config.recipes import Recipe
from simclr_med.views import augment


@keras.saving.register_keras_serializable("simclr_med")
class ChangeView(keras.layers.Layer):
    """Crops and drawn numbers to views; without weights.

    Args:
      recipe: a `Recipe`, whose steps of placing are done already.

    Raises:
      InputError: the recipe names KerasCV layers that cannot follow; see `keras_cv_layers.parse`.
    """

    def __init__(self, recipe, **kwargs):
        # In half precision, as the rest of a model may be, colours would be rounded.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.recipe = recipe
        self._follow = _following(recipe)
        self.extra_layers = self._follow.layers if self._follow else []  # listed with the model
        self._followed = graphs.function(self._follow_each)

    def call(self, crops, draws):
        """Return views, float32 `[B, S, S, 3]` in [0, 1].

        Args:
          crops: `[B, S, S, 3]`, 0 to 255, with overshoot.
          draws: uniform numbers `[B, m]`, see `augment.draw`.
        """
        views = augment.compiled(self.recipe)(crops, draws)
        return self._followed(views, draws) if self._follow else views

    def _follow_each(self, views, draws):
        spec = tf.TensorSpec(views.shape[1:], tf.float32)
        return tf.map_fn(lambda pair: self._follow(*pair), (views, draws), fn_output_signature=spec)

    def get_config(self):
        """Return the constructor's arguments, the recipe as a dict."""
        return super().get_config() | {"recipe": dataclasses.asdict(self.recipe)}

    @classmethod
    def from_config(cls, config):
        """Return the layer of a `get_config`."""
        recipe = config["recipe"]
        steps = tuple(recipe["steps"])  # JSON has made a list of them
        return cls(**config | {"recipe": Recipe(**recipe | {"steps": steps})})


@functools.cache
def change_each(recipe):
    """Return a function of V crops `[S, S, 3]` and draws `[V, m]` to V views, one by one."""
    steps, follow = augment.compiled_each(recipe), _following(recipe)
    if not follow:
        return steps

    def change(crops, draws):
        views = steps(crops, draws)
        return [follow(*pair) for pair in zip(views, tf.unstack(draws), strict=True)]

    return graphs.function(change)


def _following(recipe):
    """Return the recipe's `keras_cv_layers.ExtraLayers`, or None where it has none."""
    if not recipe.layers:
        return None
    # Loaded here alone: KerasCV takes seconds.
    from simclr_med.views.keras_cv_layers import parse

    return parse(recipe.layers)
