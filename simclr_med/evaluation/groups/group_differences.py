"""Gaps between groups of cases, all pairs at once.

Of several groups the widest gap is chosen after looking, so its interval has to hold for whichever
pair is the widest: half-widths are a common multiple of each gap's bootstrap deviation. It covers
all pairs together in the asked share of replicates ("max t"; Westfall and Young 1993), and is no
less than Bonferroni's, since the replicates of small groups claim too much. Two groups are the
ordinary case.
"""

import itertools
from typing import NamedTuple

import numpy as np


class Gap(NamedTuple):
    """Difference of the level `high_level` from `low_level`, with its interval."""

    high_level: str
    low_level: str
    value: float
    low: float
    high: float

    @property
    def excludes_zero(self):
        """True where the interval excludes 0."""
        return self.low > 0


def all_gaps(levels, values, samples, confidence, shape):
    """Return the `Gap` of each pair of levels, the widest first.

    Args:
      levels: L names.
      values: `[L]`, the metric in each; a level where it is NaN is left out.
      samples: `[R, L]`, of the same replicates of all cases; NaN where not defined.
      confidence: that all intervals hold together.
      shape: `interval_ends.Shape` of a gap's interval, that of the least certain pair.

    Returns:
      One `Gap` a pair, none where fewer than two levels are left or a gap never varies.
    """
    kept = np.flatnonzero(~np.isnan(values))
    pairs = [
        (a, b) if values[a] >= values[b] else (b, a) for a, b in itertools.combinations(kept, 2)
    ]
    if not pairs:
        return []
    higher, lower = np.array(pairs).T
    gaps = values[higher] - values[lower]  # [P]
    moved = samples[:, higher] - samples[:, lower] - gaps  # [R, P]
    moved = moved[~np.isnan(moved).any(1)]
    deviations = moved.std(0)
    if len(moved) < 2 or not (deviations > 0).all():
        return []
    widest = (np.abs(moved) / deviations).max(1)
    reach = np.quantile(widest, confidence, method="weibull")
    bonferroni = shape.reach(1 - (1 - confidence) / len(pairs))
    reach = max(reach * shape.widening(confidence), bonferroni)
    found = [
        Gap(levels[a], levels[b], float(gap), float(gap - reach * s), float(gap + reach * s))
        for (a, b), gap, s in zip(pairs, gaps, deviations, strict=True)
    ]
    return sorted(found, key=lambda gap: -gap.value)
