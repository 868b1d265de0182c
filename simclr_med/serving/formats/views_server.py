"""TensorFlow module of a run's networks, and one function of views for ONNX and TFLite."""

import numpy as np
import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.errors import InputError
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained
from simclr_med.training.models import objective
from simclr_med.training.models.bags import IN_LOGITS


def refuse_bags(form: str, trained: Trained) -> None:
    """Refuse a format without answers for cases where these are not the mean of the images'.

    Args:
      form: the value of --export_format.
      trained: the networks.

    Raises:
      InputError: a case's answer is made otherwise.
    """
    config = trained.config
    if config.head.bag in IN_LOGITS:
        raise InputError(
            f"--export_format={form} answers for images alone; {config.work_dir} was trained with "
            f"--bag={config.head.bag}, whose cases a savedmodel answers for"
        )


class ViewsServer(tf.Module):
    """Images `[B, S, S, 3]` in [0, 1] to features and, of a head, probabilities.

    Args:
      trained: a `Trained`.
    """

    def __init__(self, trained: Trained):
        super().__init__()
        self.trained = trained  # not tracked, else Keras would save each layer's own functions
        self.weights = compat.tf_variables(trained.nets.encoder.weights)  # which are
        if trained.task:
            for name in ("inputs", "head", "attention"):
                model = getattr(trained.nets, name)
                self.weights += compat.tf_variables(model.weights) if model is not None else []
            _make_statistics_constants(trained.nets.head)

    def views(self, batch: int | None = None) -> tf.TensorSpec:
        """Return the type of images in [0, 1]; `batch` is their number, None for any."""
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

    def expected(self, sample: Sample) -> dict[str, np.ndarray]:
        """Return evaluation's numbers of a `Sample`, by the name of the output."""
        found = {"features": sample.features}
        if self.trained.task:
            found["probabilities"] = sample.probabilities
        return found


def _make_statistics_constants(head):
    """Make a probe's mean and variance constants of the graphs to come, not inputs of theirs."""
    for layer in head.layers:
        if layer.name == "normalization":
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
