"""Devices of a run, and its monitoring."""

import dataclasses
import re

from simclr_med.config.conditions import BY_STEPS, CHOSEN, PROFILED, VALIDATED, when
from simclr_med.config.setting import (
    AUGMENTING,
    BULK,
    HEADS,
    MOST_STEPS,
    TRAINING,
    between,
    setting,
)

ON_TPU = when("strategy", "tpu")


def _in_order(steps):
    found = re.fullmatch(r"(\d+),(\d+)", steps)
    return found and 1 <= int(found[1]) <= int(found[2])


@dataclasses.dataclass(frozen=True)
class DistributeConfig:
    """Devices and machines."""

    strategy: str = setting(
        "one",
        "Devices: one; mirrored, all GPUs of this machine; multi_worker, the machines "
        "named in TF_CONFIG; tpu",
        ("one", "mirrored", "multi_worker", "tpu"),
        modes=AUGMENTING,
        identity=False,
    )
    use_tpu: bool = setting(False, "Same as --strategy=tpu", modes=AUGMENTING, identity=False)
    tpu: str = setting(
        "",
        "Name or grpc:// address of the TPU; local on a TPU VM",
        modes=AUGMENTING,
        identity=False,
        acts=(ON_TPU,),
    )
    tpu_zone: str = setting("", "Zone of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,))
    gcp_project: str = setting(
        "", "Google Cloud project of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,)
    )
    cpu_devices: int = setting(
        1,
        "Number of virtual devices that the CPU is split into, to try --strategy=mirrored "
        "without GPUs",
        between(1, 256),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "mirrored"),),
    )
    tf32: bool = setting(
        False,
        "Let NVIDIA GPUs (Ampere and later) multiply float32 in TF32, with 10 bits of "
        "mantissa: faster, slightly different numbers",
        modes=(*TRAINING, "evaluate", "export", *BULK),
    )


@dataclasses.dataclass(frozen=True)
class WatchConfig:
    """Monitoring, validation and the choice of the best step."""

    monitor: str = setting(
        "none",
        "Measure of the encoder on the validation split during pretraining: none, or knn, "
        "a nearest-neighbour classifier on train",
        ("none", "knn"),
        modes=("pretrain",),
        identity=False,
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    monitor_every: int = setting(
        1000,
        "Steps between two measurements of --monitor",
        between(1, MOST_STEPS),
        modes=("pretrain",),
        identity=False,
        acts=(when("monitor", "knn"),),
    )
    validate_every: int = setting(
        0,
        "Steps between two validations of a head, written to log.csv, with one more after "
        "the last step; 0 validates never",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    keep: str = setting(
        "last",
        "Weights that evaluation and export use: those of the last step, or of the best "
        "step on validation",
        ("last", "best"),
        modes=HEADS,
        acts=(VALIDATED,),
    )
    choose_by: str = setting(
        "auc",
        "Validation metric that defines the best step, or the best settings of a sweep",
        (
            "auc",
            "loss",
            "top1_accuracy",
            "top3_accuracy",
            "average_top1_sensitivity",
            "average_top3_sensitivity",
        ),
        modes=HEADS,
        acts=(CHOSEN,),
    )
    patience: int = setting(
        0,
        "Number of validations without improvement after which training stops; 0 never stops early",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(when("keep", "best"),),
    )
    profile_steps: str = setting(
        "",
        "First and last step to profile for TensorBoard, as FIRST,LAST; empty profiles none",
        ("FIRST,LAST, two steps in order", lambda value: not value or _in_order(value)),
        modes=AUGMENTING,
        identity=False,
        acts=(PROFILED,),
    )
