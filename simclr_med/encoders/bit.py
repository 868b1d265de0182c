"""Big Transfer's ResNets (Kolesnikov et al. 2019; google-research/big_transfer).

Pre-activation, group normalisation, standardised kernels, stride in the 3x3; the stem pads with
zeros before its pooling, whose inputs may be negative; a last normalisation after stage 4.
"""

import math

import keras
import tensorflow as tf

from simclr_med.encoders.resnet import blocks, scaled, strided_by_slicing

GROUPS = 32
EPSILON = 1e-5
KERNEL_EPSILON = 1e-10


@keras.saving.register_keras_serializable(package="simclr_med")
class StandardizedConv2D(keras.layers.Conv2D):
    """A convolution whose kernel has mean 0 and variance 1 over each filter (Qiao et al. 2019)."""

    def convolution_op(self, inputs, kernel):
        """Return the convolution with the standardised kernel, computed in float32."""
        exact = tf.cast(kernel, tf.float32)
        mean, variance = tf.nn.moments(exact, [0, 1, 2], keepdims=True)
        exact = (exact - mean) * tf.math.rsqrt(variance + KERNEL_EPSILON)
        return super().convolution_op(inputs, tf.cast(exact, inputs.dtype))


@keras.saving.register_keras_serializable(package="simclr_med")
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's, of `[B, H, W, C]` over the last axis, in a fraction of its operations."""

    def call(self, inputs):
        """Return `inputs` `[B, H, W, C]` normalised in float32, in their own type."""
        batch, height, width = tf.unstack(tf.shape(inputs)[:3])
        in_groups = [batch, height * width, self.groups, inputs.shape[-1] // self.groups]
        x = tf.reshape(tf.cast(inputs, tf.float32), in_groups)
        mean, variance = tf.nn.moments(x, [1, 3], keepdims=True)  # [B, 1, G, 1]
        gamma, beta = (
            tf.reshape(tf.cast(weight, tf.float32), in_groups[2:])
            for weight in (self.gamma, self.beta)
        )
        scale = tf.math.rsqrt(variance + self.epsilon) * gamma  # [B, 1, G, C / G]
        x = x * scale + (beta - mean * scale)
        return tf.cast(tf.reshape(x, [batch, height, width, inputs.shape[-1]]), inputs.dtype)


def build(x, row, width):
    """Return the activated output `[B, H / 32, W / 32, D]` from pixels `x`.

    Args:
      row: an `Architecture`.
      width: `build_encoder`'s.
    """
    x = _conv(x, scaled(64, width), 7, 2, "stem_conv")
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for block in blocks(row, width):
        x = _bottleneck(x, *block)
    return _norm_relu(x, "final", "")


def _bottleneck(x, filters, stride, prefix, last):
    shortcut = x
    x = _norm_relu(x, prefix, 1)
    if stride > 1 or shortcut.shape[-1] != 4 * filters:
        shortcut = _conv(x, 4 * filters, 1, stride, f"{prefix}_shortcut_conv")
    x = _conv(x, filters, 1, 1, f"{prefix}_conv1")
    x = _conv(_norm_relu(x, prefix, 2), filters, 3, stride, f"{prefix}_conv2")
    x = _conv(_norm_relu(x, prefix, 3), 4 * filters, 1, 1, f"{prefix}_conv3")
    return keras.layers.Add(name=last)([x, shortcut])


def _conv(x, filters, size, stride, name):
    if size == 1:
        x, stride = strided_by_slicing(x, stride, name)
    else:
        x = keras.layers.ZeroPadding2D((size - 1) // 2, name=f"{name}_pad")(x)
    return StandardizedConv2D(
        filters,
        size,
        stride,
        "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(),
        name=name,
    )(x)


def _norm_relu(x, prefix, which):
    groups = math.gcd(GROUPS, x.shape[-1])  # 32 wherever the width is whole
    x = GroupNormalization(groups, epsilon=EPSILON, name=f"{prefix}_gn{which}")(x)
    return keras.layers.ReLU(name=f"{prefix}_relu{which}")(x)
