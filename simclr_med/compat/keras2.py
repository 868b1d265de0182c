"""Keras 2.15 and TensorFlow Addons: the names that keras3.py defines for Keras 3."""

import functools
import warnings

import keras
import tensorflow as tf

from simclr_med.compat import common
from simclr_med.compat.common import inner, scales

BatchNormalization = keras.layers.BatchNormalization
ReplicatedModel = keras.Model


# Optimizers


class SlotOptimizer(common.SteppedOptimizer):
    """`SteppedOptimizer`, on Keras 2."""

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
        """Take one step of one variable, under Keras's name."""
        place = self._index_dict[self._var_key(variable)]
        slots = [slot[place] for slot in self._slots]
        self.step_in(gradient, variable, self.learning_rate, slots)

    def get_config(self):
        """Return the constructor's arguments."""
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {"learning_rate": rate, "name": self.name}


adamw = functools.partial(common.adamw, jit_compile=False)


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


def _is_legacy(optimizer):
    return isinstance(inner(optimizer), keras.optimizers.legacy.Optimizer)


def build_optimizer(optimizer, variables):
    """Create an optimizer's variables beside `variables`, once; in the strategy's scope."""
    if not _is_legacy(optimizer):
        optimizer.build(variables)
        return
    inner(optimizer)._create_all_weights(variables)


def learning_rate(optimizer):
    """Return the rate of the next step of an optimizer, a tensor, though that may be skipped."""
    if _is_legacy(optimizer):
        return inner(optimizer)._decayed_lr(tf.float32)
    return common.learning_rate(optimizer)


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
    if scales(optimizer):
        state = optimizer._loss_scale
        variables += [state.current_loss_scale, state.counter]
    return variables


# Loss scaling


def scaled(optimizer, loss):
    """Return `loss` times the optimizer's loss scale."""
    return optimizer.get_scaled_loss(loss) if scales(optimizer) else loss


def unscaled(optimizer, gradients):
    """Return gradients of a `scaled` loss, less the scale."""
    return optimizer.get_unscaled_gradients(gradients) if scales(optimizer) else gradients


def loss_scale(optimizer):
    """Return {"loss_scale": ...}, or {} where there is none."""
    return {"loss_scale": optimizer.loss_scale} if scales(optimizer) else {}


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


def layer_of(operation):
    """Return the name of the layer whose call made a graph's operation, "" of none."""
    return common.scope_of(operation)


def tf_variables(weights):
    """Return the TensorFlow variables of weights of Keras, a list."""
    return list(weights)
