"""What differs between Keras 2.15 and Keras 3, or has no public name: reached from here alone."""

import contextlib

import keras
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable


@contextlib.contextmanager
def precision(policy):
    """Layers that are built within compute in `policy`, as `mixed_bfloat16`."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def loss_scaling(optimizer):
    """`optimizer` with dynamic loss scaling, as float16 needs."""
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def _scales(optimizer):
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)


def inner(optimizer):
    """The optimizer that `loss_scaling` wraps, or itself."""
    return optimizer.inner_optimizer if _scales(optimizer) else optimizer


def scaled(optimizer, loss):
    """`loss` times the optimizer's loss scale."""
    return optimizer.get_scaled_loss(loss) if _scales(optimizer) else loss


def unscaled(optimizer, gradients):
    """`gradients` of what was `scaled`, less the scale."""
    return optimizer.get_unscaled_gradients(gradients) if _scales(optimizer) else gradients


def loss_scale(optimizer):
    """{"loss_scale": ...}, or {} where there is none."""
    return {"loss_scale": optimizer.loss_scale} if _scales(optimizer) else {}


def apply_sums(optimizer, gradients, variables):
    """One step of `optimizer` with gradients that are summed over the replicas already."""
    pairs = zip(gradients, variables, strict=True)
    optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)


def optimizer_variables(optimizer):
    """All that a built optimizer needs to go on, its loss scale too."""
    variables = list(optimizer.variables)
    if _scales(optimizer):
        state = optimizer._loss_scale
        variables += [state.current_loss_scale, state.counter]
    return variables


class AsynchronousCallback(keras.callbacks.Callback):
    """A callback that reads no `logs` of steps, so that `fit` need not wait for the device.

    Keras 2 makes numbers of the logs at each step for any callback that does not say so; Keras 3
    decides by itself.
    """

    def __init__(self):
        super().__init__()
        self._supports_tf_logs = True


def layers_within(model):
    """Every layer of a model, those of models within it too."""
    return model._flatten_layers()


def unallocated_variable(create, **settings):
    """A variable creator: with a shape and no memory."""
    kept = {key: settings[key] for key in ("shape", "dtype", "trainable", "name")}
    return UninitializedVariable(**kept)
