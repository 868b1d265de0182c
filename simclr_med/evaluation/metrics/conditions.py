"""Sensitivity by condition: the share of hits of each class without Other.

Letters: N cases, C conditions (the classes without Other), P pairs of a case and a condition that
it carries, sorted by condition.
"""

import dataclasses
from typing import Any

import numpy as np

from simclr_med.evaluation.metrics import functions


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
    def starts(self) -> np.ndarray:
        """First pair of each condition that has cases."""
        return np.flatnonzero(np.diff(self.condition, prepend=-1))

    @property
    def present(self) -> np.ndarray:
        """Class index of each condition that has cases."""
        return self.condition[self.starts]


def pairs_of(predictions: Any) -> Pairs:
    """Return the `Pairs` of `predictions`."""
    named = [name != predictions.other_class for name in predictions.classes]
    condition, case = np.nonzero((predictions.truth == 1).T & np.array(named)[:, None])
    return Pairs(case, condition, len(predictions.classes))


def readings(predictions: Any, pairs: Pairs, k: int) -> dict:
    """Return the two readings of top-k sensitivity: name -> (hits `[P]`, counted `[P]`).

    "": a case with two diagnoses hits for both where one is among the k highest, as in the paper.
    "own_": it hits for what was predicted, and is not counted for its other diagnosis; where none
    was predicted, it is a miss for both.
    """
    any_hit = functions.top_k_hits(predictions.truth, predictions.probabilities, k)[pairs.case]
    chances = functions.top_k_chances(predictions.probabilities, k)
    own = chances[pairs.case, pairs.condition]
    return {"": (any_hit, np.ones(len(own))), "own_": (own, own + 1 - any_hit)}


def sensitivities(
    pairs: Pairs, hits: np.ndarray, counted: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the share of hits by condition, `[..., C]` of the conditions that have cases.

    Args:
      pairs: `Pairs`.
      hits: `[P]`.
      counted: `[P]`, how much of a pair counts.
      weights: `[..., P]`.
    """
    if not len(pairs.case):
        return np.full((*weights.shape[:-1], 0), np.nan)
    return functions.ratio(
        np.add.reduceat(weights * hits, pairs.starts, axis=-1),
        np.add.reduceat(weights * counted, pairs.starts, axis=-1),
    )
