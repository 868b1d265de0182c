"""A run's networks as a module of TensorFlow, and as one function of views: ONNX's and TFLite's."""

import numpy as np
import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.training.models import objective


class ViewsServer(tf.Module):
    """Images `[B, S, S, 3]` in [0, 1] to features and, of a head, probabilities.

    Args:
      trained: a `Trained`.
    """

    def __init__(self, trained):
        super().__init__()
        self.trained = trained  # not tracked, else Keras would save each layer's own functions
        self.weights = compat.tf_variables(trained.nets.encoder.weights)  # which are
        if trained.task:
            for name in ("inputs", "head", "attention"):
                model = getattr(trained.nets, name)
                self.weights += compat.tf_variables(model.weights) if model is not None else []
            _make_statistics_constants(trained.nets.head)

    def views(self, batch=None):
        """Return the type of images in [0, 1]; `batch` is how many, None for any."""
        size = self.trained.contract.size
        return tf.TensorSpec([batch, size, size, 3], tf.float32, "images")

    def function(self):
        """Return a `tf.function` of images to "features" and, of a head, "probabilities"."""
        nets, task = self.trained.nets, self.trained.task

        @graphs.function
        def outputs(images):
            found = {"features": tf.identity(nets.encoder(images, training=False), "features")}
            if task:
                found["probabilities"] = objective.probabilities(nets.logits(images), task.task)
            return found

        return outputs

    def expected(self, sample):
        """Return what evaluation says of a `Sample`, by the name of the output."""
        found = {"features": sample.features}
        if self.trained.task:
            found["probabilities"] = sample.probabilities
        return found


def _make_statistics_constants(head):
    """Make a probe's mean and variance constants of the graphs to come, not inputs of theirs."""
    for layer in head.layers:
        if layer.name == "normalization":
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
