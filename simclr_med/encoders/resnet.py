"""ResNets as SimCLR has them (He et al. 2015; google-research/simclr), and keras.applications.

Post-activation, stride in the 3x3 ("v1.5") unless the row says otherwise, symmetric padding before
strided convolutions, the last batch-norm scale of each block zero at the start. Stock Keras layers
alone, so that a saved encoder loads without this package.
"""

import keras

from simclr_med.encoders.normalization import batch_norm

EPSILON = 1e-5
ATTENTION_RATIO = 1 / 16  # of a selective kernel's hidden layer to its filters,
ATTENTION_MIN = 32  # which has this many units at least (SimCLRv2)


def build(x, row, width, small, bn_momentum, resnet_d, selective_kernels, zero_init):
    """Return the last stage's output `[B, H / 32, W / 32, D]` from pixels `x`.

    Args:
      row: an `Architecture`.
      small: True for the stem of small images, without a stride.
      width, bn_momentum, resnet_d, selective_kernels, zero_init: `build_encoder`'s.
    """
    net = _Builder(row, bn_momentum, resnet_d, selective_kernels, zero_init)
    x = net.stem(x, width, small)
    for block in blocks(row, width):
        x = net.block(x, *block)
    return x


def blocks(row, width):
    """Yield each block's filters, stride, prefix of its layers' names, and last layer's name.

    `recompute.CUTS` looks for the last layer's name.
    """
    for stage, count in enumerate(row.blocks):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            prefix = f"stage{stage + 1}_block{block + 1}"
            last = f"stage{stage + 1}" if block == count - 1 else f"{prefix}_out"
            yield scaled(64 * 2**stage, width), stride, prefix, last


def scaled(filters, width):
    """Return `filters` times `width`, rounded, 1 at least."""
    return max(1, round(filters * width))


def strided_by_slicing(x, stride, name):
    """Return the input and stride of a 1x1 convolution, with the stride taken before if need be.

    With fewer than 8 channels, as a network an eighth as wide has them, oneDNN's filter gradient of
    a strided 1x1 convolution reads outside its memory on AVX2 (TensorFlow 2.15 and 2.21 alike). A
    pool of one pixel takes the same pixels, and the convolution needs no stride.
    """
    if stride == 1 or x.shape[-1] >= 8:
        return x, stride
    return keras.layers.MaxPooling2D(1, stride, name=f"{name}_stride")(x), 1


