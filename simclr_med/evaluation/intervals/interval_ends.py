"""From bootstrap replicates to an interval and a p-value, which never contradict each other.

Of R replicates and the sample, R + 1 in all, each order is as likely: a level of u is a place of
u (R + 1). An interval ends at the replicate there, a p-value counts the places that 0 leaves:
p <= 5 % where, and only where, the 95 % interval excludes 0.

Percentile intervals at 95 % take the 2.5th and 97.5th replicate of a hundred. With few units that
is too narrow: replicates spread as the sample, which spreads less than what it was drawn from.
`Shape` therefore moves the two quantiles: outwards by Student's t and the missing variance
(Hesterberg 2015, "What teachers should know about the bootstrap"), and towards where bias and
skewness say (Efron 1987).
"""

import dataclasses
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit


@dataclasses.dataclass(frozen=True)
class Shape:
    """The rule from quantiles of replicates to an interval; as it stands, the plain percentile's.

    Attributes:
      df: degrees of freedom of the spread; infinite for a normal distribution.
      stretch: the spread that is wanted over that of the replicates.
      bias: BCa's z0, where the value lies among its replicates.
      acceleration: BCa's a, a sixth of the skewness.
      symmetric: whether the interval is Student's about the value, with the replicates' deviation:
        of few cases, the outer replicates are a matter of one or two.
    """

    df: float = np.inf
    stretch: float = 1.0
    bias: float = 0.0
    acceleration: float = 0.0
    symmetric: bool = False

    def levels(self, confidence: float) -> np.ndarray:
        """Return the two quantiles to take, each in (0, 1)."""
        z = self.reach(confidence)
        ends = self.bias + np.array([-z, z])
        room = 1 - self.acceleration * ends
        return np.where(room > 0, ndtr(self.bias + ends / np.where(room > 0, room, 1)), ends > 0)

    def reach(self, confidence: float) -> float:
        """Return half an interval's length in standard deviations of the replicates."""
        return float(self.stretch * _t_quantile(self.df, (1 + confidence) / 2))

    def widening(self, confidence: float) -> float:
        """Return how much longer half an interval is than the normal distribution's."""
        return self.reach(confidence) / float(ndtri((1 + confidence) / 2))

    def significance(self, level: float) -> float:
        """Return the p-value, one-sided twice, of an interval whose lower end is at this level.

        The inverse of `levels`: that of 1 - p has this quantile for its lower end. Above 1 where
        the level lies above the middle of the replicates.
        """
        q = ndtri(level) - self.bias
        room = 1 + self.acceleration * q
        z = (q / room if room > 0 else np.sign(q) * np.inf) - self.bias
        return 2 * _t_below(self.df, z / self.stretch)

    def mirrored(self) -> "Shape":
        """Return the `Shape` of replicates whose signs are turned."""
        return dataclasses.replace(self, bias=-self.bias, acceleration=-self.acceleration)

    def within(self, count: int, confidence: float) -> bool:
        """Return whether both quantiles have a place among this many replicates."""
        low, high = self.levels(confidence) * (count + 1)
        return bool(low >= 1 - _ROUNDING and high <= count + _ROUNDING)


PLAIN = Shape()
_ROUNDING = 1e-9  # of a place among replicates, so that one at its edge counts on both sides alike


def small_sample(units: int) -> Shape:
    """Return the percentile's `Shape` of this many independent units, 2 or more.

    Replicates have (n - 1) / n of the variance that they should have.
    """
    return Shape(df=units - 1, stretch=np.sqrt(units / (units - 1)))


def df_of_classes(counts: Any) -> float:
    """Return the degrees of freedom of a mean over classes (Satterthwaite 1946).

    Taking the variance of one unit for equal in all classes, a class's share of the variance is
    1 / n, known to n - 1.

    Args:
      counts: units that each class's value rests on, 1 or more.
    """
    share = 1 / np.asarray(counts)
    return float(share.sum() ** 2 / (share**2 / np.maximum(np.subtract(counts, 1), 1)).sum())


def of_classes(counts: Any) -> Shape:
    """Return the percentile's `Shape` of a mean over classes, some of which may be rare.

    As `small_sample`, class by class: replicates show (n - 1) / n of a class's variance, so that
    rare classes, which make most of it, are missed. Argument as of `df_of_classes`.
    """
    share = 1 / np.asarray(counts)
    shown = (share * (1 - share)).sum()
    if not shown > 0:
        return PLAIN
    return Shape(df=df_of_classes(counts), stretch=float(np.sqrt(share.sum() / shown)))


