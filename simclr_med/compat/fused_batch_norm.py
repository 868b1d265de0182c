"""Keras 3's batch normalisation, computed by the kernel that Keras 2 has for images.

Keras 3 normalises by a chain of products and sums, which takes as long as the convolutions around
it, and moves the variance by the biased estimate; the fused kernel's is unbiased.
"""

import keras
import tensorflow as tf
from keras.src import api_export


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation whose images `[B, H, W, C]` are computed by TensorFlow's fused kernel.

    Saved, it is Keras's own layer, so that a model loads without this package.
    """

    def call(self, inputs, training=None, mask=None):
        """Return `inputs` normalised, `[B, H, W, C]` by the kernel, others as Keras does."""
        if len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        of_batch = bool(training and self.trainable)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.cast(inputs, self.compute_dtype),
            self.gamma if self.scale else tf.ones(inputs.shape[-1:]),
            self.beta if self.center else tf.zeros(inputs.shape[-1:]),
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            is_training=of_batch,
            exponential_avg_factor=1.0 - self.momentum if of_batch else 1.0,
        )
        if of_batch:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return y


api_export.REGISTERED_OBJS_TO_NAMES[BatchNormalization] = "keras.layers.BatchNormalization"
