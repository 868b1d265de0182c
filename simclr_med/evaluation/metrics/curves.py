"""Points of ROC curves, thinned to the resolution of a screen."""

from typing import Any

import numpy as np

POINTS = 101


def roc_points(truth: np.ndarray, scores: np.ndarray) -> tuple | None:
    """Return the ROC curve of one class.

    Args:
      truth: `[N]`; 1, 0, or NaN for a case to leave out.
      scores: `[N]`.

    Returns:
      `[P]` false positive rates and `[P]` true positive rates, at the distinct scores; None where
      there is no positive or no negative case.
    """
    known = ~np.isnan(truth)
    truth, scores = truth[known] == 1, scores[known]
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of each score: ties move at once
    hits, misses = (np.cumsum(part[order])[last] for part in (truth, ~truth))
    return np.append(0, misses / misses[-1]), np.append(0, hits / hits[-1])


def on_grid(points: tuple) -> tuple:
    """Return the true positive rate of `roc_points` at `POINTS` false positive rates from 0 to 1.

    Where a curve rises steeply, its upper end counts but at 0.
    """
    false, true = points
    grid = np.linspace(0, 1, POINTS)
    # np.interp takes the last of equal abscissae; at 0 the height that needs no false positive.
    return grid, np.interp(grid, false, true)


def mean_roc(predictions: Any) -> tuple | None:
    """Return the mean of the classes' ROC curves at each false positive rate; its area is the AUC.

    Classes without positive or negative cases are left out, as in the mean AUC.

    Returns:
      `[POINTS]` and `[POINTS]`, or None where no class has a curve.
    """
    curves = [
        roc_points(predictions.truth[:, k], predictions.probabilities[:, k])
        for k in range(len(predictions.classes))
    ]
    heights = [on_grid(points)[1] for points in curves if points is not None]
    if not heights:
        return None
    return np.linspace(0, 1, POINTS), np.mean(heights, axis=0)
