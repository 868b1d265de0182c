"""Whether there are units, replicates and cases enough to conclude anything."""

import numpy as np

FEW_CASES = 10  # of a class: below, its numbers are flagged and decide nothing
MIN_UNITS = 20
_BEYOND = 5  # replicates beyond each end of an interval


def too_few(settings, units):
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


def class_counts(predictions):
    """Return class -> number of cases that carry it."""
    present = (predictions.truth == 1).sum(0)
    return dict(zip(predictions.classes, present.tolist(), strict=True))


def units_that_decide(predictions, units, name):
    """Return how many units a metric rests on: of a class, its units of the rarer kind.

    Args:
      predictions: `Predictions`.
      units: their `Units`.
      name: a metric; "auc:Acne" rests on the patients with acne, or on those without.
    """
    metric, _, finding = name.partition(":")
    if not finding:
        return units.count
    truth = predictions.truth[:, predictions.classes.index(finding)]
    kinds = {"specificity": (0,), "auc": (0, 1)}.get(metric, (1,))
    return min(len(np.unique(units.index[truth == kind])) for kind in kinds)
