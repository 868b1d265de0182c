"""Metrics of one class or of hits, for many weightings of the cases at once. NumPy alone.

    auc(*rank(truth, scores).weigh(np.ones(len(truth))))

Letters: N cases, K classes. Every metric takes weights `[..., N]`, for a bootstrap how often each
case was drawn, and answers `[...]`: the sample (all ones) and a block of replicates `[R, N]` share
one code. What is not defined is NaN, never 0. `scoring.score` puts them together.
"""

import dataclasses
import typing
from typing import Any

import numpy as np
from scipy.special import comb


def top_k_hits(truth: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return the chance that a present class is among the k highest scores, float64 `[N]`.

    Classes of equal scores are ranked by lot: with d present classes among t equal ones of which m
    still belong to the k highest, the chance is 1 - C(t - d, m) / C(t, m). NaN among NaN scores.

    Args:
      truth: `[N, K]`, 1 for present.
      probabilities: `[N, K]`.
      k: 1 or more; from K on, every case hits.
    """
    above, level, free = _around_place(probabilities, k)
    present = truth == 1
    equal, wanted = level.sum(1), (present & level).sum(1)
    chance = 1 - ratio(comb(equal - wanted, free), comb(equal, free))
    return np.where((present & above).any(1), 1.0, chance)


def top_k_chances(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return each class's chance to be among the k highest scores, float64 `[N, K]`.

    NaN among NaN scores, as of a training that has diverged.
    """
    above, level, free = _around_place(probabilities, k)
    return np.where(above, 1.0, level * ratio(free, level.sum(1))[:, None])


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over cases: `values` `[N]`, `weights` `[..., N]` -> `[...]`."""
    return ratio(weights @ np.asarray(values, float), weights.sum(-1))


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """The n cases whose truth is known, by ascending score; found once for all weightings.

    Attributes:
      order: `[n]` rows of the cases.
      positives: `[m]` places of the positives in it.
      below: `[m]` how many cases score less than each positive.
      through: `[m]` how many score less, or the same.
      positives_below: `[m]` how many positives score less than each.
    """

    order: np.ndarray
    positives: np.ndarray
    below: np.ndarray
    through: np.ndarray
    positives_below: np.ndarray

    def weigh(self, weights: np.ndarray) -> "Weighed":
        """Return the `Weighed` ranking of weights `[..., N]` of all cases."""
        drawn = np.take(weights, self.order, axis=-1)
        positives = np.take(drawn, self.positives, axis=-1)
        sums, sums_of_positives = _sums(drawn), _sums(positives)
        return Weighed(
            positives=positives,
            below=np.take(sums, self.below, axis=-1),
            through=np.take(sums, self.through, axis=-1),
            positives_below=np.take(sums_of_positives, self.positives_below, axis=-1),
            all_positives=sums_of_positives[..., -1],
            all=sums[..., -1],
        )


class Weighed(typing.NamedTuple):
    """Sums of weights that AUC and average precision need, by positive `[..., m]` or of all.

    Only the positives' columns: a rare finding has few, and summing is most of the work.
    """

    positives: np.ndarray
    below: np.ndarray
    through: np.ndarray
    positives_below: np.ndarray
    all_positives: np.ndarray
    all: np.ndarray


def rank(truth: np.ndarray, scores: np.ndarray) -> Ranking:
    """Return the `Ranking` of scores `[N]`; truth `[N]` is 1, 0, or NaN for a case to leave out."""
    known = np.flatnonzero((truth == 0) | (truth == 1))
    order = known[np.argsort(scores[known], kind="stable")]
    ascending, positives = scores[order], np.flatnonzero(truth[order] == 1)
    of_positives = ascending[positives]
    return Ranking(
        order,
        positives,
        below=np.searchsorted(ascending, of_positives, "left"),
        through=np.searchsorted(ascending, of_positives, "right"),
        positives_below=np.searchsorted(of_positives, of_positives, "left"),
    )


def auc(weighed: Weighed) -> np.ndarray:
    """Return the area under the ROC curve as the Mann-Whitney statistic; a tie counts one half.

    A positive wins against what lies below it, positives too: all pairs of these are half a win
    each, whatever their scores, and are taken off.

    Args:
      weighed: a `Weighed` ranking.

    Returns:
      `[...]`, NaN where no positive or no negative has weight.
    """
    of_all = (weighed.positives * (weighed.below + weighed.through)).sum(-1) / 2
    wins = of_all - weighed.all_positives**2 / 2
    return ratio(wins, weighed.all_positives * (weighed.all - weighed.all_positives))


def average_precision(weighed: Weighed) -> np.ndarray:
    """Return the mean precision at each positive's score, as scikit-learn defines it.

    Args and result as of `auc`; NaN where no positive has weight.
    """
    found = weighed.all_positives[..., None] - weighed.positives_below
    called = weighed.all[..., None] - weighed.below
    precision = found / np.maximum(called, _TINY)  # of a positive without weight it may be 0 / 0
    return ratio((weighed.positives * precision).sum(-1), weighed.all_positives)


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """Return the quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    undefined = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis, NaN left out; NaN where nothing is defined."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


_TINY = np.finfo(float).tiny  # no positive and no negative so far: 0 / tiny is 0


def _sums(values):
    """Return the sums of the first 0, 1, ... n of the last axis, `[..., n + 1]`."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def _around_place(probabilities, k):
    """Return which classes lie above the k-th score, which at it, and places left for these."""
    k = min(k, probabilities.shape[1])
    place = -np.partition(-probabilities, k - 1, axis=1)[:, k - 1 : k]  # [N, 1]
    above = probabilities > place
    return above, probabilities == place, k - above.sum(1)
