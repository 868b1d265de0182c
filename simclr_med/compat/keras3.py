"""Keras 3: the names that keras2.py defines for Keras 2.15."""

import contextlib

import keras
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

from simclr_med.compat.fused_batch_norm import BatchNormalization  # noqa: F401
from simclr_med.compat.slots import SlotOptimizer, lamb  # noqa: F401
from simclr_med.errors import InputError

if keras.config.backend() != "tensorflow":
    raise InputError(
        f"Keras computes with {keras.config.backend()}; expected KERAS_BACKEND=tensorflow, set "
        "before Keras is imported"
    )

AsynchronousCallback = keras.callbacks.Callback  # it is handed tensors, and may leave them unread


@contextlib.contextmanager
def precision(policy):
    """Have layers that are built within compute in `policy`, such as "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


# Optimizers


def adamw(learning_rate, beta_1, weight_decay, excluded):
    """Return Keras's Adam with decoupled decay; the arguments are `lamb`'s."""
    made = keras.optimizers.AdamW(learning_rate, weight_decay, beta_1=beta_1)
    made.exclude_from_weight_decay(var_names=excluded)
    return made


def build_optimizer(optimizer, variables):
    """Create what `optimizer` keeps beside `variables`, if it has not; in the strategy's scope."""
    if not optimizer.built:
        optimizer.build(list(variables))


def learning_rate(optimizer):
    """Return the rate of the next step of an optimizer, a tensor, though that may be skipped."""
    own = inner(optimizer)
    rate = own._learning_rate
    return rate(own.iterations) if callable(rate) else tf.convert_to_tensor(rate)


def apply_sums(optimizer, gradients, variables):
    """Take one step of `optimizer` with gradients that are summed over the replicas already."""
    # Keras would sum once more, and knows no argument against it.
    inner(optimizer)._all_reduce_sum_gradients = lambda pairs: pairs
    if _scales(optimizer):
        # It expects gradients that are yet to be `unscaled`. The scale is a power of two: exact.
        gradients = [gradient * optimizer.dynamic_scale for gradient in gradients]
    optimizer.apply(gradients, variables)


def optimizer_variables(optimizer):
    """Return all that a built optimizer needs to go on: steps, slots, loss scale."""
    own = inner(optimizer)
    # A rate without a schedule is a variable too; it is the constructor's, not the training's.
    variables = [variable for variable in own.variables if variable is not own._learning_rate]
    if _scales(optimizer):
        variables += [optimizer.dynamic_scale, optimizer.step_counter]
    return variables


# Loss scaling


def loss_scaling(optimizer):
    """Return `optimizer` with dynamic loss scaling, as float16 needs."""
    return keras.optimizers.LossScaleOptimizer(optimizer)


def _scales(optimizer):
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def inner(optimizer):
    """Return the optimizer that `loss_scaling` wraps, or itself."""
    return optimizer.inner_optimizer if _scales(optimizer) else optimizer


def scaled(optimizer, loss):
    """Return `loss` times the optimizer's loss scale."""
    return optimizer.scale_loss(loss) if _scales(optimizer) else loss


def unscaled(optimizer, gradients):
    """Return `gradients` of what was `scaled`, less the scale."""
    if not _scales(optimizer):
        return gradients
    return [gradient / optimizer.dynamic_scale for gradient in gradients]


def loss_scale(optimizer):
    """Return {"loss_scale": ...}, or {} where there is none."""
    return {"loss_scale": optimizer.dynamic_scale} if _scales(optimizer) else {}


# Layers


def path(variable):
    """Return a weight's name with its layer's, such as "stem_conv/kernel"."""
    return variable.path


def unallocated_variable(create, **settings):
    """Return a variable with a shape and no memory; for `tf.variable_creator_scope`."""
    with tf.Graph().as_default():
        shape = settings["initial_value"]().shape  # traced, not computed
    kept = {key: settings[key] for key in ("dtype", "trainable", "name")}
    return UninitializedVariable(shape=shape, **kept)


def layer_of(operation):
    """Return the name of the layer whose call made a graph's operation, "" of none."""
    *_, layer, _ = ["", *operation.name.split("/")]
    return layer.removesuffix("_1")  # Keras opens a layer's scope twice: to build, and to call


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
