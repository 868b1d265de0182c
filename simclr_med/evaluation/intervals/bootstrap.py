"""Bootstrap replicates of every metric, and the interval that they give.

    result = evaluate(predictions, Settings(replicates=1000))
    result["metrics"]["auc"]  # {"value": 0.91, "low": 0.88, "high": 0.93}

A replicate is a vector of weights, how often each case was drawn: R replicates of N cases are
`[R, N]`. docs/statistics.md says which interval each metric has by default, and what it covers.
`comparing.compare` sets models beside each other.
"""

import concurrent.futures
import dataclasses
import os
from typing import Any

import numpy as np

from simclr_med import progress
from simclr_med.evaluation.intervals import (
    condition_draws,
    interval_ends,
    near_bounds,
    resampling,
)
from simclr_med.evaluation.intervals.settings import INTERVALS, UNITS, Settings, settings_of
from simclr_med.evaluation.metrics import agreement, calibration, conditions
from simclr_med.evaluation.metrics.records import by_condition, metric
from simclr_med.evaluation.metrics.scoring import score
from simclr_med.evaluation.verdicts import FEW_CASES, class_counts, too_few, units_that_decide

__all__ = [
    "INTERVALS",
    "UNITS",
    "Replicates",
    "Settings",
    "evaluate",
    "replicate",
    "settings_of",
    "summary",
]
_BLOCK = 1 << 18  # weights held at once by a thread: stays in its cache, changes no result


@dataclasses.dataclass(frozen=True, eq=False)
class Replicates:
    """One model's metrics, of the sample and of its replicates.

    Attributes:
      predictions: what was scored.
      settings: `Settings`.
      units: `resampling.Units` that were drawn.
      values: name -> number, NaN where not defined.
      samples: name -> `[R]`.
      left_out: name -> `[J]`, with units left out; {} where no interval needs them.
      paired: whether they are differences of two models.
    """

    predictions: Any
    settings: Settings
    units: resampling.Units
    values: dict
    samples: dict
    left_out: dict
    paired: bool = False

    def __sub__(self, other):
        """Return the paired difference: of values, and replicate by replicate."""
        return dataclasses.replace(
            self,
            values={name: value - other.values[name] for name, value in self.values.items()},
            samples={name: drawn - other.samples[name] for name, drawn in self.samples.items()},
            left_out={name: part - other.left_out[name] for name, part in self.left_out.items()},
            paired=True,
        )

    def defined(self, name: str) -> np.ndarray:
        """Return the replicates in which a metric is defined."""
        return self.samples[name][~np.isnan(self.samples[name])]

    def shape(self, name: str) -> interval_ends.Shape:
        """Return the `interval_ends.Shape` of a metric's interval; see docs/statistics.md."""
        shape, kind = self._spread(name), metric(name).kind
        if self.settings.interval != "auto" or len(self.defined(name)) < 2:
            return shape
        if not self.paired:
            if kind.name == "auc" and not self.units.repeated:
                return shape  # has no bias; replicates that lose a rare class only seem to show one
            bias = interval_ends.median_bias(self.values[name], self.defined(name))
            return dataclasses.replace(shape, bias=bias)
        ranks = kind.by_rank and kind.each_class
        within = shape.within(len(self.defined(name)), self.settings.confidence)
        symmetric = (ranks and not self.units.repeated) or not within
        return dataclasses.replace(shape, symmetric=symmetric)

    def _spread(self, name):
        """Return the `Shape` of a metric without bias and symmetry."""
        kind, units = self.settings.interval, self.units
        if kind in ("percentile", "stratified") or len(self.defined(name)) < 2:
            return interval_ends.PLAIN
        if kind == "auto" and metric(name).kind.reading is not None:
            pairs = conditions.pairs_of(self.predictions)
            return interval_ends.Shape(df=condition_draws.spread_df(pairs, units.index))
        if kind == "auto" and metric(name).kind.mean_of_classes and not units.repeated:
            return interval_ends.of_classes(self._units_by_class(name))
        few = units_that_decide(self.predictions, units, name)
        if kind == "auto" and not units.repeated:
            return interval_ends.small_sample(few) if few > 1 else interval_ends.PLAIN
        left_out = self.left_out[name][~np.isnan(self.left_out[name])]
        if kind == "bca":
            return interval_ends.bca(self.values[name], self.defined(name), left_out)
        return interval_ends.of_clusters(
            self.defined(name), left_out, min(units.effective, few) - 1
        )

    def interval(self, name: str) -> Any:
        """Return {"value", "low", "high"} of a metric; None where not defined."""
        samples, value = self.defined(name), self.values[name]
        low = high = None
        if len(samples) and not np.isnan(value):
            shape = self.shape(name)
            low, high = interval_ends.interval(samples, self.settings.confidence, shape, value)
            if not self.paired:
                low, high = self._own_ends(name, low, high)
        return {"value": None if np.isnan(value) else float(value), "low": low, "high": high}

    def _own_ends(self, name, low, high):
        """Return one model's ends: bounded, and exact where replicates hardly vary.

        None and None where the replicates do not vary and no exact interval is known, and where
        the metric is 1 whatever the answers: top-k of k classes.
        """
        if (metric(name).kind.k or 0) >= len(self.predictions.classes):
            return None, None
        if self.settings.interval == "auto":
            low, high = near_bounds.widened(self, name, low, high)
            if low == high:
                return None, None
        return metric(name).bounded(low, high)  # few cases spread beyond what a share can be

    def _units_by_class(self, name):
        """Return how many units each class's value of a mean rests on, where it is defined."""
        of_class = [f"{name}:{finding}" for finding in self.predictions.classes]
        return [
            units_that_decide(self.predictions, self.units, each)
            for each in of_class
            if not np.isnan(self.values[each])
        ]


