"""Independent units, which a bootstrap draws with all their cases.

Letters: N cases, G units, R replicates.
"""

import dataclasses
from typing import Any

import numpy as np

GROUPS = 400  # of a jackknife at most; beyond, several units are left out together


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """The independent units of N cases.

    Attributes:
      name: "case" or "patient".
      index: `[N]` int, the unit of each case; numbered by sorted name, so that counts do not depend
        on the order of rows.
      count: G.
      effective: N^2 / sum of squared sizes: units of equal size that would tell as much.
    """

    name: str
    index: np.ndarray
    count: int
    effective: float

    @property
    def repeated(self) -> bool:
        """True where a unit has several cases."""
        return self.count < len(self.index)


def units_of(predictions: Any, unit: str) -> Units:
    """Return the `Units` of `predictions`; a case without a patient is a unit of its own.

    Args:
      unit: "case", "patient", or "auto": patient where one has several cases.
    """
    patients = _patients(predictions)
    if unit == "auto":
        unit = "patient" if len(np.unique(patients)) < len(patients) else "case"
    ids = predictions.case_ids if unit == "case" else patients
    _, index, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    effective = len(index) ** 2 / (sizes.astype(float) ** 2).sum() if len(index) else 0.0
    return Units(unit, index, len(sizes), float(effective))


def repetition(predictions: Any) -> float:
    """Return how many cases a patient has on average, 1 where nobody is known."""
    return len(predictions.case_ids) / max(1, len(np.unique(_patients(predictions))))


def _patients(predictions):
    alone = np.char.add("case ", np.asarray(predictions.case_ids, str))
    patients = np.char.add("patient ", np.asarray(predictions.patient_ids, str))
    return np.where(predictions.patient_ids == "", alone, patients)


def draw(units: Units, seed: int, replicates: Any) -> np.ndarray:
    """Draw G units with replacement, for each of `replicates`.

    Args:
      units: `Units`.
      seed: int, 0 or more.
      replicates: numbers of replicates; number r is the same whatever else is drawn.

    Returns:
      `[R, N]` float64, how often each case was drawn.
    """
    counts = np.empty((len(replicates), units.count))
    for row, number in enumerate(replicates):
        random = np.random.default_rng([seed, number])
        drawn = random.integers(units.count, size=units.count)
        counts[row] = np.bincount(drawn, minlength=units.count)
    return np.take(counts, units.index, axis=1)


def draw_within(units: Units, strata: np.ndarray, seed: int, replicates: Any) -> np.ndarray:
    """Draw as `draw` does, within each stratum as many units as it has.

    Args:
      strata: `[N]` int; a unit belongs to that of its first case.
    """
    _, first = np.unique(units.index, return_index=True)
    members = [np.flatnonzero(strata[first] == s) for s in np.unique(strata[first])]
    counts = np.empty((len(replicates), units.count))
    for row, number in enumerate(replicates):
        random = np.random.default_rng([seed, number])
        drawn = [part[random.integers(len(part), size=len(part))] for part in members]
        counts[row] = np.bincount(np.concatenate(drawn), minlength=units.count)
    return np.take(counts, units.index, axis=1)


def leave_out(units: Units, seed: int) -> np.ndarray:
    """Return weights `[J, N]` that leave out one unit each, or one of `GROUPS` groups of units."""
    groups = min(units.count, GROUPS)
    order = np.random.default_rng([seed, 2**32]).permutation(units.count)
    group = np.empty(units.count, int)
    group[order] = np.arange(units.count) % groups
    return (group[units.index][None] != np.arange(groups)[:, None]).astype(float)
