"""File names of a work folder: each is spelt here, and nowhere else.

    layout.holds_run("work/a")
    layout.checkpoint("work/a", 200)  # work/a/checkpoints/200
    pathlib.Path("work/a") / layout.LOG

| name | holds | written by |
|---|---|---|
| config.json | settings | claim, or an import of weights |
| data.sha256, versions.txt | fingerprint of the data set, versions of the libraries | claim |
| input.json | images that the encoder expects | `input_contract` |
| learnt_from.json | hashes of the training cases | `training_record` |
| task.json | task and classes of a head | `task` |
| checkpoints/STEP/, best/checkpoints/STEP/ | weights of a step, their checksum | encoders |
| stopped_early | step at which `--patience` ended the run | training |
| log.csv, monitor.csv, tensorboard/, views.png | a run as it goes on | training |
| features/, skipped.csv | kept features of a probe; images that others stand in for | training |
| sweep.csv, sweep.png, summary.csv, settings/, chosen/ | a sweep: its table, its runs | training |
| metrics.json, predictions/, gradcam/ | an evaluation | evaluation |
| data_set/ | data set folder of the images that were given | preparation |
| fitted.json | settings that were chosen for images and machine, with the reasons | training |
"""

import pathlib

from simclr_med.config.storage import FILE as CONFIG
from simclr_med.config.storage import holds_run as holds_run

DATA, VERSIONS, LOCK = "data.sha256", "versions.txt", ".lock"
INPUT, LEARNT_FROM, TASK = "input.json", "learnt_from.json", "task.json"
CHECKPOINTS, BEST, STOPPED_EARLY = "checkpoints", "best", "stopped_early"
WEIGHTS, SHAPES = "variables.npz", "variables.json"  # of a checkpoint
LOG, MONITOR, TENSORBOARD, VIEWS = "log.csv", "monitor.csv", "tensorboard", "views.png"
FEATURES, SKIPPED = "features", "skipped.csv"
METRICS, PREDICTIONS, GRADCAM = "metrics.json", "predictions", "gradcam"
SWEEP, SWEEP_PICTURE, SUMMARY = "sweep.csv", "sweep.png", "summary.csv"
SETTINGS, CHOSEN = "settings", "chosen"
DATA_SET, FITTED = "data_set", "fitted.json"


def checkpoint(work_dir: str | pathlib.Path, step: int) -> pathlib.Path:
    """Return the folder of the checkpoint of a step."""
    return pathlib.Path(work_dir) / CHECKPOINTS / str(step)


def best(work_dir: str | pathlib.Path) -> pathlib.Path:
    """Return the folder within a work folder whose checkpoint is the best step on validation."""
    return pathlib.Path(work_dir) / BEST


def predictions(work_dir: str | pathlib.Path, split: str) -> pathlib.Path:
    """Return the predictions of a split, a CSV file."""
    return pathlib.Path(work_dir) / PREDICTIONS / f"{split}.csv"


def chosen_runs(work_dir: str | pathlib.Path) -> list:
    """Return the work folders of the runs that a sweep has chosen, in the order of their names."""
    return sorted(file.parent for file in pathlib.Path(work_dir).glob(f"{CHOSEN}/*/{CONFIG}"))


def best_setting(work_dir: str | pathlib.Path, label_fraction: float) -> pathlib.Path:
    """Return the file that names the best run so far of a sweep's label fraction."""
    return pathlib.Path(work_dir) / SETTINGS / f"best_with_{100 * label_fraction:g}"


def numbered(folder: str | pathlib.Path) -> list:
    """Return the numbers that files or folders in `folder` are called by, ascending.

    A number is written as `str` writes it: "007" and digits of other scripts are no number of ours.
    """
    names = (path.name for path in pathlib.Path(folder).glob("*"))
    return sorted(int(name) for name in names if name.isdecimal() and str(int(name)) == name)
