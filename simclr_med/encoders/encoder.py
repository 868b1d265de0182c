"""Encoders: images to features.

config/architectures.py has the table, resnet.py and bit.py the families.

encoder = build_encoder("resnet50", width=1.0, image_size=224)
features = encoder(images, training=False)  # [B, H, W, 3] in [0, 1] -> [B, D]
"""

import keras

from simclr_med.config.architectures import ENCODERS, UNIT, has_small_stem
from simclr_med.encoders import bit, resnet


def build_encoder(
    name: str,
    width: float = 1.0,
    image_size: int = 224,
    bn_momentum: float = 0.9,
    resnet_d: bool = False,
    selective_kernels: bool = False,
    zero_init: bool = True,
) -> keras.Model:
    """Return a functional model, images `[B, H, W, 3]` in [0, 1] to float32 features `[B, D]`.

    Its first layer scales the images as the architecture's published weights expect them. The
    outputs of the stages are the layers "stage1" to "stage4", those of the blocks before a stage's
    last "stage1_block1_out" and so on.

    Args:
      name: a key of `ENCODERS`.
      width: multiplies every stage's filters, the stem's too; fractions are rounded.
      image_size: pixels; decides a ResNet's stem alone.
      bn_momentum: decay of the moving statistics.
      resnet_d: three 3x3 convolutions as stem, average pooling in strided shortcuts (He et al.
        2018, as SimCLRv2 has it).
      selective_kernels: two 3x3 paths mixed by attention in each bottleneck (SimCLRv2).
      zero_init: the last batch-norm scale of each block starts at 0.

    Raises:
      ValueError: a setting that the architecture has not.
    """
    row = ENCODERS[name]
    given = {"resnet_d": resnet_d, "selective_kernels": selective_kernels}
    not_default = given | {"zero_init": not zero_init}
    lacking = [key for key, value in not_default.items() if value and key not in row.settings]
    if lacking:
        raise ValueError(f"{name} has no {' or '.join(lacking)}")
    x = images = keras.Input([None, None, 3], name="images")
    if row.pixels != UNIT:
        scale, offset = row.pixels
        # In float32 whatever the precision: 255 v - 124 would lose digits in bfloat16.
        x = keras.layers.Rescaling(_listed(scale), list(offset), dtype="float32", name="pixels")(x)
    if row.family == "bit":
        x = bit.build(x, row, width)
    else:
        small = has_small_stem(name, image_size)
        x = resnet.build(x, row, width, small, bn_momentum, zero_init=zero_init, **given)
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return keras.Model(images, features, name="encoder")


def _listed(scale):
    """Return one number, or a list of one for each channel, as Keras takes either."""
    return list(scale) if isinstance(scale, tuple) else scale
