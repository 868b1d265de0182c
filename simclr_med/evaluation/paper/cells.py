"""Cells of the paper's tables: mean and spread over seeds, or one model with its interval."""

import dataclasses
import functools

import numpy as np

from simclr_med.evaluation.metrics.scoring import score

NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number beside the paper's.

    Attributes:
      ours: as text, None where nothing was run.
      paper: as printed, None where the paper has no number here.
      value: ours as a number, None where nothing was run or it is not defined.
    """

    ours: str | None = None
    paper: str | None = None
    value: float | None = None

    @property
    def words(self):
        """Ours, and the paper's in brackets."""
        ours = NOT_RUN if self.ours is None else self.ours
        return f"{ours} ({self.paper})" if self.paper else ours


def mean_cell(runs, metric, paper=None):
    """Return the `Cell` of a metric on the test split: mean ± standard deviation over the runs.

    One run has no ±.

    Args:
      runs: `Described` runs of one row, perhaps none.
      metric: a name of `scoring.score`.
      paper: `Printed`, or None.
    """
    paper = paper.words if paper else None
    if not runs:
        return Cell(paper=paper)
    values = np.array([scores(described.run)[metric] for described in runs])
    mean = float(values.mean())
    if np.isnan(mean):
        return Cell("not defined", paper)
    spread = f"±{values.std(ddof=1):.4f}" if len(values) > 1 else ""
    return Cell(f"{mean:.4f}{spread}", paper, mean)


@functools.cache
def scores(run, split="test"):
    """Return every metric of a `Run` on a split, name to number.

    Findings by image where the run has them, as the paper scores CheXpert.
    """
    made = run.by_image.get(split) or run.predictions[split]
    return score(made, np.ones(len(made.case_ids)))
