"""The encoder, the projection head, and where their weights come from."""

import dataclasses

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.conditions import BATCH_NORM, PROJECTION_END, PROJECTION_READ, when
from simclr_med.config.setting import AUGMENTING, SHARE, between, setting, up_to


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The ResNet."""

    encoder: str = setting("resnet50", "Encoder architecture", tuple(ENCODERS))
    width: float = setting(
        1.0, "Factor of the number of channels; fractions are allowed", up_to(16)
    )
    bn_momentum: float = setting(
        0.9,
        "Decay of batch normalisation's moving statistics, from 0 to below 1",
        SHARE,
        modes=AUGMENTING,
        acts=(when("bn_statistics", "batch"), BATCH_NORM),
    )
    resnet_d: bool = setting(
        False, "Use ResNet-D's stem of three 3x3 convolutions and its average pooling in shortcuts"
    )
    selective_kernels: bool = setting(
        False,
        "Use selective kernels (SimCLRv2): two 3x3 paths mixed by attention in each "
        "bottleneck; needs --resnet_d",
    )
    zero_init: bool = setting(
        True, "Start the last batch-normalisation scale of each residual block at 0"
    )


@dataclasses.dataclass(frozen=True)
class ProjectionConfig:
    """The projection head."""

    projection_layers: int = setting(
        2, "Number of layers of the projection head", (2, 3), acts=(PROJECTION_READ,)
    )
    projection_dim: int = setting(
        128, "Number of outputs of the projection head", between(1, 65536), acts=(PROJECTION_END,)
    )


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """The contrastive loss."""

    temperature: float = setting(
        0.1, "Temperature of the NT-Xent loss, above 0", up_to(100), modes=("pretrain",)
    )
