"""ResNets as SimCLR has them (He et al. 2015; google-research/simclr): images to features.

    encoder = build_encoder("resnet50", width=1.0, image_size=224)
    features = encoder(images, training=False)  # [B, H, W, 3] in [0, 1] -> [B, D]

Post-activation, stride in the 3x3 ("v1.5"), symmetric padding before strided convolutions, the
last batch-norm scale of each block zero at the start.
"""

import keras

ENCODERS = {  # blocks a stage; bottleneck blocks or basic ones
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}
SMALL_IMAGE = 32  # up to here the stem is one 3x3 convolution, as SimCLR has it for CIFAR
EPSILON = 1e-5


def build_encoder(name, width=1.0, image_size=224, bn_momentum=0.9):
    """A Keras model from images `[B, H, W, 3]` in [0, 1] to features `[B, D]`.

    Args:
      name: a key of `ENCODERS`.
      width: multiplies every stage's filters, the stem's too; fractions are rounded.
      image_size: pixels; decides the stem alone.
      bn_momentum: decay of the moving statistics.

    The outputs of the stages are the layers "stage1" to "stage4".
    """
    blocks, bottleneck = ENCODERS[name]
    net = _Builder(bn_momentum)
    images = keras.Input([None, None, 3], name="images")
    x = images
    if image_size <= SMALL_IMAGE:
        x = net.relu(
            net.norm(net.conv(x, _filters(64, width), 3, 1, "stem_conv"), "stem_bn"), "stem"
        )
    else:
        x = net.conv(x, _filters(64, width), 7, 2, "stem_conv")
        x = net.relu(net.norm(x, "stem_bn"), "stem")
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, count in enumerate(blocks):
        filters = _filters(64 * 2**stage, width)
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            prefix = f"stage{stage + 1}_block{block + 1}"
            last = f"stage{stage + 1}" if block == count - 1 else f"{prefix}_out"
            build = net.bottleneck if bottleneck else net.basic
            x = build(x, filters, stride, prefix, last)
    features = keras.layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(images, features, name="encoder")


def _filters(filters, width):
    return max(1, round(filters * width))


class _Builder:
    """Layers with names, and the two kinds of blocks."""

    def __init__(self, bn_momentum):
        self.bn_momentum = bn_momentum

    def conv(self, x, filters, size, stride, name):
        padding = "same"
        if stride > 1 and size > 1:
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

    def norm(self, x, name, zero=False):
        return keras.layers.BatchNormalization(
            momentum=self.bn_momentum,
            epsilon=EPSILON,
            gamma_initializer="zeros" if zero else "ones",
            name=name,
        )(x)

    def relu(self, x, name):
        return keras.layers.ReLU(name=name)(x)

    def shortcut(self, x, filters, stride, prefix):
        if stride == 1 and x.shape[-1] == filters:
            return x
        return self.norm(
            self.conv(x, filters, 1, stride, f"{prefix}_shortcut_conv"), f"{prefix}_shortcut_bn"
        )

    def basic(self, x, filters, stride, prefix, last):
        shortcut = self.shortcut(x, filters, stride, prefix)
        x = self.norm(self.conv(x, filters, 3, stride, f"{prefix}_conv1"), f"{prefix}_bn1")
        x = self.conv(self.relu(x, f"{prefix}_relu1"), filters, 3, 1, f"{prefix}_conv2")
        x = self.norm(x, f"{prefix}_bn2", zero=True)
        return self.relu(keras.layers.Add(name=f"{prefix}_add")([x, shortcut]), last)

    def bottleneck(self, x, filters, stride, prefix, last):
        shortcut = self.shortcut(x, 4 * filters, stride, prefix)
        x = self.norm(self.conv(x, filters, 1, 1, f"{prefix}_conv1"), f"{prefix}_bn1")
        x = self.conv(self.relu(x, f"{prefix}_relu1"), filters, 3, stride, f"{prefix}_conv2")
        x = self.relu(self.norm(x, f"{prefix}_bn2"), f"{prefix}_relu2")
        x = self.norm(
            self.conv(x, 4 * filters, 1, 1, f"{prefix}_conv3"), f"{prefix}_bn3", zero=True
        )
        return self.relu(keras.layers.Add(name=f"{prefix}_add")([x, shortcut]), last)
