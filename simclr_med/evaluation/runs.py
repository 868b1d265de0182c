"""Runs as a reader finds them: predictions of splits, and how they came about where that is known.

    run = read_run("SimCLR", "work/probe")
    run.predictions["test"], run.config.data.label_fraction

A work folder, a folder of predictions made elsewhere, or one CSV file of them are all runs.
"""

import dataclasses
import pathlib

from simclr_med import paths, stored
from simclr_med.config.fields import Config
from simclr_med.config.setting import IMPORTED
from simclr_med.config.splits import SPLITS
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """One training or import that a run started from: its folder, and its `Config`."""

    folder: pathlib.Path
    config: Config


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One model's predictions.

    Attributes:
      name: in tables.
      path: of the work folder, or of the one file.
      files: name of a split to its CSV file, in the order of `splits.SPLITS`.
      predictions: name of a split to `Predictions`.
      config: of the head's training; None where it was trained elsewhere.
      stages: what it started from, the nearest first; without what is no longer there.
      lost: path of the first stage that is no longer there, or "".
    """

    name: str
    path: pathlib.Path
    files: dict
    predictions: dict
    config: Config | None = None
    stages: tuple = ()
    lost: str = ""

    @property
    def pretraining(self):
        """The nearest `Stage` that was a contrastive training, or None."""
        return next((stage for stage in self.stages if stage.config.mode == "pretrain"), None)


def read_runs(runs):
    """Return the `Run`s of pairs (name, path).

    Raises:
      InputError: two runs of one name, or see `read_run`.
    """
    names = [name for name, _ in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two runs of one name: {twice}; use NAME=PATH")
    return [read_run(name, path) for name, path in runs]


def named(texts):
    """Return pairs (name, path) of texts PATH or NAME=PATH; a path's name is its last part."""
    pairs = []
    for text in texts:
        name, _, path = text.rpartition("=")
        pairs.append((name or pathlib.Path(path).stem, path))
    return pairs


def read_run(name, path):
    """Return a `Run`.

    Args:
      name: in tables.
      path: a work folder of an evaluated head; a folder that holds predictions/*split*.csv or
        *split*.csv; or one CSV file, which is taken for the test split unless its name says
        another. docs/predictions.md has the format.

    Raises:
      InputError: nothing of the kind is there, or a file is damaged.
    """
    path = paths.to_read(path)
    if path.is_file():
        split = path.stem if path.stem in SPLITS else "test"
        return Run(name, path, {split: path}, {split: predictions.read(path)})
    files = _prediction_files(path)
    read = {split: predictions.read(file, _other_class(path)) for split, file in files.items()}
    if not (path / "config.json").exists():
        return Run(name, path, files, read)
    config = load_config(path)
    stages, lost = _stages(config)
    return Run(name, path, files, read, config, stages, lost)


def _prediction_files(folder):
    found = sorted((folder / "predictions").glob("*.csv"))
    if not found and not (folder / "config.json").exists():
        found = sorted(file for file in folder.glob("*.csv") if file.stem in SPLITS)
    if not found:
        raise InputError(
            f"{folder} has no predictions: run --mode=evaluate --work_dir={folder} first"
        )
    by_split = {file.stem: file for file in found}
    return {split: by_split[split] for split in SPLITS if split in by_split}


def _other_class(folder):
    """Return the class that task.json leaves out of sensitivities, where there is such a file."""
    file = folder / "task.json"
    if not file.exists():
        return predictions.DEFAULT_OTHER
    kinds = {"other_class": (str, type(None))}
    return stored.read_json(file, kinds, "put back a copy of it")["other_class"]


def _stages(config):
    """Return the stages before a run, and the path at which the way back is lost, or ""."""
    stages = []
    while config.mode != IMPORTED and config.head.init != "random":
        folder = pathlib.Path(config.head.init.partition(":")[2])
        if not (folder / "config.json").exists():
            return tuple(stages), str(folder)
        config = load_config(folder)
        stages.append(Stage(folder, config))
    return tuple(stages), ""
