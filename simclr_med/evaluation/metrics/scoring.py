"""All metrics of predictions, by name, for many weightings of the cases at once.

score(predictions, np.ones(len(predictions.case_ids)))["auc"]
"""

from typing import Any

import numpy as np

from simclr_med.evaluation.metrics.records import KINDS, Scored


def score(predictions: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return name -> `[...]` of every metric that has an interval, see `records.KINDS`.

    Args:
      predictions: `Predictions` of N cases.
      weights: `[..., N]`, the number of times that each case counts.
    """
    scored = Scored(predictions, np.asarray(weights, float))
    found: dict[str, np.ndarray] = {}
    for kind in KINDS.values():
        if predictions.task in kind.tasks:
            values = kind.values(scored)
            each = values if kind.each_class else {"": values}
            found |= {kind.name + finding: value for finding, value in each.items()}
    return found


def score_all_cases(predictions: Any) -> dict[str, float]:
    """Return name -> number of the metrics of all cases, each case once; no class's own."""
    found = score(predictions, np.ones(len(predictions.case_ids)))
    return {name: float(value) for name, value in found.items() if name in KINDS}
