"""The encoder, the projection head, and where their weights come from."""

import dataclasses

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.conditions import BATCH_NORM, PROJECTION_END, PROJECTION_READ, when
from simclr_med.config.setting import AUGMENTING, SHARE, between, setting, up_to


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The ResNet."""

    encoder: str = setting("resnet50", "architecture", tuple(ENCODERS))
    width: float = setting(1.0, "width multiplier; fractions too", up_to(16))
    bn_momentum: float = setting(
        0.9,
        "decay of batch normalisation's statistics",
        SHARE,
        modes=AUGMENTING,
        acts=(when("bn_statistics", "batch"), BATCH_NORM),
    )
    resnet_d: bool = setting(
        False, "stem of three 3x3 convolutions and average pooling in shortcuts (ResNet-D)"
    )
    selective_kernels: bool = setting(
        False, "two 3x3 paths mixed by attention in each bottleneck (SimCLRv2, with --resnet_d)"
    )
    zero_init: bool = setting(True, "the last batch-norm scale of each block starts at 0")


@dataclasses.dataclass(frozen=True)
class ProjectionConfig:
    """The projection head."""

    projection_layers: int = setting(2, "layers", (2, 3), acts=(PROJECTION_READ,))
    projection_dim: int = setting(128, "outputs", between(1, 65536), acts=(PROJECTION_END,))


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """The contrastive loss."""

    temperature: float = setting(0.1, "of NT-Xent", up_to(100), modes=("pretrain",))
