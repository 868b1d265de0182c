"""The verdict on a difference of two models, or of two methods over seeds: given here alone.

judged(row, metric("auc"), settings, units, [(a, b)], margin)["verdict"]  # "better"
"""

from collections.abc import Iterable

import numpy as np

from simclr_med.evaluation.intervals import interval_ends
from simclr_med.evaluation.intervals.resampling import Units
from simclr_med.evaluation.intervals.settings import Settings
from simclr_med.evaluation.metrics.records import Metric
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.verdicts import (
    BETTER,
    FEW_CASES,
    NO_DIFFERENCE,
    UNDECIDED,
    UNDEFINED,
    WORSE,
    too_few,
    units_that_decide,
)


def judged(
    row: dict,
    metric: Metric,
    settings: Settings,
    units: Units,
    pairs: Iterable[tuple[Predictions, Predictions]],
    margin: float | None = None,
) -> dict:
    """Return a row of a comparison with its verdict, and why there is none.

    Args:
      row: with "low" and "high", both None where not defined, and "p_value".
      metric: of the difference.
      settings: of the bootstrap.
      units: that were drawn.
      pairs: the models that were compared; of methods, every run of one beside each of the other.
      margin: of non-inferiority, or None.

    Returns:
      The row with "verdict", "reason" (a sentence where undecided), "significant" and
      "non_inferior" (None without a margin, and where undecided).
    """
    row = row | {"reason": "", "significant": False, "non_inferior": None}
    if row["low"] is None:
        return row | {"verdict": UNDEFINED}
    pairs = list(pairs)
    found = _direction(row, metric)
    reason = too_few(settings, units) or _class_too_small(pairs[0][0], units, metric)
    if found and not reason:
        reason = _too_alike(pairs, units, metric, settings) or _out_of_reach(row, settings)
    if reason:
        return row | {"verdict": UNDECIDED, "reason": reason}
    if margin is not None:
        worst = row["low"] if metric.kind.higher_is_better else -row["high"]
        row["non_inferior"] = bool(worst > -margin)
    return row | {"verdict": found or NO_DIFFERENCE, "significant": bool(found)}


def _direction(row, metric):
    """Return "better" or "worse" where the interval excludes 0, else ""."""
    if row["low"] <= 0 <= row["high"]:
        return ""
    return BETTER if (row["low"] > 0) == metric.kind.higher_is_better else WORSE


def _class_too_small(predictions, units, metric):
    """Return why a metric of one class rests on too few of its units, "" where it does not."""
    count = units_that_decide(predictions, units, metric.name)
    if metric.kind.each_class and count < FEW_CASES:
        return f"rests on {count} {units.name}s; a verdict needs {FEW_CASES}"
    return ""


def _too_alike(pairs, units, metric, settings):
    """Return why too few units tell two models apart for a verdict, "" where enough do.

    Where d units differ, all in favour of one, chance alone does so in 2 of 2^d: no test can find
    p = 0.05 below d = 6 (McNemar 1947, exact), and a bootstrap that does is wrong.
    """
    rows = np.unique(np.concatenate([metric.differing(a, b) for a, b in pairs]))
    count = len(np.unique(units.index[rows]))
    needed = int(np.ceil(1 - np.log2(1 - settings.confidence)))
    if count < needed:
        return f"only {count} {units.name}s tell the two apart; a verdict needs {needed}"
    return ""


def _out_of_reach(row, settings):
    """Return why an interval that excludes 0 claims too much, "" where its p-value says the same.

    A skewed or widened interval may ask for a quantile further out than any replicate lies.
    """
    if interval_ends.rejects(row["p_value"], settings.confidence):
        return ""
    return f"the interval would end beyond all {settings.replicates} replicates"
