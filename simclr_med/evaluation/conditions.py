"""Sensitivity by condition, and replicates that hold each condition's number of cases.

Letters: N cases, C conditions (the classes without Other), P pairs of a case and a condition that
it carries, sorted by condition; R replicates.

An average of sensitivities gives a condition of 3 cases the weight of one of 300, so that the rare
ones make its spread, and a plain bootstrap gets these wrong twice: it loses conditions, and 3 cases
drawn from 3 vary by a third too little. `draw` therefore draws within each condition, one unit less
than it has (Rao and Wu 1988: then the variance is without bias). docs/statistics.md has what that
covers.
"""

import dataclasses

import numpy as np

from simclr_med.evaluation import intervals, metrics


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Cases beside the conditions that they carry; all fields have one entry a pair, `[P]`.

    Attributes:
      case: row of the case.
      condition: index of its class, ascending.
      classes: K, of which the conditions are some.
    """

    case: np.ndarray
    condition: np.ndarray
    classes: int

    @property
    def starts(self):
        """First pair of each condition that has cases."""
        return np.flatnonzero(np.diff(self.condition, prepend=-1))

    @property
    def present(self):
        """Class index of each condition that has cases."""
        return self.condition[self.starts]


def pairs_of(predictions):
    """Return the `Pairs` of `predictions`."""
    named = [name != predictions.other_class for name in predictions.classes]
    condition, case = np.nonzero((predictions.truth == 1).T & np.array(named)[:, None])
    return Pairs(case, condition, len(predictions.classes))


def readings(predictions, pairs, k):
    """Return the two readings of top-k sensitivity: name -> (hits `[P]`, counted `[P]`).

    "": a case with two diagnoses hits for both where one is among the k highest, as in the paper.
    "own_": it hits for what was predicted, and is not counted for its other diagnosis; where none
    was predicted, it is a miss for both.
    """
    any_hit = metrics.top_k_hits(predictions.truth, predictions.probabilities, k)[pairs.case]
    chances = metrics.top_k_chances(predictions.probabilities, k)
    own = chances[pairs.case, pairs.condition]
    return {"": (any_hit, np.ones(len(own))), "own_": (own, own + 1 - any_hit)}


def sensitivities(pairs, hits, counted, weights):
    """Return the share of hits by condition, `[..., C]` of the conditions that have cases.

    Args:
      pairs: `Pairs`.
      hits: `[P]`.
      counted: `[P]`, how much of a pair counts.
      weights: `[..., P]`.
    """
    if not len(pairs.case):
        return np.full((*weights.shape[:-1], 0), np.nan)
    return metrics.ratio(
        np.add.reduceat(weights * hits, pairs.starts, axis=-1),
        np.add.reduceat(weights * counted, pairs.starts, axis=-1),
    )


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


def draw(pairs, units, replicates, random):
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


def average(pairs, hits, counted, draws):
    """Return replicates `[R]` of the average over conditions.

    A condition with one unit adds a donor's deviation from the average to its own value.
    """
    each = sensitivities(pairs, hits, counted, draws.weights)  # [R, C]
    values = metrics.mean_of_defined(each)
    if not draws.donors.any():
        return values
    macro = metrics.mean_of_defined(
        sensitivities(pairs, hits, counted, np.ones((1, len(pairs.case))))
    )
    return values + draws.donors @ (hits - macro * counted) / each.shape[1]


def spread_df(pairs, units):
    """Return the degrees of freedom of an average over conditions, see `intervals`."""
    return intervals.df_of_classes(
        [len(np.unique(units[part])) for part in np.split(pairs.case, pairs.starts[1:])]
    )
