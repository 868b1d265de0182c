"""Data that is read, and the caches that keep it."""

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


def _names_cases(value):
    return value in ("image", "folder") or "(?P<case>" in value or "(?P<patient>" in value


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Data set, splits, readers and caches."""

    data_dir: str = setting(
        "",
        "Data set folder, or images of which one is made in the work folder: a folder of them, or "
        "a CSV file with the column image",
        ("a folder", bool),
        modes=(*TRAINING, "evaluate", "export"),
        identity=False,  # data.sha256 tells whether it is the same
    )
    cases: str = setting(
        "image",
        "Cases where --data_dir is no data set yet: image (each its own), folder (of one folder), "
        "or an expression with a group case or patient: '(?P<patient>[^/]+)_[^/]*$'",
        ("image, folder, or an expression with (?P<case>...) or (?P<patient>...)", _names_cases),
        modes=(*TRAINING, "sweep"),
        identity=False,  # data.sha256 tells
    )
    splits: tuple = setting(
        (),
        "Splits to train on; empty in pretraining means train and, where there is one, unlabelled",
        any_of(SPLITS),
        by_mode=for_heads(("train",)),
    )
    label_fraction: float = setting(
        1.0,
        "Share of the labelled cases to train on, above 0 up to 1; stratified by label, "
        "and a smaller share lies within a larger one",
        FRACTION,
        modes=HEADS,
    )
    label_seed: int = setting(
        0,
        "Seed of the draw of --label_fraction; independent of --seed",
        between(0, 2**32 - 1),
        modes=HEADS,
        acts=(CUT,),
    )
    features_dir: str = setting(
        "",
        "Folder that keeps a linear probe's features between runs; may be shared and "
        "deleted; empty means features/ in the work folder",
        modes=("linear_probe",),
        identity=False,
    )
    features_gib: float = setting(
        2.0,
        "Largest size of --features_dir in GiB; the oldest features are deleted first; 0 "
        "keeps none",
        NOT_NEGATIVE,
        modes=("linear_probe",),
        identity=False,
    )
    positives: str = setting(
        "augmentation",
        "Positive pairs: two views of one image (augmentation: SimCLR) or of two images "
        "of one case (case: MICLe)",
        ("augmentation", "case"),
        modes=("pretrain",),
    )
    threads: int = setting(
        0,
        "Images read at the same time; 0 means two per processor core",
        between(0, 1024),
        modes=(*TRAINING, *BULK),
        identity=False,
    )
    data_service: str = setting(
        "",
        "Address of a tf.data service whose workers prepare the batches: "
        "grpc://HOST:PORT; empty prepares them here",
        ("grpc://HOST:PORT", lambda value: not value or re.fullmatch(SERVICE, value)),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "multi_worker"),),
    )
    cache: str = setting(
        "memory",
        "Place of decoded images between epochs: memory, disk (in the work folder) or "
        "none; the views are the same",
        ("none", "memory", "disk"),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE,),
    )
    cache_gib: float = setting(
        0.125,
        "Largest size of --cache in GiB, at most half of the memory; the first images "
        "that fit are kept, none if fewer than a quarter fit",
        up_to(10**6),
        modes=AUGMENTING,
        identity=False,
        acts=(READ_HERE, when("cache", "memory", "disk")),
    )
    skip_bad_images: int = setting(
        0,
        "Number of unreadable images that are replaced by others and listed in "
        "skipped.csv; one more stops the run",
        between(0, 10**9),
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one", "mirrored", "tpu"),),
    )
