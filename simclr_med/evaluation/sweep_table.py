"""The table of a sweep: a row a run, the choice by validation, and its test results.

sweep.csv is written anew after each run, and read where a sweep goes on: a run that has a row is
not made again, so that a sweep that was killed ends in the same bytes.
"""

import csv
import dataclasses
import io
import math
import pathlib
from typing import Any

import numpy as np

from simclr_med.errors import RunError
from simclr_med.files import atomic, stored
from simclr_med.runs import layout

RUN = ("stage", "label_fraction", "learning_rate", "weight_decay", "seed", "status", "step")
GRID, CHOSEN = "grid", "chosen"
DONE, DIVERGED, STOPPED = "done", "diverged", "stopped"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Outcome of a run of a sweep.

    Attributes:
      status: "done", "diverged", where loss or gradients were not finite, or "stopped", where
        others were better by then (`--halving`).
      step: of the weights that were measured, or at which it ended.
      scalars: `{name: float}`, as columns "validation_auc", "test_auc"; empty where diverged.
    """

    status: str
    step: int
    scalars: dict


class SweepTable:
    """sweep.csv of a work folder.

    Args:
      work_dir: of the sweep.

    Raises:
      DamagedError: the sweep.csv that is there is not what was written.
    """

    def __init__(self, work_dir: str | pathlib.Path):
        self.path = pathlib.Path(work_dir) / layout.SWEEP
        self.rows = {}  # (stage, trial as text) to a row of text
        if self.path.exists():
            columns = dict.fromkeys(RUN, str)
            for row in stored.read_table(self.path, columns, "delete it, and all is tried again"):
                filled = {name: text for name, text in row.items() if text}
                self.rows[tuple(row[name] for name in RUN[:5])] = filled

    def has(self, stage, trial):
        """Return whether a run of a stage is in the table."""
        return _key(stage, trial) in self.rows

    def add(self, stage, outcomes):
        """Write rows of `{trial: Outcome}`, after those that are there; all of them or none."""
        for trial, outcome in outcomes.items():
            key = _key(stage, trial)
            row = dict(zip(RUN[:5], key, strict=True))
            row |= {"status": outcome.status, "step": str(outcome.step)}
            self.rows[key] = row | {name: repr(v) for name, v in outcome.scalars.items()}
        names = dict.fromkeys(name for row in self.rows.values() for name in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows.values())
        atomic.write_text(self.path, text.getvalue())

    def value(self, stage, trial, name):
        """Return a number of a run, NaN where it has none."""
        text = self.rows.get(_key(stage, trial), {}).get(name) or "nan"
        return float(text)

    def status(self, stage, trial):
        """Return how a run of the table ended."""
        return self.rows[_key(stage, trial)]["status"]

    def best(self, trials, metric):
        """Return that of `trials` of the grid which is the best on validation by `metric`.

        Of equal ones it is the first.

        Raises:
          RunError: none of them is done.
        """
        sign = -1 if metric == "loss" else 1
        done = [trial for trial in trials if self.status(GRID, trial) == DONE]
        worth = {t: sign * self.value(GRID, t, f"validation_{metric}") for t in done}
        worth = {trial: value for trial, value in worth.items() if not math.isnan(value)}
        if not worth:
            raise RunError(
                f"no setting came to an end with {100 * trials[0].label_fraction:g} % of the "
                f"labels ({self.path}): give smaller --learning_rates"
            )
        return max(worth, key=worth.get)


def _key(stage, trial):
    return (stage, *(f"{value!r}" for value in dataclasses.astuple(trial)))


def spread(table: SweepTable, chosen: Any, start: str | None) -> list[dict[str, Any]]:
    """Return the rows of summary.csv: mean and standard deviation over the seeds of each number.

    Args:
      table: a `SweepTable`.
      chosen: for each fraction, the `Trial`s of the chosen setting, one a seed.
      start: name of what the sweep's runs start from, see `starts.name_of`; None is written as "".

    Returns:
      Dicts of text: "start", "label_fraction", "learning_rate", "weight_decay", "split", "metric",
      "mean", "sd" (with n - 1; empty of one run), "runs".
    """
    rows = []
    for trials in chosen:
        names = table.rows[_key(CHOSEN, trials[0])]
        for name in [n for n in names if n not in RUN]:
            values = np.array([table.value(CHOSEN, trial, name) for trial in trials])
            split, _, metric = name.partition("_")
            row = {"start": start or ""}
            row |= {n: f"{getattr(trials[0], n):g}" for n in RUN[1:4]}
            row |= {"split": split, "metric": metric, "mean": f"{values.mean():.6g}"}
            row["sd"] = f"{values.std(ddof=1):.6g}" if len(values) > 1 else ""
            rows.append(row | {"runs": str(len(values))})
    return rows


def write_rows(path: str | pathlib.Path, rows: list[dict[str, Any]]) -> None:
    """Write dicts of the same keys as a CSV file, in one step."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic.write_text(path, text.getvalue())
