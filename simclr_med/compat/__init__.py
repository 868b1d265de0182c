"""Differences between Keras 2.15 and Keras 3, and private names of libraries: used here alone.

keras2.py and keras3.py define the same names, each for its own Keras; common.py has the shared.
"""

import os

from simclr_med.errors import InputError

try:
    import keras
except (ImportError, ValueError) as error:  # of another backend, which is not here or unknown
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        raise
    raise InputError(
        f"KERAS_BACKEND={backend}: Keras cannot be imported with it ({error}); expected "
        "KERAS_BACKEND=tensorflow"
    ) from None

from simclr_med.compat.common import (
    draw_from,
    inner,
    layers_within,
    loss_scaling,
    onednn_is_on,
    precision,
    random_seed,
    unallocated_variable,
)

if keras.__version__.startswith("2."):
    from simclr_med.compat import keras2 as _stack
else:
    from simclr_med.compat import keras3 as _stack  # type: ignore[no-redef]

AsynchronousCallback = _stack.AsynchronousCallback
BatchNormalization = _stack.BatchNormalization
ReplicatedModel = _stack.ReplicatedModel
SlotOptimizer = _stack.SlotOptimizer
adamw = _stack.adamw
apply_sums = _stack.apply_sums
build_optimizer = _stack.build_optimizer
lamb = _stack.lamb
layer_of = _stack.layer_of
learning_rate = _stack.learning_rate
loss_scale = _stack.loss_scale
optimizer_variables = _stack.optimizer_variables
path = _stack.path
scaled = _stack.scaled
tf_variables = _stack.tf_variables
unscaled = _stack.unscaled

__all__ = [
    "AsynchronousCallback",
    "BatchNormalization",
    "ReplicatedModel",
    "SlotOptimizer",
    "adamw",
    "apply_sums",
    "build_optimizer",
    "draw_from",
    "inner",
    "lamb",
    "layer_of",
    "layers_within",
    "learning_rate",
    "loss_scale",
    "loss_scaling",
    "onednn_is_on",
    "optimizer_variables",
    "path",
    "precision",
    "random_seed",
    "scaled",
    "tf_variables",
    "unallocated_variable",
    "unscaled",
]
