"""Evaluation, the report, the export, and prediction in bulk."""

import dataclasses

from simclr_med.config.setting import BULK, MOST_CASES, UP_TO_ONE, between, setting, some_of
from simclr_med.config.splits import LABELLED

EVALUATE, REPORT = ("evaluate", "sweep"), ("evaluate", "sweep", "report")


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Splits to predict, and the bootstrap."""

    eval_splits: tuple = setting(("test",), "labelled splits", some_of(LABELLED), modes=EVALUATE)
    allow_seen: bool = setting(
        False,
        "evaluate cases, patients and images that were trained on as well; the results say so",
        modes=EVALUATE,
    )
    eval_batch: int = setting(
        64, "images at a time", between(1, MOST_CASES), modes=(*EVALUATE, *BULK)
    )
    bootstrap_replicates: int = setting(1000, "replicates", between(40, 10**6), modes=REPORT)
    confidence: float = setting(
        0.95,
        "of the intervals",
        ("from 0.5 to below 1, such as 0.95", lambda value: 0.5 <= value < 1),
        modes=REPORT,
    )
    bootstrap_unit: str = setting(
        "auto",
        "what is resampled; auto: patients where one has several cases",
        ("auto", "case", "patient"),
        modes=REPORT,
    )
    bootstrap_interval: str = setting(
        "auto",
        "kind of interval, see docs/statistics.md",
        ("auto", "percentile", "bca", "stratified"),
        modes=REPORT,
    )


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """The page."""

    runs: tuple = setting(
        (),
        "work folders or files of predictions, PATH or NAME=PATH; of one NAME: seeds of a method",
        ("work folders", bool),
        ("report",),
    )
    title: str = setting("Comparison of runs", "heading", ("words", bool), ("report",))
    baseline: str = setting(
        "",
        "name of the run or method that the others are compared with; the first by default",
        None,
        ("report",),
    )
    format: tuple = setting(
        ("html", "markdown"),
        "what is written: html, the page; markdown and latex, its tables",
        some_of(("html", "markdown", "latex")),
        ("report",),
    )
    margin: float = setting(
        0.0,
        "what a run may lose against the baseline and still count as non-inferior; 0 for none",
        UP_TO_ONE,
        ("report",),
    )
    errors_shown: int = setting(
        8,
        "most confident errors of each run on the page, with pictures; 0 for none",
        between(0, 1000),
        ("report",),
    )


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What is written for other processes, and how it is checked."""

    export_format: str = setting(
        "savedmodel",
        "what is written: savedmodel (TensorFlow Serving), onnx, tflite, or safetensors "
        "(torchvision's names)",
        ("savedmodel", "onnx", "tflite", "safetensors"),
        ("export",),
    )
    export_version: int = setting(0, "number; 0 takes the next", between(0, 2**63 - 1), ("export",))


@dataclasses.dataclass(frozen=True)
class BulkConfig:
    """What predict and embed are asked, and what explains an answer."""

    model: str = setting(
        "",
        "what answers: the work folder of a run, imported weights, or an export",
        ("a folder", bool),
        BULK,
    )
    images: str = setting(
        "",
        "what is asked about: a folder of images or DICOM files, or a CSV with a column image, "
        "and perhaps case_id and patient_id",
        ("a folder or a CSV", bool),
        BULK,
    )
    features_format: str = setting(
        "npz", "how features are written", ("npz", "csv", "parquet"), ("embed",)
    )
    nearest: int = setting(
        0,
        "training cases that resemble each image most, into nearest.csv",
        between(0, 1000),
        ("predict",),
    )
    gradcam: int = setting(
        0,
        "how many images gradcam/ shows with where the head looked: the first; of evaluation how "
        "many cases of each split, those that the head is most confidently wrong about",
        between(0, 10**6),
        ("predict", "evaluate"),
    )
