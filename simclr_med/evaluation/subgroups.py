"""Metrics by group of cases, and the gaps between groups.

    found = by_group(predictions, "skin_type", "top1_accuracy", settings)
    found.levels["dark brown"].low, found.gaps[0].value

A level's interval is that of its own cases. Gaps are taken of the same replicates of all cases, so
that a patient whose cases lie in two levels moves both.
"""

from typing import NamedTuple

import numpy as np

from simclr_med.evaluation import levels as ordering
from simclr_med.evaluation import resampling
from simclr_med.evaluation.bootstrap import replicate
from simclr_med.evaluation.enough import MIN_UNITS
from simclr_med.evaluation.gaps import all_gaps
from simclr_med.evaluation.scoring import score

SMALL = 30  # cases; a smaller level is flagged and compared with none
_BLOCK = 1 << 22  # weights held at once


class Level(NamedTuple):
    """One level's metric with its interval, None where it is not defined."""

    cases: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def small(self):
        """Whether it has too few cases to say anything of it."""
        return self.cases < SMALL


class Group(NamedTuple):
    """One metric by the levels of a column.

    Attributes:
      levels: name to `Level`, in order.
      gaps: `Gap`s between the levels that are neither small, of too few units, mixed nor unknown;
        widest first.
    """

    levels: dict
    gaps: list


def by_group(predictions, group, metric, settings):
    """Return the `Group` of one metric.

    Args:
      predictions: `Predictions` with that group.
      group: name of a column.
      metric: a name of `scoring.score`.
      settings: `bootstrap.Settings`.
    """
    names, level = ordering.level_table(predictions.groups[group])
    rows = {name: np.flatnonzero(level == name) for name in names}
    found = {name: _level(predictions.take(rows[name]), metric, settings) for name in names}
    units = resampling.units_of(predictions, settings.unit)
    count = {name: len(np.unique(units.index[rows[name]])) for name in names}
    compared = [
        name
        for name in names
        if ordering.is_plain(name)
        and not found[name].small
        and count[name] >= MIN_UNITS
        and found[name].value is not None
    ]
    if len(compared) < 2:
        return Group(found, [])
    values = np.array([found[name].value for name in compared])
    parts = [rows[name] for name in compared]
    samples = _together(predictions, parts, metric, settings, units)
    fewest = min(count[name] for name in compared)
    return Group(found, all_gaps(compared, values, samples, settings.confidence, fewest))


def has_groups(values):
    """Return whether a column says something of groups: 2 to `levels.MANY` levels are known.

    Args:
      values: `[N]` str.
    """
    names, _ = ordering.level_table(values)
    return 2 <= sum(map(ordering.is_plain, names)) <= ordering.MANY


def _level(part, metric, settings):
    replicates = replicate(part, settings)
    if metric not in replicates.values:
        return Level(len(part.case_ids), None, None, None)
    interval = replicates.interval(metric)
    return Level(len(part.case_ids), interval["value"], interval["low"], interval["high"])


def _together(predictions, parts, metric, settings, units):
    """Return `[R, L]`, a metric on each of L sets of rows in replicates of all cases."""
    taken = [predictions.take(rows) for rows in parts]
    size = max(1, _BLOCK // len(predictions.case_ids))
    blocks = []
    for start in range(0, settings.replicates, size):
        numbers = range(start, min(settings.replicates, start + size))
        weights = resampling.draw(units, settings.seed, numbers)
        blocks.append([
            score(part, weights[:, rows])[metric] for part, rows in zip(taken, parts, strict=True)
        ])  # fmt: skip
    return np.concatenate([np.stack(block, axis=1) for block in blocks])
