"""Verdicts of a comparison, and the reasons why there is none."""

import math
from typing import Any

import numpy as np

from simclr_med.evaluation.metrics.records import metric

BETTER = "better"
WORSE = "worse"
NO_DIFFERENCE = "no difference shown"
UNDECIDED = "undecided"  # too few units, replicates or cases to say
UNDEFINED = "not defined"


FEW_CASES = 10  # of a class: below, its numbers are flagged and decide nothing
MIN_UNITS = 20
_BEYOND = 5  # replicates beyond each end of an interval


def too_few(settings: Any, units: Any) -> str:
    """Return why nothing can be concluded from so few units or replicates, "" where it can.

    Intervals of fewer than 20 independent units miss the truth more often than they say, whatever
    their kind (docs/statistics.md); and with fewer than 5 replicates beyond its ends (199 in all at
    95 %) an interval's ends are a matter of the seed.
    """
    needed = round(2 * _BEYOND / (1 - settings.confidence)) - 1
    if units.count < MIN_UNITS:
        plural = "s" * (units.count != 1)
        return f"{units.count} {units.name}{plural}; a verdict needs {MIN_UNITS}"
    if settings.replicates < needed:
        return f"{settings.replicates} replicates; a verdict needs {needed}"
    return ""


def class_counts(predictions: Any) -> dict[str, int]:
    """Return class -> number of cases that carry it."""
    present = (predictions.truth == 1).sum(0)
    return dict(zip(predictions.classes, present.tolist(), strict=True))


def units_that_decide(predictions: Any, units: Any, name: str) -> int:
    """Return how many units a metric rests on: of a class, its units of the rarer kind.

    Args:
      predictions: `Predictions`.
      units: their `Units`.
      name: a metric; "auc:Acne" rests on the patients with acne, or on those without.
    """
    asked = metric(name)
    if not asked.kind.each_class:
        return units.count
    truth = predictions.truth[:, asked.column(predictions.classes)]
    return min(len(np.unique(units.index[truth == kind])) for kind in asked.kind.truths)


def holm(p_values: list) -> list:
    """Return Holm's adjusted p-values (Holm 1979), in the given order.

    Args:
      p_values: numbers, None for what was not tested, which counts for nothing.
    """
    tested = [number for number, p in enumerate(p_values) if p is not None]
    order = sorted(tested, key=lambda number: p_values[number])
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[number]))
        adjusted[number] = float(highest)
    return adjusted


def too_few_replicates(count: int, replicates: Any, confidence: float) -> str:
    """Return why none of `count` differences can hold together, "" where they can.

    Of R replicates a percentile interval has no p-value below 2 / (R + 1).
    """
    needed = math.ceil(2 * count / (1 - confidence) - 1e-9) - 1
    if replicates >= needed:
        return ""
    return (
        f"{replicates} replicates are too few for significance after Holm's correction over "
        f"{count} differences: {needed} are needed"
    )
