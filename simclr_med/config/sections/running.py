"""On which devices a run goes, and what is watched while it does."""

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
        "one device, mirrored (the GPUs of this machine), multi_worker (several machines, named in "
        "TF_CONFIG) or tpu",
        ("one", "mirrored", "multi_worker", "tpu"),
        modes=AUGMENTING,
        identity=False,
    )
    use_tpu: bool = setting(False, "the same as --strategy=tpu", modes=AUGMENTING, identity=False)
    tpu: str = setting(
        "",
        "name or grpc:// address of the TPU; local on a TPU VM",
        modes=AUGMENTING,
        identity=False,
        acts=(ON_TPU,),
    )
    tpu_zone: str = setting("", "zone of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,))
    gcp_project: str = setting(
        "", "project of the TPU", modes=AUGMENTING, identity=False, acts=(ON_TPU,)
    )
    cpu_devices: int = setting(
        1,
        "parts that the CPU is split into, to try mirrored without GPUs",
        between(1, 256),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "mirrored"),),
    )
    tf32: bool = setting(
        False,
        "let NVIDIA GPUs (Ampere and later) multiply float32 with 10 bits of mantissa: faster, and "
        "other numbers",
        modes=(*TRAINING, "evaluate", "export", *BULK),
    )


@dataclasses.dataclass(frozen=True)
class WatchConfig:
    """What can be seen of a run while it goes on."""

    monitor: str = setting(
        "none",
        "what is measured on the validation split: none, or knn, nearest neighbours in train",
        ("none", "knn"),
        modes=("pretrain",),
        identity=False,
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    monitor_every: int = setting(
        1000,
        "steps between two of the monitor's",
        between(1, MOST_STEPS),
        modes=("pretrain",),
        identity=False,
        acts=(when("monitor", "knn"),),
    )
    validate_every: int = setting(
        0,
        "steps between two looks at the validation split, into log.csv, and one at the last step; "
        "0 for none",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    keep: str = setting(
        "last",
        "the step whose weights are evaluated and exported: last, or best on validation",
        ("last", "best"),
        modes=HEADS,
        acts=(VALIDATED,),
    )
    choose_by: str = setting(
        "auc",
        "what is best on validation",
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
        "looks at validation without a better one that end the training; 0 for all its steps",
        between(0, MOST_STEPS),
        modes=HEADS,
        acts=(when("keep", "best"),),
    )
    profile_steps: str = setting(
        "",
        "FIRST,LAST: steps whose profile is written for TensorBoard",
        ("FIRST,LAST, two steps in order", lambda value: not value or _in_order(value)),
        modes=AUGMENTING,
        identity=False,
        acts=(PROFILED,),
    )
