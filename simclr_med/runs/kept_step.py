"""The step whose weights a run is known by: its last, or the best on validation (`--keep`).

path = kept_checkpoint("work/probe")
print(kept_step("work/probe"))  # step 300 of 500, the best on validation (auc 0.871)
"""

import dataclasses
import pathlib

import numpy as np

from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.runs import checkpoints, layout

_WORTH = "validation/"  # of the metric's name among the arrays of a best step


@dataclasses.dataclass(frozen=True)
class KeptStep:
    """The step that a run is known by.

    Attributes:
      step, steps: its number, and how many steps the run had in all.
      keep: "last" or "best".
      choose_by, value: the metric of which it was the best, and that on validation; else None.
      averaging: "ema" or "swa" of the steps up to it, else None.
    """

    step: int
    steps: int
    keep: str
    choose_by: str | None
    value: float | None
    averaging: str | None = None

    def __str__(self):
        averaged = f", averaged ({self.averaging})" if self.averaging else ""
        if self.keep == "last":
            return f"step {self.step}, the last{averaged}"
        found = f"{self.choose_by} {self.value:.4g}"
        return f"step {self.step} of {self.steps}, the best on validation ({found}){averaged}"


def kept_step(work_dir: str | pathlib.Path) -> KeptStep:
    """Return the `KeptStep` of a run that has ended; raises as `kept_checkpoint`."""
    step, steps = int(kept_checkpoint(work_dir).name), int(last_checkpoint(work_dir).name)
    config = load_config(work_dir)
    watch, averaging = config.watch, config.train.weight_averaging
    averaged = None if averaging == "none" else averaging
    if watch.keep == "last":
        return KeptStep(step, steps, "last", None, None, averaged)
    best = read_best(work_dir, watch.choose_by)
    return KeptStep(
        step, steps, "best", watch.choose_by, None if best is None else best[1], averaged
    )


def kept_checkpoint(work_dir: str | pathlib.Path) -> pathlib.Path:
    """Return the checkpoint folder of the step that the run in `work_dir` was to keep.

    Raises:
      InputError: it has not ended, or not begun, or what it kept is gone.
    """
    last = last_checkpoint(work_dir)
    if load_config(work_dir).watch.keep == "last":
        return last
    best = layout.best(work_dir)
    found = checkpoints.steps(best)
    if not found:
        raise InputError(f"{best} holds no checkpoint: the best step is gone")
    return layout.checkpoint(best, found[-1])


def last_checkpoint(work_dir: str | pathlib.Path) -> pathlib.Path:
    """Return the folder of the checkpoint that the run in `work_dir` ended with.

    Raises:
      InputError: it has not ended, or not begun.
    """
    found, steps = checkpoints.steps(work_dir), load_config(work_dir).train.steps
    if not found:
        raise InputError(f"{work_dir} holds no checkpoint: has the run been started?")
    if found[-1] < steps and not stopped_early(work_dir):
        raise InputError(
            f"{work_dir} stopped at step {found[-1]} of {steps}: "
            "give its training command again to finish it"
        )
    return layout.checkpoint(work_dir, found[-1])


def stopped_early(work_dir: str | pathlib.Path) -> bool:
    """Return whether a run was ended before its last step (`--patience`)."""
    return (pathlib.Path(work_dir) / layout.STOPPED_EARLY).exists()


def worth_of_best(metric: str, value: float) -> dict:
    """Return the array that is saved with the best step, so that none is without its value.

    Args:
      metric: by which it is the best.
      value: of the metric on validation.
    """
    return {_WORTH + metric: np.float64(value)}


def read_best(work_dir: str | pathlib.Path, metric: str) -> tuple | None:
    """Return the best step in `work_dir` and its value of `metric`; None where there is none.

    Raises:
      InputError: its checkpoint is damaged, or was kept by another metric.
    """
    found = checkpoints.steps(layout.best(work_dir))
    if not found:
        return None
    path = layout.checkpoint(layout.best(work_dir), found[-1])
    if _WORTH + metric not in checkpoints.saved_shapes(path):
        raise checkpoints.DamagedError(f"{path} is damaged: it has no validation {metric}")
    with np.load(path / layout.WEIGHTS) as saved:
        return found[-1], float(saved[_WORTH + metric])