def replicate(predictions: Any, settings: Any, label: str = "bootstrap") -> Replicates:
    """Return the `Replicates` of `predictions`; blocks of them are scored by a thread a core.

    Args:
      predictions: `Predictions` of one case or more.
      settings: `Settings`.
      label: says on stderr what is done, where it takes long.
    """
    units = resampling.units_of(predictions, settings.unit)
    cases = len(predictions.case_ids)
    values = {name: float(value) for name, value in score(predictions, np.ones(cases)).items()}

    def scored(part: Any) -> Any:
        if settings.interval == "stratified":
            weights = resampling.draw_within(units, _strata(predictions), settings.seed, part)
        else:
            weights = resampling.draw(units, settings.seed, part)
        return score(predictions, weights)

    samples = _in_blocks(scored, settings.replicates, cases, label)
    if settings.interval in ("auto", "stratified") and predictions.task == "multiclass":
        samples |= _within_conditions(predictions, units, settings)
    left_out = {}
    if settings.interval == "bca" or (settings.interval == "auto" and units.repeated):
        weights = resampling.leave_out(units, settings.seed)
        left_out = _in_blocks(
            lambda part: score(predictions, weights[part]), len(weights), cases, label
        )
    return Replicates(predictions, settings, units, values, samples, left_out)


def evaluate(predictions: Any, settings: Any = None) -> dict:
    """Return every metric with its interval, over all cases and by group.

    Cases of a group are resampled within the group.

    Returns:
      What json.dump can write, None for a value that is not defined: {"task", "classes", "cases",
      "units": {"unit", "count", "cases_each"}, "metrics": {name: {"value", "low", "high"}},
      "absent": conditions without cases, "few": {class: its cases} below 10, "calibration": see
      `calibration.reliability`, "confusion": `[K][K]` (multiclass), "groups": {group: {level:
      the same without groups}}, "warnings": sentences, "bootstrap": the settings}.
    """
    settings = settings or Settings()
    groups = {
        group: {
            str(level): summary(
                replicate(predictions.take(np.flatnonzero(levels == level)), settings)
            )
            for level in np.unique(levels)
        }
        for group, levels in predictions.groups.items()
    }
    return {
        "task": predictions.task,
        "classes": list(predictions.classes),
        **summary(replicate(predictions, settings)),
        "groups": groups,
        "bootstrap": dataclasses.asdict(settings),
    }


def summary(replicates: Any) -> dict:
    """Return the part of `evaluate` on one set of cases, from its `Replicates`."""
    predictions, units = replicates.predictions, replicates.units
    counts = class_counts(predictions)
    named = [name for name in predictions.classes if name != predictions.other_class]
    result = {
        "cases": len(predictions.case_ids),
        "units": {
            "unit": units.name,
            "count": units.count,
            "cases_each": len(units.index) / max(1, units.count),
        },
        "metrics": {name: replicates.interval(name) for name in replicates.values},
        "absent": [name for name in named if counts[name] == 0],
        "few": {name: n for name, n in counts.items() if 0 < n < FEW_CASES},
        "calibration": calibration.reliability(predictions),
        "warnings": warnings(replicates),
    }
    if predictions.task == "multiclass":
        result["confusion"] = agreement.confusion(predictions).tolist()
    return result


def warnings(replicates: Any) -> list[str]:
    """Return sentences on the limits of intervals: units asked for, too few, no variation."""
    settings, units = replicates.settings, replicates.units
    said = []
    each = resampling.repetition(replicates.predictions)
    if settings.unit == "case" and each > 1:
        said.append(
            f"patients have {each:.2f} cases each: intervals by case are too narrow; "
            "unit=patient draws them together"
        )
    fixed = [
        metric(name).label
        for name, value in replicates.values.items()
        if not np.isnan(value) and replicates.interval(name)["low"] is None
    ]
    if fixed and units.count > 1:
        said.append(f"no interval, since no replicate differs: {', '.join(fixed)}")
    return said + [reason for reason in [too_few(settings, units)] if reason]


def _strata(predictions):
    """Return the first class of each case, for findings the first that is present."""
    present = predictions.truth == 1
    return np.where(present.any(1), present.argmax(1), -1)


def _within_conditions(predictions, units, settings):
    """Return replicates of the sensitivities, drawn within conditions: name -> `[R]`."""
    pairs = conditions.pairs_of(predictions)
    if not len(pairs.case):
        return {}
    random = np.random.default_rng([settings.seed, 2**32 + 1])
    draws = condition_draws.draw(pairs, units.index, settings.replicates, random)
    samples = {}
    for kind in by_condition():
        hits, counted = conditions.readings(predictions, pairs, kind.k)[kind.reading]
        if not kind.each_class:
            samples[kind.name] = condition_draws.average(pairs, hits, counted, draws)
            continue
        each = conditions.sensitivities(pairs, hits, counted, draws.weights)
        for column, k in enumerate(pairs.present):
            samples[kind.name + predictions.classes[k]] = each[:, column]
    return samples


def _in_blocks(scored, count, cases, label):
    """Return name -> `[count]`, the answers of `scored` for blocks of numbers, put together."""
    size = max(1, _BLOCK // max(1, cases))
    parts = [range(start, min(count, start + size)) for start in range(0, count, size)]
    with concurrent.futures.ThreadPoolExecutor(_cores()) as pool:
        done = progress.followed(pool.map(scored, parts), label, "block", len(parts))
        blocks = list(done)
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
