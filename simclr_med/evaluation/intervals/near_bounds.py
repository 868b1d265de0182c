"""One model's interval where replicates say little: near 0 or 1, and of rare classes.

docs/statistics.md says which interval a metric gets, and what it covers.
"""

from typing import Any

import numpy as np
from scipy.special import expit, logit

from simclr_med.evaluation.intervals import exact
from simclr_med.evaluation.metrics.records import KINDS, metric

FEW_OF_ALL = 25  # hits or misses of all conditions: below, some conditions show no spread at all


def widened(replicates: Any, name: str, low: float, high: float) -> tuple[float, float]:
    """Return the ends of a metric's interval, of which the bootstrap has `low` and `high`."""
    asked = metric(name)
    if asked.kind.share is not None:
        return _of_share(replicates, asked, low, high)
    if asked.kind.reading is not None:
        return _of_average(replicates, asked, low, high)
    if asked.kind.name in ("auc", "auc_weighted") and not replicates.units.repeated:
        return _by_log_odds(replicates, name, low, high)
    return low, high


def _by_log_odds(replicates, name, low, high):
    """Return the interval on the log odds: near 1, an AUC can miss more below than above.

    There it has the width that the bootstrap's has about the value.
    """
    value = replicates.values[name]
    if not 0 < value < 1:
        return low, high
    reach = (high - low) / 2 / (value * (1 - value))
    return tuple(float(end) for end in expit(logit(value) + np.array([-reach, reach])))


def _of_share(replicates, asked, low, high):
    """Return the exact interval of a share with few hits or few misses, else the bootstrap's."""
    hits, counted = asked.kind.share(
        replicates.predictions, asked.column(replicates.predictions.classes)
    )
    if min(hits.sum(), (counted - hits).sum()) >= exact.FEW:
        return low, high
    return _exact(replicates, hits, counted)


def _exact(replicates, hits, counted):
    count = exact.effective(hits, counted, replicates.units)
    share = hits.sum() / counted.sum()
    return exact.of_share(share * count, count, replicates.settings.confidence)


def _of_average(replicates, asked, low, high):
    """Return the interval of an average with few misses from its conditions', else as it is."""
    made, kind = replicates.predictions, asked.kind
    each = KINDS[f"top{kind.k}_{kind.reading}sensitivity:"]
    names = [name for name in made.classes if f"{each.name}{name}" in replicates.values]
    parts = [each.share(made, made.classes.index(name)) for name in names]
    parts = [(hits, counted) for hits, counted in parts if counted.sum() > 0]
    missed = sum((counted - hits).sum() for hits, counted in parts)
    found = sum(hits.sum() for hits, _ in parts)
    if min(missed, found) >= FEW_OF_ALL:
        return low, high
    values = np.array([hits.sum() / counted.sum() for hits, counted in parts])
    return exact.of_mean(values, np.array([_exact(replicates, *part) for part in parts]))
