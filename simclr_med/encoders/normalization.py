"""Batch normalisation: Keras's own on one replica, over all of them on several.

The layers have the same weights under the same names, so that a checkpoint of one is one of the
other. Keras's is the fused kernel, and stands in a saved encoder.
"""

import contextlib
import threading

import keras
import tensorflow as tf

from simclr_med import compat, distribute


def batch_norm(**settings):
    """Return Keras's layer with `settings`; in the scope of several replicas, one over all."""
    if distribute.replicas() == 1:
        return compat.BatchNormalization(**settings)
    return CrossReplicaBatchNormalization(**settings)


@keras.saving.register_keras_serializable("simclr_med")
class CrossReplicaBatchNormalization(compat.BatchNormalization):
    """Normalises by the mean and variance of all replicas, each image weighted equally.

    A replica may have fewer than others, or none, as in the last batch of Keras's `fit`.

    Its moving variance is that of Keras's layer on one replica, which is the fused
    kernel's unbiased one for images and the biased one for vectors. (Keras's `synchronized=True`
    has the biased one for both.) Statistics are float32.
    """

    def call(self, inputs, training=None):
        """Return `inputs` `[b, ..., C]` normalised, by all replicas' statistics in training."""
        if not training:
            return super().call(inputs, training=False)
        x = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        # Differences from the moving mean, which all replicas share: a mean of squares less a
        # square of means cancels where the mean is far from 0.
        away = mean - self.moving_mean
        here = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        sums = here * tf.stack([away, variance + away**2, tf.ones_like(away)])
        # The moments of no image are NaN, and add nothing.
        sums = distribute.sum_of_replicas(tf.where(here > 0, sums, 0.0))
        means = sums[:2] / sums[2]
        mean = self.moving_mean + means[0]
        variance = means[1] - means[0] ** 2
        unbiased = sums[2, 0] / (sums[2, 0] - 1) if len(x.shape) == 4 else 1.0
        self._move(mean, variance * unbiased)
        y = tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(y, self.compute_dtype)

    def _move(self, mean, variance):
        if getattr(_kept, "depth", 0):
            return
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * value)


_kept = threading.local()  # a mirrored strategy traces its replicas in threads, in turns


@contextlib.contextmanager
def statistics_kept(model):
    """Leave the moving statistics of batch normalisation in `model` as they are, for a block."""
    # A model may hold others, as that of a head on the projection head does.
    layers = [
        layer
        for layer in compat.layers_within(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and not isinstance(layer, CrossReplicaBatchNormalization)
    ]
    momenta = [layer.momentum for layer in layers]
    _kept.depth = getattr(_kept, "depth", 0) + 1
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        _kept.depth -= 1
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
