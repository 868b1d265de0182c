"""Keras 3: the names that keras2.py defines for Keras 2.15."""

import keras
import tensorflow as tf

from simclr_med.compat import common
from simclr_med.compat.common import adamw, inner, learning_rate, scales  # noqa: F401
from simclr_med.compat.fused_batch_norm import BatchNormalization  # noqa: F401
from simclr_med.compat.slots import SlotOptimizer, lamb  # noqa: F401
from simclr_med.errors import InputError

if keras.config.backend() != "tensorflow":
    raise InputError(
        f"Keras computes with {keras.config.backend()}; expected KERAS_BACKEND=tensorflow, set "
        "before Keras is imported"
    )

AsynchronousCallback = keras.callbacks.Callback  # it is handed tensors, and may leave them unread


# Optimizers


def build_optimizer(optimizer, variables):
    """Create an optimizer's variables beside `variables`, once; in the strategy's scope."""
    if not optimizer.built:
        optimizer.build(list(variables))


def apply_sums(optimizer, gradients, variables):
    """Take one step of `optimizer` with gradients that are summed over the replicas already."""
    # Keras would sum once more, and knows no argument against it.
    inner(optimizer)._all_reduce_sum_gradients = lambda pairs: pairs
    if scales(optimizer):
        # It expects gradients that are yet to be `unscaled`. The scale is a power of two: exact.
        gradients = [gradient * optimizer.dynamic_scale for gradient in gradients]
    optimizer.apply(gradients, variables)


def optimizer_variables(optimizer):
    """Return all that a built optimizer needs to go on: steps, slots, loss scale."""
    own = inner(optimizer)
    # A rate without a schedule is a variable too; it is the constructor's, not the training's.
    variables = [variable for variable in own.variables if variable is not own._learning_rate]
    if scales(optimizer):
        variables += [optimizer.dynamic_scale, optimizer.step_counter]
    return variables


# Loss scaling


def scaled(optimizer, loss):
    """Return `loss` times the optimizer's loss scale."""
    return optimizer.scale_loss(loss) if scales(optimizer) else loss


def unscaled(optimizer, gradients):
    """Return gradients of a `scaled` loss, less the scale."""
    if not scales(optimizer):
        return gradients
    return [gradient / optimizer.dynamic_scale for gradient in gradients]


def loss_scale(optimizer):
    """Return {"loss_scale": ...}, or {} where there is none."""
    return {"loss_scale": optimizer.dynamic_scale} if scales(optimizer) else {}


# Layers


def path(variable):
    """Return a weight's name with its layer's, such as "stem_conv/kernel"."""
    return variable.path


def layer_of(operation):
    """Return the name of the layer whose call made a graph's operation, "" of none."""
    # Keras opens a layer's scope twice: to build, and to call.
    return common.scope_of(operation).removesuffix("_1")


class ReplicatedModel(keras.Model):
    """A model whose replicas may have parts of different sizes of a batch, as on Keras 2."""

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would take the mean of the replicas' first parts, to see their shapes.
        if iterator is not None and self._distribute_strategy is not None:
            strategy = self.distribute_strategy
            for _, _, batches in iterator:
                data_batch = tf.nest.map_structure(
                    lambda values: strategy.experimental_local_results(values)[0], next(batches)
                )
                break
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)


def tf_variables(weights):
    """Return the TensorFlow variables of weights of Keras, a list."""
    return [weight.value for weight in weights]
