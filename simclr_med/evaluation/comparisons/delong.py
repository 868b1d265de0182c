"""DeLong's test of two AUCs on the same cases: a second opinion beside the bootstrap.

DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
operating characteristic curves: a nonparametric approach".
"""

import numpy as np
from scipy.special import ndtr


def placements(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the placement values of each positive and each negative, ties one half.

    Returns:
      `[n positives]`, the share of negatives below each; `[n negatives]`, of positives above.
    """
    positive, negative = scores[truth == 1], scores[truth == 0]
    return _share_below(negative, positive), 1 - _share_below(positive, negative)


def covariance(
    truth: np.ndarray, scores: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return AUCs `[M]` of M models and their covariance `[M, M]`.

    Args:
      truth: `[N]`; 1, 0, or NaN for a case to leave out.
      scores: `[M, N]`.
      units: `[N]`, the independent unit of each case; a unit's cases are summed, as Obuchowski
        1997 does for clustered data: each part of the variance has the factor n / (n - 1) of the
        units that have such cases. With one case a unit it is DeLong's.
    """
    parts = [placements(truth, row) for row in scores]
    of_positives, of_negatives = (np.stack(side) for side in zip(*parts, strict=True))  # [M, n]
    values = of_positives.mean(1)
    known = (truth == 0) | (truth == 1)
    names, units = np.unique(units[known], return_inverse=True)
    sums, total = [], 0
    for side, kind in ((of_positives, 1), (of_negatives, 0)):
        within = units[truth[known] == kind]
        off = _sums((side - values[:, None]) / side.shape[1], within, len(names))
        clusters = len(np.unique(within))
        total = total + off @ off.T * clusters / (clusters - 1)
        sums.append(off)
    cross = sums[0] @ sums[1].T  # of clusters that hold both kinds
    return values, total + (cross + cross.T) * len(names) / (len(names) - 1)


def p_value(truth: np.ndarray, scores: np.ndarray, units: np.ndarray) -> float:
    """Return the two-sided p-value of equal AUCs of two models, arguments as of `covariance`.

    NaN with fewer than two units of positives or of negatives; 1 where the two rank alike.
    """
    if min(len(np.unique(units[truth == kind])) for kind in (0, 1)) < 2:
        return np.nan
    (a, b), cov = covariance(truth, scores, units)
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    if variance <= 1e-18:
        return 1.0 if abs(a - b) < 1e-12 else np.nan
    return float(2 * ndtr(-abs(a - b) / np.sqrt(variance)))


def _share_below(others, values):
    others = np.sort(others)
    ranks = np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")
    return ranks / (2 * max(1, len(others)))


def _sums(values, units, count):
    """Return `[M, G]`, the sums of `values` `[M, n]` by unit `[n]`, one of G numbers."""
    return np.stack([np.bincount(units, row, minlength=count) for row in values])
