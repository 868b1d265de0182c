"""Bootstrap replicates of an average over conditions, drawn within each condition.

Letters: N cases, C conditions, P pairs of a case and a condition (`conditions.Pairs`),
R replicates.

An average of sensitivities gives a condition of 3 cases the weight of one of 300, so that the rare
ones make its spread, and a plain bootstrap gets these wrong twice: it loses conditions, and 3 cases
drawn from 3 vary by a third too little. `draw` therefore draws within each condition, one unit less
than it has (Rao and Wu 1988: then the variance is without bias). docs/statistics.md has the
measured coverage.
"""

import dataclasses
from typing import Any

import numpy as np

from simclr_med.evaluation.intervals import interval_ends
from simclr_med.evaluation.metrics import conditions, functions


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """Replicates within conditions.

    Attributes:
      weights: `[R, P]`; of a condition with one unit, 1.
      donors: `[R, P]`, pairs that lend their deviation to conditions with one unit, which show
        none themselves; how often, counted over these conditions.
    """

    weights: np.ndarray
    donors: np.ndarray


def draw(
    pairs: conditions.Pairs, units: np.ndarray, replicates: Any, random: np.random.Generator
) -> Draws:
    """Return the `Draws` of replicates.

    Args:
      pairs: `Pairs`.
      units: `[N]` int, the independent unit of each case; a unit's cases are drawn together.
      replicates: how many.
      random: a NumPy generator.
    """
    weights = np.ones((replicates, len(pairs.case)))
    single = 0
    ends = [*pairs.starts[1:], len(pairs.case)]
    for start, end in zip(pairs.starts, ends, strict=True):
        _, unit = np.unique(units[pairs.case[start:end]], return_inverse=True)
        if (count := unit.max() + 1) == 1:
            single += 1
            continue
        drawn = random.integers(count, size=(replicates, count - 1))
        flat = (drawn + count * np.arange(replicates)[:, None]).ravel()
        counts = np.bincount(flat, minlength=replicates * count).reshape(replicates, count)
        weights[:, start:end] = counts[:, unit] * (count / (count - 1))
    return Draws(weights, _donors(pairs, single, replicates, random))


def _donors(pairs, single, replicates, random):
    """Draw `single` pairs a replicate, every condition as likely as another."""
    donors = np.zeros((replicates, len(pairs.case)))
    sizes = np.diff([*pairs.starts, len(pairs.case)])
    for _ in range(single):
        condition = random.integers(len(sizes), size=replicates)
        pair = pairs.starts[condition] + random.integers(sizes[condition])
        donors[np.arange(replicates), pair] += 1
    return donors


def average(
    pairs: conditions.Pairs, hits: np.ndarray, counted: np.ndarray, draws: Draws
) -> np.ndarray:
    """Return replicates `[R]` of the average over conditions.

    A condition with one unit adds a donor's deviation from the average to its own value.
    """
    each = conditions.sensitivities(pairs, hits, counted, draws.weights)  # [R, C]
    values = functions.mean_of_defined(each)
    if not draws.donors.any():
        return values
    macro = functions.mean_of_defined(
        conditions.sensitivities(pairs, hits, counted, np.ones((1, len(pairs.case))))
    )
    return values + draws.donors @ (hits - macro * counted) / each.shape[1]


def spread_df(pairs: conditions.Pairs, units: np.ndarray) -> float:
    """Return the degrees of freedom of an average over conditions, see `interval_ends`."""
    return interval_ends.df_of_classes(
        [len(np.unique(units[part])) for part in np.split(pairs.case, pairs.starts[1:])]
    )
