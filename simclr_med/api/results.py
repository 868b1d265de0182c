"""Results of the API's verbs: folders on disk, with their contents as Python objects.

    run = simclr_med.load_run("work/probe")
    run.log["loss"].iloc[-1], run.settings["steps"], run.encoder(images)

Each holds the path of a folder alone, and reads what is asked for: it may be kept, pickled, or made
anew from the path. Wherever a path is expected, a result may be given.
"""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np
import pandas as pd

from simclr_med.config.fields import flat
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.runs import checkpoints, layout


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder that a verb has written.

    Attributes:
      folder: its path.
    """

    folder: pathlib.Path

    def __fspath__(self) -> str:
        """Return the path, so that `open`, `os.path` and the verbs take the object for it."""
        return os.fspath(self.folder)

    def __str__(self) -> str:
        """Return the path."""
        return str(self.folder)


@dataclasses.dataclass(frozen=True)
class DataSet(Folder):
    """A data set folder, of `prepare`.

    Example:
      >>> data = simclr_med.prepare("photographs", "work/data")  # doctest: +SKIP
      >>> data.manifest["split"].value_counts()  # doctest: +SKIP

    Attributes:
      folder: its path.
      notes: sentences on the preparation; empty for a folder that was there already.
    """

    notes: tuple[str, ...] = ()

    @property
    def manifest(self) -> pd.DataFrame:
        """The table of images: one row an image, see docs/data.md."""
        from simclr_med.data import manifest

        return manifest.read(self.folder).table


@dataclasses.dataclass(frozen=True)
class Run(Folder):
    """A training's work folder, or one of imported weights.

    Example:
      >>> run = simclr_med.load_run("work/simclr")  # doctest: +SKIP
      >>> run.log[["step", "loss"]].tail()  # doctest: +SKIP
      >>> features = run.encoder(images)  # doctest: +SKIP
    """

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting of the run by the name of its flag, and "mode" and "seed"."""
        config = load_config(self.folder)
        return {"mode": config.mode, "seed": config.seed} | flat(config)

    @property
    def log(self) -> pd.DataFrame:
        """The rows of log.csv: step, loss and the rest; without rows before the first is logged."""
        file = self.folder / layout.LOG
        return pd.read_csv(file) if file.exists() else pd.DataFrame({"step": []})

    @property
    def step(self) -> int:
        """The last step that is saved; 0 before the first."""
        return max(checkpoints.steps(self.folder), default=0)

    @property
    def encoder(self) -> Any:
        """The trained encoder, a Keras model; see `load_encoder`."""
        from simclr_med.encoders.networks import load_encoder

        return load_encoder(self.folder)

    @property
    def head(self) -> Any:
        """The trained classifier, a Keras model of images in [0, 1] to logits `[B, K]`.

        Raises:
          InputError: the run has no head.
        """
        import keras

        from simclr_med.encoders.networks import load_trained

        if not (self.folder / layout.TASK).exists():
            raise InputError(f"{self.folder} has no head: linear_probe or finetune train one")
        nets = load_trained(self.folder)[2]
        return keras.Model(nets.encoder.input, nets.logits(nets.encoder.input))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the head, in the order of its outputs; empty without one."""
        from simclr_med.runs.task import Task

        there = (self.folder / layout.TASK).exists()
        return tuple(Task.load(self.folder).classes) if there else ()

    @property
    def chosen(self) -> list["Run"]:
        """The runs that a sweep has chosen, one a label fraction and seed; empty of others."""
        return [Run(folder) for folder in layout.chosen_runs(self.folder)]


@dataclasses.dataclass(frozen=True)
class Evaluation(Folder):
    """Metrics and predictions of a head's run, of `evaluate`.

    Example:
      >>> result = simclr_med.evaluate("work/probe")  # doctest: +SKIP
      >>> result.metrics.loc[("test", "auc")]  # doctest: +SKIP
    """

    @property
    def results(self) -> dict[str, Any]:
        """The contents of metrics.json by split: metrics, calibration, confusion, groups."""
        from simclr_med.evaluation.evaluate import former_results

        return former_results(self.folder)

    @property
    def metrics(self) -> pd.DataFrame:
        """Value, low and high of each metric, indexed by split and metric; NaN if not defined."""
        rows = {
            (split, metric): [found[key] for key in ("value", "low", "high")]
            for split, result in self.results.items()
            for metric, found in result["metrics"].items()
        }
        index = pd.MultiIndex.from_tuples(rows, names=["split", "metric"])
        return pd.DataFrame([*rows.values()], index, ["value", "low", "high"], dtype=float)

    @property
    def predictions(self) -> pd.DataFrame:
        """Predictions of all splits by case: column split, then those of predictions/SPLIT.csv."""
        return pd.concat([
            pd.read_csv(
                layout.predictions(self.folder, split), dtype={"case_id": str, "patient_id": str}
            ).assign(split=split)
            for split in self.results
        ], ignore_index=True)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Report(Folder):
    """A report's folder, of `report`."""

    @property
    def page(self) -> pathlib.Path:
        """The page, report.html."""
        return self.folder / "report.html"

    def _repr_html_(self) -> str:
        """Return a link, for notebooks."""
        return f'<a href="{self.page}">{self.page}</a>'


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Models compared on the same cases by the paired bootstrap, of `bootstrap`.

    Example:
      >>> found = simclr_med.bootstrap({"A": "a.csv", "B": "b.csv"})  # doctest: +SKIP
      >>> found.differences[["metric", "difference", "low", "high", "verdict"]]  # doctest: +SKIP

    Attributes:
      result: all of it, as `tools/bootstrap.py --json` writes it.
    """

    result: dict[str, Any]

    @property
    def metrics(self) -> pd.DataFrame:
        """Value, low and high of each metric, indexed by model and metric; NaN if not defined."""
        rows = {
            (model, metric): [found[key] for key in ("value", "low", "high")]
            for model, result in self.result["models"].items()
            for metric, found in result["metrics"].items()
        }
        index = pd.MultiIndex.from_tuples(rows, names=["model", "metric"])
        return pd.DataFrame([*rows.values()], index, ["value", "low", "high"], dtype=float)

    @property
    def differences(self) -> pd.DataFrame:
        """One row a pair and metric: difference, low, high, p_value, p_holm, verdict, reason."""
        return pd.DataFrame(self.result["differences"])

    def __str__(self) -> str:
        """Return the lines that the command prints."""
        from simclr_med.evaluation.comparisons import comparison_tables
        from simclr_med.evaluation.wording import main_metrics

        kind = comparison_tables.terminal
        if "runs" in next(iter(self.result["models"].values())):
            kind = comparison_tables.terminal_of_methods
        return kind(self.result, main_metrics(self.result))


@dataclasses.dataclass(frozen=True)
class Answers(Folder):
    """Answers on new images, of `predict`."""

    @property
    def predictions(self) -> pd.DataFrame:
        """The table of predictions.csv: one row a case."""
        return pd.read_csv(
            self.folder / "predictions.csv", dtype={"case_id": str, "patient_id": str}
        )

    @property
    def skipped(self) -> pd.DataFrame:
        """The images that could not be read, and why."""
        file = self.folder / layout.SKIPPED
        return pd.read_csv(file) if file.exists() else pd.DataFrame({"image": [], "reason": []})


@dataclasses.dataclass(frozen=True)
class Features(Folder):
    """Features of new images, of `embed` with features_format="npz"."""

    @property
    def features(self) -> np.ndarray:
        """Features, float32 `[M, D]`."""
        return self._read("features")

    @property
    def images(self) -> np.ndarray:
        """Names of the images, str `[M]`."""
        return self._read("image")

    def _read(self, name):
        with np.load(self.folder / "features.npz", allow_pickle=False) as file:
            return file[name]