class _Builder:
    """Layers with names, and the two kinds of blocks."""

    def __init__(self, row, bn_momentum, resnet_d, selective_kernels, zero_init):
        self.row = row
        self.bn_momentum = bn_momentum
        self.resnet_d, self.selective_kernels = resnet_d, selective_kernels
        self.zero_init = zero_init
        self.block = self.bottleneck if row.bottleneck else self.basic

    def conv(self, x, filters, size, stride, name):
        padding = "same"
        if size == 1:
            x, stride = strided_by_slicing(x, stride, name)
        elif stride > 1:
            # Symmetric whatever the image's size; SAME would shift odd and even sizes apart.
            before, after = (size - 1) // 2, size // 2
            x = keras.layers.ZeroPadding2D(((before, after), (before, after)), name=f"{name}_pad")(
                x
            )
            padding = "valid"
        return keras.layers.Conv2D(
            filters,
            size,
            stride,
            padding,
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(),
            name=name,
        )(x)

    def norm(self, x, name, last=False):
        return batch_norm(
            momentum=self.bn_momentum,
            epsilon=EPSILON,
            gamma_initializer="zeros" if last and self.zero_init else "ones",
            name=name,
        )(x)

    def relu(self, x, name):
        return keras.layers.ReLU(name=name)(x)

    def conv_relu(self, x, filters, size, stride, prefix, which):
        """Return a convolution, its norm and ReLU, of x; `which`: 1, 2 ..., or of a path 2a, 2b."""
        x = self.norm(
            self.conv(x, filters, size, stride, f"{prefix}_conv{which}"), f"{prefix}_bn{which}"
        )
        return self.relu(x, f"{prefix}_relu{which}")

    def stem(self, x, width, small):
        filters = scaled(64, width)
        if small:
            x = self.conv(x, filters, 3, 1, "stem_conv")
        elif self.resnet_d:
            x = self.conv_relu(x, scaled(32, width), 3, 2, "stem", 1)
            x = self.conv_relu(x, scaled(32, width), 3, 1, "stem", 2)
            x = self.conv(x, filters, 3, 1, "stem_conv")
        else:
            x = self.conv(x, filters, 7, 2, "stem_conv")
        x = self.relu(self.norm(x, "stem_bn"), "stem")
        if small:
            return x
        padding = "same"
        if self.row.symmetric_pool:
            x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
            padding = "valid"
        return keras.layers.MaxPooling2D(3, 2, padding, name="stem_pool")(x)

    def shortcut(self, x, filters, stride, prefix):
        first = self.row.project_first and prefix == "stage1_block1"
        if stride == 1 and x.shape[-1] == filters and not first:
            return x
        if self.resnet_d:
            if stride > 1:  # an odd size's last row is averaged with zeros, as SimCLR does
                pad = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{prefix}_shortcut_pad")
                x = pad(x)
            padding = "valid" if stride > 1 else "same"
            x = keras.layers.AveragePooling2D(2, stride, padding, name=f"{prefix}_shortcut_pool")(x)
            stride = 1
        return self.norm(
            self.conv(x, filters, 1, stride, f"{prefix}_shortcut_conv"), f"{prefix}_shortcut_bn"
        )

    def basic(self, x, filters, stride, prefix, last):
        shortcut = self.shortcut(x, filters, stride, prefix)
        x = self.conv_relu(x, filters, 3, stride, prefix, 1)
        x = self.conv(x, filters, 3, 1, f"{prefix}_conv2")
        x = self.norm(x, f"{prefix}_bn2", last=True)
        return self.relu(keras.layers.Add(name=f"{prefix}_add")([x, shortcut]), last)

    def bottleneck(self, x, filters, stride, prefix, last):
        shortcut = self.shortcut(x, 4 * filters, stride, prefix)
        inner = self.row.inner_width * filters
        first, second = (stride, 1) if self.row.stride_first else (1, stride)
        x = self.conv_relu(x, inner, 1, first, prefix, 1)
        middle = self.selective if self.selective_kernels else self.plain
        x = middle(x, inner, second, prefix)
        x = self.conv(x, 4 * filters, 1, 1, f"{prefix}_conv3")
        x = self.norm(x, f"{prefix}_bn3", last=True)
        return self.relu(keras.layers.Add(name=f"{prefix}_add")([x, shortcut]), last)

    def plain(self, x, filters, stride, prefix):
        return self.conv_relu(x, filters, 3, stride, prefix, 2)

    def selective(self, x, filters, stride, prefix):
        """Two 3x3 paths, mixed channel by channel (Li et al. 2019, as SimCLRv2 has it).

        SimCLRv2's softmax over the two paths is the sigmoid of their difference, and its one
        convolution of 2F filters two of F here: the same numbers, no copies to split them.
        """
        layers = keras.layers
        a = self.conv_relu(x, filters, 3, stride, prefix, "2a")
        b = self.conv_relu(x, filters, 3, stride, prefix, "2b")
        both = layers.Add(name=f"{prefix}_both")([a, b])
        pooled = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}_pooled")(both)
        hidden = max(ATTENTION_MIN, int(filters * ATTENTION_RATIO))
        hidden = self.conv_relu(pooled, hidden, 1, 1, prefix, "_mix")
        weights = [self.conv(hidden, filters, 1, 1, f"{prefix}_mix_{path}") for path in "ab"]
        share = layers.Activation("sigmoid", name=f"{prefix}_share")(
            layers.Subtract(name=f"{prefix}_weights")(weights)
        )
        apart = layers.Subtract(name=f"{prefix}_apart")([a, b])
        scaled_apart = layers.Multiply(name=f"{prefix}_scaled")([apart, share])
        return layers.Add(name=f"{prefix}_mixed")([b, scaled_apart])
