"""Keras 2.15 and TensorFlow Addons: the names that keras3.py defines for Keras 3."""

import contextlib
import warnings

import keras
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

BatchNormalization = keras.layers.BatchNormalization
ReplicatedModel = keras.Model


@contextlib.contextmanager
def precision(policy):
    """Have layers that are built within compute in `policy`, such as "mixed_bfloat16"."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


# Optimizers


class SlotOptimizer(keras.optimizers.Optimizer):
    """A base of optimizers that step one variable at a time.

    A subclass names in `SLOTS` what it keeps beside each variable, and has
    `step(gradient, variable, learning_rate, *slots)`, which assigns to variable and slots.

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      name: of the optimizer.
    """

    SLOTS = ()

    def __init__(self, learning_rate, name):
        super().__init__(name=name, jit_compile=False)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list):
        """Create a zero of each slot for each variable, once."""
        super().build(var_list)
        if not getattr(self, "_built", False):
            self._slots = [
                [self.add_variable_from_reference(variable, slot) for variable in var_list]
                for slot in self.SLOTS
            ]
            self._built = True

    def update_step(self, gradient, variable):
        """Take one step of one variable, under Keras's name: `step`, with the variable's slots."""
        place = self._index_dict[self._var_key(variable)]
        rate = tf.cast(self.learning_rate, variable.dtype)
        slots = [slot[place] for slot in self._slots]
        self.step(tf.convert_to_tensor(gradient), variable, rate, *slots)

    def get_config(self):
        """Return the constructor's arguments."""
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {"learning_rate": rate, "name": self.name}


def lamb(learning_rate, beta_1, weight_decay, excluded):
    """Return TensorFlow Addons' LAMB (You et al. 2019, algorithm 2).

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      beta_1: decay of the first moment, in [0, 1).
      weight_decay: added to Adam's step, before it is scaled to the weight's norm.
      excluded: parts of the names of variables that neither decay nor are scaled.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its notice that it has reached its end of life
        from tensorflow_addons.optimizers import LAMB
    return LAMB(
        learning_rate, beta_1, weight_decay=weight_decay, exclude_from_weight_decay=excluded
    )


def adamw(learning_rate, beta_1, weight_decay, excluded):
    """Return Keras's Adam with decoupled decay; the arguments are `lamb`'s."""
    made = keras.optimizers.AdamW(learning_rate, weight_decay, beta_1=beta_1, jit_compile=False)
    made.exclude_from_weight_decay(var_names=excluded)
    return made


def _is_legacy(optimizer):
    return isinstance(inner(optimizer), keras.optimizers.legacy.Optimizer)


def build_optimizer(optimizer, variables):
    """Create what `optimizer` keeps beside `variables`, if it has not; in the strategy's scope."""
    if not _is_legacy(optimizer):
        optimizer.build(variables)
        return
    inner(optimizer)._create_all_weights(variables)


def learning_rate(optimizer):
    """Return the rate of the next step of an optimizer, a tensor, though that may be skipped."""
    optimizer = inner(optimizer)
    if _is_legacy(optimizer):
        return optimizer._decayed_lr(tf.float32)
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return rate(optimizer.iterations)
    return tf.convert_to_tensor(rate)


def apply_sums(optimizer, gradients, variables):
    """Take one step of `optimizer` with gradients that are summed over the replicas already."""
    pairs = zip(gradients, variables, strict=True)
    if not _is_legacy(optimizer):
        optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
        return
    optimizer.apply_gradients(pairs, experimental_aggregate_gradients=False)


def optimizer_variables(optimizer):
    """Return all that a built optimizer needs to go on: steps, slots, loss scale."""
    variables = list(optimizer.variables() if _is_legacy(optimizer) else optimizer.variables)
    if _scales(optimizer):
        state = optimizer._loss_scale
        variables += [state.current_loss_scale, state.counter]
    return variables


# Loss scaling


def loss_scaling(optimizer):
    """Return `optimizer` with dynamic loss scaling, as float16 needs."""
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def _scales(optimizer):
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)


def inner(optimizer):
    """Return the optimizer that `loss_scaling` wraps, or itself."""
    return optimizer.inner_optimizer if _scales(optimizer) else optimizer


def scaled(optimizer, loss):
    """Return `loss` times the optimizer's loss scale."""
    return optimizer.get_scaled_loss(loss) if _scales(optimizer) else loss


def unscaled(optimizer, gradients):
    """Return `gradients` of what was `scaled`, less the scale."""
    return optimizer.get_unscaled_gradients(gradients) if _scales(optimizer) else gradients


def loss_scale(optimizer):
    """Return {"loss_scale": ...}, or {} where there is none."""
    return {"loss_scale": optimizer.loss_scale} if _scales(optimizer) else {}


# Layers


def path(variable):
    """Return a weight's name with its layer's, such as "stem_conv/kernel"."""
    return variable.name.split(":")[0]


class AsynchronousCallback(keras.callbacks.Callback):
    """A callback that reads no `logs` of steps, so that `fit` need not wait for the device.

    Keras 2 makes numbers of the logs at each step for any callback that does not say so; Keras 3
    decides by itself.
    """

    def __init__(self):
        super().__init__()
        self._supports_tf_logs = True


def unallocated_variable(create, **settings):
    """Return a variable with a shape and no memory; for `tf.variable_creator_scope`."""
    kept = {key: settings[key] for key in ("shape", "dtype", "trainable", "name")}
    return UninitializedVariable(**kept)


def layer_of(operation):
    """Return the name of the layer whose call made a graph's operation, "" of none."""
    *_, layer, _ = ["", *operation.name.split("/")]
    return layer


def tf_variables(weights):
    """Return the TensorFlow variables of weights of Keras, a list."""
    return list(weights)
