"""DeLong's test of two AUCs on the same cases: a second opinion beside the bootstrap.

DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
operating characteristic curves: a nonparametric approach".
"""

import numpy as np
from scipy.special import ndtr


def placements(truth, scores):
    """Return the share of each positive and each negative in the AUC, ties one half.

    Returns:
      `[n positives]`, the share of negatives below each; `[n negatives]`, of positives above.
    """
    positive, negative = scores[truth == 1], scores[truth == 0]
    return _share_below(negative, positive), 1 - _share_below(positive, negative)


def covariance(truth, scores, units):
    """Return AUCs `[M]` of M models and their covariance `[M, M]`.

    Args:
      truth: `[N]`; 1, 0, or NaN for a case to leave out.
      scores: `[M, N]`.
      units: `[N]`, the independent unit of each case; a unit's cases are summed, as Obuchowski
        1997 does for clustered data. With one case a unit it is DeLong's.
    """
    parts = [placements(truth, row) for row in scores]
    of_positives, of_negatives = (np.stack(side) for side in zip(*parts, strict=True))  # [M, n]
    values = of_positives.mean(1)
    _, units = np.unique(units, return_inverse=True)
    sums = [
        _sums(side - values[:, None], units[truth == kind]) / side.shape[1]
        for side, kind in ((of_positives, 1), (of_negatives, 0))
    ]
    if len(np.unique(units)) == len(units):
        counts = (of_positives.shape[1], of_negatives.shape[1])
        return values, sum(s @ s.T * n / (n - 1) for s, n in zip(sums, counts, strict=True))
    both = _aligned(sums, [units[truth == kind] for kind in (1, 0)])
    return values, both @ both.T * (count := both.shape[1]) / (count - 1)


def p_value(truth, scores, units):
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


def _sums(values, units):
    """Return `[M, G]`, the sums of `values` `[M, n]` by unit, in the units' order."""
    _, unit = np.unique(units, return_inverse=True)
    return np.stack([np.bincount(unit, row) for row in values])


def _aligned(sums, units):
    """Return the sums of positives and of negatives added unit by unit, `[M, G]`."""
    names = np.unique(np.concatenate(units))
    total = np.zeros((len(sums[0]), len(names)))
    for part, unit in zip(sums, units, strict=True):
        total[:, np.searchsorted(names, np.unique(unit))] += part
    return total
