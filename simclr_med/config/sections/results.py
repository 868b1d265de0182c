"""Evaluation, the report, the export, and prediction in bulk."""

import dataclasses

from simclr_med.config.conditions import when
from simclr_med.config.setting import BULK, MOST_CASES, UP_TO_ONE, between, setting, some_of
from simclr_med.config.splits import LABELLED

EVALUATE, REPORT = ("evaluate", "sweep"), ("evaluate", "sweep", "report")


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Splits to predict, and the bootstrap."""

    eval_splits: tuple = setting(
        ("test",), "Labelled splits to evaluate", some_of(LABELLED), modes=EVALUATE
    )
    allow_seen: bool = setting(
        False,
        "Evaluate cases, patients and images that the head was trained on as well; the "
        "results are marked",
        modes=EVALUATE,
    )
    eval_batch: int = setting(
        64,
        "Images per batch in evaluation and prediction",
        between(1, MOST_CASES),
        modes=(*EVALUATE, *BULK),
    )
    bootstrap_replicates: int = setting(
        1000, "Number of bootstrap replicates", between(40, 10**6), modes=REPORT
    )
    confidence: float = setting(
        0.95,
        "Confidence level of the intervals",
        ("from 0.5 to below 1, such as 0.95", lambda value: 0.5 <= value < 1),
        modes=REPORT,
    )
    bootstrap_unit: str = setting(
        "auto",
        "Unit that the bootstrap resamples; auto takes patients where one has several cases",
        ("auto", "case", "patient"),
        modes=REPORT,
    )
    bootstrap_interval: str = setting(
        "auto",
        "Kind of bootstrap interval, see docs/statistics.md",
        ("auto", "percentile", "bca", "stratified"),
        modes=REPORT,
    )


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """The page."""

    runs: tuple = setting(
        (),
        "Work folders or prediction files to compare: PATH or NAME=PATH; several paths of "
        "one NAME are seeds of one method",
        ("work folders", bool),
        ("report",),
    )
    title: str = setting(
        "Comparison of runs", "Heading of the report", ("words", bool), ("report",)
    )
    baseline: str = setting(
        "",
        "Name of the run or method that the others are compared with; empty takes the first",
        None,
        ("report",),
    )
    format: tuple = setting(
        ("html", "markdown"),
        "Files to write: html, the page; markdown and latex, its tables",
        some_of(("html", "markdown", "latex")),
        ("report",),
    )
    margin: float = setting(
        0.0,
        "Non-inferiority margin: the loss against the baseline that is still acceptable, "
        "up to 1; 0 tests none",
        UP_TO_ONE,
        ("report",),
    )
    errors_shown: int = setting(
        8,
        "Number of most confident errors of each run on the page, with pictures; 0 shows none",
        between(0, 1000),
        ("report",),
    )


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Format and version of an export."""

    export_format: str = setting(
        "savedmodel",
        "Format of the export: savedmodel (TensorFlow Serving), onnx, tflite, or "
        "safetensors (torchvision's names)",
        ("savedmodel", "onnx", "tflite", "safetensors"),
        ("export",),
    )
    export_version: int = setting(
        0,
        "Version number of the export; 0 takes the next free number",
        between(0, 2**63 - 1),
        ("export",),
    )


@dataclasses.dataclass(frozen=True)
class BulkConfig:
    """Model, images and explanations of predict and embed."""

    model: str = setting(
        "",
        "Model that predicts: the work folder of a run, imported weights, or an export",
        ("a folder", bool),
        BULK,
    )
    images: str = setting(
        "",
        "Images to predict: one image or DICOM file, a folder of them, or a CSV file with the "
        "column image and, if known, case_id and patient_id",
        ("a folder, a file or a CSV", bool),
        BULK,
    )
    image_column: str = setting(
        "image", "Column of the CSV file that has the paths of images", ("a name", bool), BULK
    )
    dicom_ids: str = setting(
        "none",
        "Cases and patients of DICOM files: none (each image is a case), plain (study and patient "
        "id as in the files), or hashed (with --salt, as tools/prepare_data.py hashes them)",
        ("none", "plain", "hashed"),
        BULK,
    )
    salt: str = setting(
        "",
        "Secret text with which the ids of DICOM files are hashed",
        None,
        BULK,
        acts=(when("dicom_ids", "hashed"),),
    )
    features_format: str = setting(
        "npz", "File format of the features", ("npz", "csv", "parquet"), ("embed",)
    )
    nearest: int = setting(
        0,
        "Number of most similar training cases listed in nearest.csv for each image; 0 lists none",
        between(0, 1000),
        ("predict",),
    )
    gradcam: int = setting(
        0,
        "Number of Grad-CAM pictures: of predict the first N images, of evaluate the N "
        "most confident errors of each split; 0 draws none",
        between(0, 10**6),
        ("predict", "evaluate"),
    )
