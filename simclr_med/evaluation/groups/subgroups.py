"""Metrics by group of cases, and the gaps between groups.

    found = by_group(predictions, "skin_type", "top1_accuracy", settings)
    found.levels["dark brown"].low, found.gaps[0].value

A level's interval is that of its own cases. Gaps are taken of the same replicates of all cases, so
that a patient whose cases lie in two levels moves both. Of several runs of a method all numbers are
means over runs, with intervals over other runs and other cases together (`seeds`).
"""

import itertools
from typing import NamedTuple

import numpy as np

from simclr_med.evaluation.comparisons.over_seeds import Method
from simclr_med.evaluation.groups import group_levels as ordering
from simclr_med.evaluation.groups.group_differences import all_gaps
from simclr_med.evaluation.intervals import interval_ends, resampling, seed_bootstrap
from simclr_med.evaluation.intervals.bootstrap import replicate
from simclr_med.evaluation.intervals.settings import Settings
from simclr_med.evaluation.metrics.scoring import score
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.verdicts import MIN_UNITS

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
        """True where it has too few cases for a statement."""
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


def by_group(predictions: Predictions, group: str, metric: str, settings: Settings) -> Group:
    """Return the `Group` of one metric of one run, arguments as of `group_of_runs`."""
    return group_of_runs([predictions], group, metric, settings)


def group_of_runs(runs: list[Predictions], group: str, metric: str, settings: Settings) -> Group:
    """Return the `Group` of one metric.

    Args:
      runs: `Predictions` with that group, of the same cases, one a run.
      group: name of a column.
      metric: a name of `scoring.score`.
      settings: `bootstrap.Settings`.
    """
    names, level = ordering.level_table(runs[0].groups[group])
    rows = {name: np.flatnonzero(level == name) for name in names}
    drawn = seed_bootstrap.draw(len(runs), settings, seed_bootstrap.generator(settings))
    found = {
        name: _level([run.take(rows[name]) for run in runs], drawn, metric, settings)
        for name in names
    }
    units = resampling.units_of(runs[0], settings.unit)
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
    parts = [rows[name] for name in compared]
    samples = np.stack(
        [_together(run, parts, metric, settings, units) for run in runs], axis=1
    )  # [R, n, L]
    small = interval_ends.small_sample(min(count[name] for name in compared))
    values = np.array([found[name].value for name in compared])
    if len(runs) == 1:
        return Group(found, all_gaps(compared, values, samples[:, 0], settings.confidence, small))
    each = np.array([
        [score(run.take(part), np.ones(len(part)))[metric] for part in parts] for run in runs
    ])  # [n, L]  # fmt: skip
    shape = _least_certain(each, samples.mean(1), small)
    samples = seed_bootstrap.mean_of_drawn(samples, drawn)
    return Group(found, all_gaps(compared, values, samples, settings.confidence, shape))


def has_groups(values: np.ndarray) -> bool:
    """Return whether a column says something of groups: 2 to `levels.MANY` levels are known.

    Args:
      values: `[N]` str.
    """
    names, _ = ordering.level_table(values)
    return 2 <= sum(map(ordering.is_plain, names)) <= ordering.MANY


def _level(runs, drawn, metric, settings):
    """Return the `Level` of its cases, of each run."""
    cases, made = len(runs[0].case_ids), [replicate(run, settings) for run in runs]
    if metric not in made[0].values:
        return Level(cases, None, None, None)
    found = (Method(made, drawn) if len(made) > 1 else made[0]).interval(metric)
    return Level(cases, found["value"], found["low"], found["high"])


def _least_certain(values, cases, small):
    """Return a `Shape` that is wide enough for the gap of each pair of levels over runs and cases.

    Args:
      values: `[n, L]` by run.
      cases: `[R, L]`, replicates of the mean over runs.
      small: the `Shape` of a gap over cases alone.
    """
    shapes = []
    for a, b in itertools.combinations(range(values.shape[1]), 2):
        gaps = cases[:, a] - cases[:, b]
        gaps = gaps[~np.isnan(gaps)]
        shapes.append(seed_bootstrap.over_both(gaps, small, [values[:, a] - values[:, b]]))
    least = min(shape.df for shape in shapes)
    return interval_ends.Shape(df=least, stretch=max(shape.stretch for shape in shapes))


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
