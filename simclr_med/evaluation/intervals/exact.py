"""Intervals that need no spread among replicates: of shares near 0 or 1.

    of_share(29, 29, 0.95)  # (0.881, 1.0): all of 29 are right

A bootstrap of cases that are all right repeats them, and says that nothing else is possible.
Letters: N cases, C conditions or classes.
"""

import numpy as np
from scipy.special import betaincinv

from simclr_med.evaluation.intervals.resampling import Units

FEW = 10  # hits or misses: below, replicates of a share are too few different ones


def of_share(hits: float, count: float, confidence: float) -> tuple[float, float]:
    """Return the interval of a share: Jeffreys', at 0 and 1 that of Clopper and Pearson 1934.

    Brown, Cai and DasGupta 2001: Clopper-Pearson everywhere covers too often, 99 % at 98.8 % of
    150 cases. Ties make parts of hits.
    """
    if count <= 0:
        return 0.0, 1.0
    tail, misses = (1 - confidence) / 2, count - hits
    if misses <= 0:
        return float(tail ** (1 / count)), 1.0
    if hits <= 0:
        return 0.0, float(1 - tail ** (1 / count))
    low, high = (betaincinv(hits + 0.5, misses + 0.5, level) for level in (tail, 1 - tail))
    return float(low), float(high)


def of_mean(values: np.ndarray, ends: np.ndarray) -> tuple[float, float]:
    """Return the interval of a mean of independent values (Zou and Donner 2008).

    Args:
      values: `[C]`.
      ends: `[C, 2]`, the interval of each.
    """
    middle = float(np.mean(values))
    low, high = (np.sqrt(((ends[:, side] - values) ** 2).sum()) / len(values) for side in (0, 1))
    return float(max(0, middle - low)), float(min(1, middle + high))


def effective(hits: np.ndarray, counted: np.ndarray, units: Units) -> float:
    """Return how many independent cases would tell as much of a share as those of `units`.

    Args:
      hits, counted: `[N]`, 0 to 1.
      units: of the N cases. Where all their cases agree, each unit counts once, since nothing
        shows how far its cases depend on one another.
    """
    total, share = counted.sum(), hits.sum() / counted.sum()
    if not units.repeated:
        return float(total)
    count = len(np.unique(units.index[counted > 0]))
    off = np.bincount(units.index, hits - share * counted) / total
    spread = (off**2).sum() * count / max(1, count - 1)
    if not 0 < share < 1 or spread <= 0:
        return float(min(count, total))
    return float(min(total, share * (1 - share) / spread))