def of_clusters(samples: np.ndarray, left_out: np.ndarray, df: float) -> Shape:
    """Return the percentile's `Shape` for units of several cases each.

    Large units lead a bootstrap to too small a spread: the jackknife's is taken where it is larger.
    And few of them make most of it, so that it is known less well than the number of units says:
    the degrees of freedom of a variance of J values of kurtosis k are 2 J / (k - 1).

    Args:
      samples: `[R]` replicates, all defined.
      left_out: `[J]` values, each with one unit left out.
      df: degrees of freedom at most.
    """
    count, spread = len(left_out), samples.std()
    if count < 2 or np.ptp(left_out) == 0 or spread == 0:
        return PLAIN
    squares = (np.mean(left_out) - left_out) ** 2
    kurtosis = (squares**2).mean() / squares.mean() ** 2
    if kurtosis > 1:
        df = min(df, 2 * count / (kurtosis - 1) - 1)
    stretch = np.sqrt((count - 1) / count * squares.sum()) / spread
    return Shape(df=float(max(df, 2)), stretch=float(max(stretch, 1)))


def bca(value: Any, samples: np.ndarray, left_out: np.ndarray) -> Shape:
    """Return BCa's `Shape` (Efron 1987).

    Args:
      value: of the sample.
      samples: `[R]` replicates, all defined.
      left_out: `[J]` values with a unit, or a group of units, left out.
    """
    off = np.mean(left_out) - left_out if len(left_out) else np.zeros(0)
    squares = (off**2).sum()
    acceleration = (off**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
    return Shape(bias=median_bias(value, samples), acceleration=float(acceleration))


def median_bias(value: Any, samples: np.ndarray) -> float:
    """Return BCa's z0: the normal quantile of the share of `samples` `[R]` below the `value`."""
    below = ((samples < value).mean() + (samples <= value).mean()) / 2
    edge = 1 / (len(samples) + 1)
    return float(ndtri(np.clip(below, edge, 1 - edge)))


def interval(
    samples: np.ndarray, confidence: float, shape: Shape = PLAIN, value: Any = None
) -> Any:
    """Return (low, high) of defined `samples` `[R]` of a `value`, which a symmetric shape needs.

    Each end is a replicate, the next one outwards of its place; the outermost where the place lies
    beyond all, see `Shape.within`.
    """
    if shape.symmetric:
        reach = shape.reach(confidence) * samples.std()
        return float(value - reach), float(value + reach)
    count = len(samples)
    low, high = shape.levels(confidence) * (count + 1)
    places = np.clip([np.floor(low + _ROUNDING), np.ceil(high - _ROUNDING)], 1, count)
    ordered = np.sort(samples)
    return tuple(float(ordered[int(place) - 1]) for place in places)


def p_value(samples: np.ndarray, shape: Shape = PLAIN, value: Any = None) -> float:
    """Return the two-sided p-value of 0: the level at which the interval of `samples` leaves it.

    It `rejects` where, and only where, the interval excludes 0 by an end that has its place among
    the replicates. Less than one of R + 1 is not claimed. Arguments as of `interval`.
    """
    if shape.symmetric:
        spread = shape.stretch * samples.std()
        p = 2 * _t_below(shape.df, -abs(value) / spread) if spread > 0 else float(value == 0)
    else:
        p = min(_one_sided(samples, shape), _one_sided(-samples, shape.mirrored()))
    return float(np.clip(p, 1 / (len(samples) + 1), 1))


def rejects(p: float, confidence: float) -> bool:
    """Return whether a p-value is small enough for a verdict at this confidence."""
    return p <= 1 - confidence + _ROUNDING


def _one_sided(samples, shape):
    """Return twice the level at which an interval's lower end comes to lie above 0."""
    place = (samples <= 0).sum() + 1
    return shape.significance(place / (len(samples) + 1)) if place <= len(samples) else 1.0


def _t_quantile(df, level):
    return ndtri(level) if np.isinf(df) else stdtrit(df, level)


def _t_below(df, t):
    return ndtr(t) if np.isinf(df) else stdtr(df, t)
