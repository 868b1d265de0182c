"""Names that no library makes public, and those of optimizers, shared by both versions of Keras."""

import contextlib

import keras
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable
from tensorflow.python.util import _pywrap_util_port


def onednn_is_on():
    """Return True where this process's TensorFlow computes with oneDNN."""
    return _pywrap_util_port.IsMklEnabled()


@contextlib.contextmanager
def precision(policy):
    """Have layers that are built within compute in `policy`, such as "mixed_bfloat16"."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


# Layers


def layers_within(model):
    """Return a model or layer and every layer within it, at any depth."""
    return model._flatten_layers()


def random_seed(layer):
    """Draw a seed, int32 `[2]`, from the generator of a KerasCV layer, which moves on."""
    return layer._random_generator.make_seeds(1)[:, 0]


def draw_from(layer, generator):
    """Make a KerasCV layer, and those within it, draw from `generator`."""
    for part in layers_within(layer):
        if hasattr(part, "_random_generator"):
            part._random_generator = generator


def unallocated_variable(create, **settings):
    """Return a variable with a shape and no memory; for `tf.variable_creator_scope`."""
    shape, initial = settings["shape"], settings["initial_value"]
    if shape is None and callable(initial):  # a weight of Keras 3
        with tf.Graph().as_default():
            shape = initial().shape  # traced, not computed
    kept = {key: settings[key] for key in ("dtype", "trainable", "name")}
    return UninitializedVariable(shape=shape, **kept)


def scope_of(operation):
    """Return the innermost scope of a graph's operation, "" of none."""
    return ["", *operation.name.split("/")][-2]


# Optimizers


class SteppedOptimizer(keras.optimizers.Optimizer):
    """Base of optimizers that step one variable at a time.

    A subclass names in `SLOTS` the tensors that it keeps beside each variable, and has
    `step(gradient, variable, learning_rate, *slots)`, which assigns to variable and slots.

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      name: of the optimizer.
    """

    SLOTS: tuple[str, ...] = ()

    def step_in(self, gradient, variable, learning_rate, slots):
        """Take one step of one variable, a dense gradient and a rate of its type given."""
        rate = tf.cast(learning_rate, variable.dtype)
        self.step(tf.convert_to_tensor(gradient), variable, rate, *slots)


def adamw(learning_rate, beta_1, weight_decay, excluded, **settings):
    """Return Keras's Adam with decoupled decay.

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      beta_1: decay of the first moment, in [0, 1).
      weight_decay: share of the weight that a step at rate 1 takes away.
      excluded: parts of the names of variables that do not decay.
      settings: further ones of Keras's class.
    """
    made = keras.optimizers.AdamW(learning_rate, weight_decay, beta_1=beta_1, **settings)
    made.exclude_from_weight_decay(var_names=excluded)
    return made


def learning_rate(optimizer):
    """Return the rate of the next step of an optimizer, a tensor, though that may be skipped."""
    own = inner(optimizer)
    rate = own._learning_rate
    return rate(own.iterations) if callable(rate) else tf.convert_to_tensor(rate)


# Loss scaling


def loss_scaling(optimizer):
    """Return `optimizer` with dynamic loss scaling, as float16 needs."""
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def scales(optimizer):
    """Return True for an optimizer that `loss_scaling` made."""
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)


def inner(optimizer):
    """Return the optimizer that `loss_scaling` wraps, or itself."""
    return optimizer.inner_optimizer if scales(optimizer) else optimizer
