"""Which step's weights a run is known by: its last, or the best on validation (`--keep`).

path = kept_checkpoint("work/probe")
print(described("work/probe"))  # step 300, the best on validation: auc 0.871 (of 500 steps)
"""

import dataclasses
import pathlib

import numpy as np

from simclr_med.config.storage import load_config
from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError

_WORTH = "validation/"  # of the metric's name among the arrays of a best step


@dataclasses.dataclass(frozen=True)
class KeptStep:
    """The step that a run is known by.

    Attributes:
      step, steps: which, and how many the run had in all.
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


def kept_step(work_dir):
    """Return the `KeptStep` of a run that has ended; raises as `kept_checkpoint`."""
    step, steps = int(kept_checkpoint(work_dir).name), int(last_checkpoint(work_dir).name)
    config = load_config(work_dir)
    watch, averaging = config.watch, config.train.weight_averaging
    averaging = None if averaging == "none" else averaging
    if watch.keep == "last":
        return KeptStep(step, steps, "last", None, None, averaging)
    value = read_best(work_dir, watch.choose_by)[1]
    return KeptStep(step, steps, "best", watch.choose_by, value, averaging)


def kept_checkpoint(work_dir):
    """Return the checkpoint folder of the step that the run in `work_dir` was to keep.

    Raises:
      InputError: it has not ended, or not begun, or what it kept is gone.
    """
    last = last_checkpoint(work_dir)
    if load_config(work_dir).watch.keep == "last":
        return last
    found = checkpoint.steps(best_folder(work_dir))
    if not found:
        raise InputError(f"{best_folder(work_dir)} holds no checkpoint: the best step is gone")
    return best_folder(work_dir) / "checkpoints" / str(found[-1])


def last_checkpoint(work_dir):
    """Return the folder of the checkpoint that the run in `work_dir` ended with.

    Raises:
      InputError: it has not ended, or not begun.
    """
    found, steps = checkpoint.steps(work_dir), load_config(work_dir).train.steps
    if not found:
        raise InputError(f"{work_dir} holds no checkpoint: has the run been started?")
    if found[-1] < steps and not stopped_early(work_dir).exists():
        raise InputError(
            f"{work_dir} stopped at step {found[-1]} of {steps}: "
            "give its training command again to finish it"
        )
    return pathlib.Path(work_dir) / "checkpoints" / str(found[-1])


def stopped_early(work_dir):
    """Return the file whose presence says that a run was ended before its last step."""
    return pathlib.Path(work_dir) / "stopped_early"


def best_folder(work_dir):
    """Return the folder within `work_dir` whose checkpoint is the best step on validation."""
    return pathlib.Path(work_dir) / "best"


def save_best(work_dir, values, step, metric, value):
    """Keep a step as the best, and with it its `value` of `metric`, so that none is without.

    Args:
      work_dir: of the run.
      values: name to array, see `checkpoint.values_of`.
      step: steps done.
      metric, value: by which it is the best, and how much it is.
    """
    checkpoint.save(
        best_folder(work_dir), values | {_WORTH + metric: np.float64(value)}, step, keep=1
    )


def read_best(work_dir, metric):
    """Return the best step in `work_dir` and its value of `metric`; None where there is none."""
    found = checkpoint.steps(best_folder(work_dir))
    if not found:
        return None
    path = best_folder(work_dir) / "checkpoints" / str(found[-1])
    checkpoint.saved_shapes(path)  # refuses a damaged one
    with np.load(path / "variables.npz") as saved:
        return found[-1], float(saved[_WORTH + metric])
