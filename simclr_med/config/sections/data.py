"""What is read, and where it is kept while it is."""

import dataclasses
import re

from simclr_med.config.conditions import CUT, READ_HERE, when
from simclr_med.config.setting import (
    AUGMENTING,
    BULK,
    FRACTION,
    HEADS,
    NOT_NEGATIVE,
    TRAINING,
    any_of,
    between,
    for_heads,
    setting,
    up_to,
)
from simclr_med.config.splits import SPLITS

SERVICE = r"grpc://[^:]+:\d+"  # a tf.data service's address


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is read."""

    data_dir: str = setting(
        "",
        "data set folder",
        ("a folder", bool),
        modes=(*TRAINING, "evaluate", "export"),
        identity=False,  # data.sha256 tells whether it is the same
    )
    splits: tuple = setting(
        (),
        "splits to train on; pretraining takes train and, where there is one, unlabelled",
        any_of(SPLITS),
        by_mode=for_heads(("train",)),
    )
    label_fraction: float = setting(
        1.0,
        "share of the labelled cases: stratified, and the smaller within the larger",
        FRACTION,
        modes=HEADS,
    )
    label_seed: int = setting(
        0,
        "which cases --label_fraction takes, whatever --seed is",
        between(0, 2**32 - 1),
        modes=HEADS,
        acts=(CUT,),
    )
    features_dir: str = setting(
        "",
        "folder that keeps a probe's features, and may be deleted; several runs may share one; by "
        "default features/ of the work folder",
        modes=("linear_probe",),
        identity=False,
    )
    features_gib: float = setting(
        2.0,
        "GiB that they may take, beyond which the oldest go; 0 keeps none",
        NOT_NEGATIVE,
        modes=("linear_probe",),
        identity=False,
    )
    positives: str = setting(
        "augmentation",
        "a positive pair is two views of an image (augmentation: SimCLR) or of two images of a "
        "case (case: MICLe)",
        ("augmentation", "case"),
        modes=("pretrain",),
    )
    threads: int = setting(
        0,
        "images that are read at a time; 0 for two a core",
        between(0, 1024),
        modes=(*TRAINING, *BULK),
        identity=False,
    )
    data_service: str = setting(
        "",
        "address of a tf.data service whose workers make the batches",
        ("grpc://HOST:PORT", lambda value: not value or re.fullmatch(SERVICE, value)),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    cache: str = setting(
        "memory",
        "where decoded images are kept, since a run sees each many times: memory, disk (the work "
        "folder) or none; the same views come of it",
        ("none", "memory", "disk"),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE,),
    )
    cache_gib: float = setting(
        0.125,
        "GiB that they may take, at most half of the memory; the first images that fit are kept, "
        "none where under a quarter of them would",
        up_to(10**6),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE, when("cache", "memory", "disk")),
    )
    skip_bad_images: int = setting(
        0,
        "unreadable images that others may stand in for, listed in skipped.csv; one more is fatal",
        between(0, 10**9),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "tpu"),),
    )
