"""Metrics of one class or of hits, for many weightings of the cases at once. NumPy alone.

    auc(*rank(truth, scores).weigh(np.ones(len(truth))))

Letters: N cases, K classes. Every metric takes weights `[..., N]`, for a bootstrap how often each
case was drawn, and answers `[...]`: the sample (all ones) and a block of replicates `[R, N]` share
one code. What is not defined is NaN, never 0. `scoring.score` puts them together.
"""

import dataclasses

import numpy as np
from scipy.special import comb


def top_k_hits(truth, probabilities, k):
    """Return the chance that a present class is among the k highest scores, float64 `[N]`.

    Classes of equal scores are ranked by lot: with d present classes among t equal ones of which m
    still belong to the k highest, the chance is 1 - C(t - d, m) / C(t, m).

    Args:
      truth: `[N, K]`, 1 for present.
      probabilities: `[N, K]`.
      k: 1 or more; from K on, every case hits.
    """
    above, level, free = _around_place(probabilities, k)
    present = truth == 1
    equal, wanted = level.sum(1), (present & level).sum(1)
    chance = 1 - comb(equal - wanted, free) / comb(equal, free)
    return np.where((present & above).any(1), 1.0, chance)


def top_k_chances(probabilities, k):
    """Return each class's chance to be among the k highest scores, float64 `[N, K]`."""
    above, level, free = _around_place(probabilities, k)
    return np.where(above, 1.0, level * (free / level.sum(1))[:, None])


def mean(values, weights):
    """Return the weighted mean over cases: `values` `[N]`, `weights` `[..., N]` -> `[...]`."""
    return ratio(weights @ np.asarray(values, float), weights.sum(-1))


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """The cases whose truth is known, by ascending score; found once for all weightings.

    Attributes:
      order: `[n]` rows of the cases.
      positive: `[n]` bool.
      starts: first place of each group of equal scores.
    """

    order: np.ndarray
    positive: np.ndarray
    starts: np.ndarray

    def weigh(self, weights):
        """Return weights `[..., N]` of positives and of negatives, summed by group, `[..., G]`."""
        drawn = np.take(weights, self.order, axis=-1)
        positive = drawn * self.positive
        negative = drawn - positive
        if len(self.starts) < len(self.order):
            positive, negative = (
                np.add.reduceat(part, self.starts, axis=-1) for part in (positive, negative)
            )
        return positive, negative


def rank(truth, scores):
    """Return the `Ranking` of scores `[N]`; truth `[N]` is 1, 0, or NaN for a case to leave out."""
    known = np.flatnonzero((truth == 0) | (truth == 1))
    order = known[np.argsort(scores[known], kind="stable")]
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    return Ranking(order, truth[order] == 1, starts)


def auc(positive, negative):
    """Return the area under the ROC curve as the Mann-Whitney statistic; a tie counts one half.

    Args:
      positive, negative: `[..., G]`, see `Ranking.weigh`.

    Returns:
      `[...]`, NaN where no positive or no negative has weight.
    """
    below = np.cumsum(negative, axis=-1)
    wins = np.einsum("...n,...n->...", positive, below) - (
        np.einsum("...n,...n->...", positive, negative) / 2
    )
    return ratio(wins, positive.sum(-1) * negative.sum(-1))


def average_precision(positive, negative):
    """Return the mean precision at each positive's score, as scikit-learn defines it.

    Args and result as of `auc`; NaN where no positive has weight.
    """
    positive, negative = positive[..., ::-1], negative[..., ::-1]
    found = np.cumsum(positive, axis=-1)
    precision = found / np.maximum(found + np.cumsum(negative, axis=-1), _TINY)
    return ratio(np.einsum("...n,...n->...", positive, precision), positive.sum(-1))


def ratio(numerator, denominator):
    """Return the quotient, NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, np.divide(numerator, denominator), np.nan)


def mean_of_defined(values):
    """Return the mean over the last axis of what is not NaN; NaN where nothing is defined."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


_TINY = np.finfo(float).tiny  # no positive and no negative so far: 0 / tiny is 0


def _around_place(probabilities, k):
    """Return which classes lie above the k-th score, which at it, and places left for these."""
    k = min(k, probabilities.shape[1])
    place = -np.partition(-probabilities, k - 1, axis=1)[:, k - 1 : k]  # [N, 1]
    above = probabilities > place
    return above, probabilities == place, k - above.sum(1)
