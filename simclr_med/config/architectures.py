"""Every encoder by name: a row of this table, built by its family's module in encoders/.

No Keras here: config/fields.py takes the flags' choices from the table.
"""

import dataclasses

SETTINGS = ("resnet_d", "selective_kernels", "zero_init")
SMALL_IMAGE = 32  # up to here a ResNet's stem is one 3x3 convolution, as SimCLR's for CIFAR
UNIT = (1.0, (0.0, 0.0, 0.0))  # pixels stay in [0, 1]
SIGNED = (2.0, (-1.0, -1.0, -1.0))  # [-1, 1]
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMALISED = (  # as torchvision and timm: less ImageNet's mean, in its deviations
    tuple(1 / deviation for deviation in IMAGENET_DEVIATION),
    tuple(-m / d for m, d in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)),
)
CAFFE = (255.0, (-123.68, -116.779, -103.939))  # 0..255 less ImageNet's mean, as He et al. 2015


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A row.

    Attributes:
      family: the module that builds it, "resnet" or "bit".
      blocks: residual blocks of each of the four stages.
      bottleneck: blocks of 1x1, 3x3 and 1x1 convolutions; otherwise of two 3x3.
      pixels: (scale, offset by channel) of the first layer, which makes of an image in [0, 1] what
        the family's published weights expect; the scale may be by channel too.
      settings: which of `SETTINGS` it has.
      stride_first: a bottleneck strides in its first 1x1 (He et al. 2015), not in its 3x3.
      project_first: stage 1 begins with a projection though its shapes would not need one.
      symmetric_pool: the stem's pooling pads both sides; otherwise as TensorFlow's SAME.
      inner_width: multiplies the filters of a bottleneck but for its last convolution's
        (Zagoruyko and Komodakis 2016).
    """

    family: str
    blocks: tuple
    bottleneck: bool = True
    pixels: tuple = UNIT
    settings: tuple = SETTINGS
    stride_first: bool = False
    project_first: bool = False
    symmetric_pool: bool = False
    inner_width: int = 1


def _resnet(blocks, **others):
    return Architecture("resnet", blocks, **others)


def _basic(blocks, **others):
    # Selective kernels replace the 3x3 of a bottleneck.
    return _resnet(blocks, bottleneck=False, settings=("resnet_d", "zero_init"), **others)


def _v1(blocks):
    return _resnet(
        blocks, pixels=CAFFE, settings=("zero_init",), stride_first=True, symmetric_pool=True
    )


def _torchvision(blocks, **others):
    return _resnet(
        blocks, pixels=NORMALISED, settings=("zero_init",), symmetric_pool=True, **others
    )


def _bit(blocks):
    return Architecture("bit", blocks, pixels=SIGNED, settings=())


ENCODERS = {
    # SimCLR's: stride in the 3x3 ("v1.5").
    "resnet18": _basic((2, 2, 2, 2)),
    "resnet34": _basic((3, 4, 6, 3)),
    "resnet50": _resnet((3, 4, 6, 3)),
    "resnet101": _resnet((3, 4, 23, 3)),
    "resnet152": _resnet((3, 8, 36, 3)),
    # As google-research/simclr builds its basic ones.
    "resnet18_simclr": _basic((2, 2, 2, 2), project_first=True),
    "resnet34_simclr": _basic((3, 4, 6, 3), project_first=True),
    # As keras.applications has them.
    "resnet50_v1": _v1((3, 4, 6, 3)),
    "resnet101_v1": _v1((3, 4, 23, 3)),
    "resnet152_v1": _v1((3, 8, 36, 3)),
    # As torchvision and timm have them.
    "resnet18_torchvision": _torchvision((2, 2, 2, 2), bottleneck=False),
    "resnet34_torchvision": _torchvision((3, 4, 6, 3), bottleneck=False),
    "resnet50_torchvision": _torchvision((3, 4, 6, 3)),
    "resnet101_torchvision": _torchvision((3, 4, 23, 3)),
    "resnet152_torchvision": _torchvision((3, 8, 36, 3)),
    "wide_resnet50_2_torchvision": _torchvision((3, 4, 6, 3), inner_width=2),
    "wide_resnet101_2_torchvision": _torchvision((3, 4, 23, 3), inner_width=2),
    # Big Transfer's (Kolesnikov et al. 2019).
    "bit_resnet50": _bit((3, 4, 6, 3)),
    "bit_resnet101": _bit((3, 4, 23, 3)),
    "bit_resnet152": _bit((3, 8, 36, 3)),
}


def has_small_stem(name, image_size):
    """Return whether the encoder `name` has the stem for small images at this size, in pixels."""
    return ENCODERS[name].family == "resnet" and image_size <= SMALL_IMAGE
