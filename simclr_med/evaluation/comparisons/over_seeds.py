"""Several seeds of one method: their spread, and methods compared over seeds and cases.

    result = compare_methods({"SimCLR": [a1, a2, a3], "MICLe": [b1, b2, b3]})

Two kinds of uncertainty, never mixed: the standard deviation over runs says what another training
would give on these cases (the paper's +/- columns), an interval over cases what other cases would
give these runs. The difference of two methods has an interval over both at once.
"""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.comparisons import paired
from simclr_med.evaluation.comparisons.alignment import aligned
from simclr_med.evaluation.comparisons.verdict import judged
from simclr_med.evaluation.intervals import interval_ends, seed_bootstrap
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate, summary
from simclr_med.evaluation.metrics import calibration, records
from simclr_med.evaluation.metrics.scoring import score
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.wording import main_metrics

_OF_ALL_RUNS = ("cases", "units", "absent", "few", "warnings")  # of `bootstrap.summary`


def over_runs(runs):
    """Return metric -> {"mean", "sd", "runs"} of several runs; "sd" is None of a single one.

    Args:
      runs: `Predictions`, one a seed, of the same cases.
    """
    scored = [score(run, np.ones(len(run.case_ids))) for run in runs]
    found = {}
    for name in scored[0]:
        values = np.array([float(values[name]) for values in scored])
        values = values[~np.isnan(values)]
        found[name] = {
            "mean": float(values.mean()) if len(values) else None,
            "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
            "runs": len(values),
        }
    return found


def compare_methods(
    methods: dict[str, list[Predictions]],
    settings: Settings | None = None,
    baseline: str | None = None,
    margin: float | None = None,
) -> dict[str, Any]:
    """Return each method's mean over its runs, and the differences of pairs of methods.

    Args:
      methods: name -> list of two or more `Predictions`, one a seed, all of the same cases.
      settings: `bootstrap.Settings`.
      baseline, margin: see `comparing.compare`.

    Returns:
      As `comparing.compare`, for means over runs. "models" has by method {"runs": their number,
      "metrics": {metric: {"value", "sd": over runs, "low", "high": over other cases, for these
      runs}}, "calibration": its mean, and of `bootstrap.summary` "cases", "units",
      "absent", "few", "warnings"}. In a row of "differences", "low", "high" and "p_value" are over
      other runs and other cases together; "p_delong" is None.

    Raises:
      InputError: a method of one run, runs of different cases, or see `comparing.compare`.
    """
    pairs = paired.pairs_of(list(methods), baseline)
    paired.check_margin(margin)
    made = replicated(methods, settings or Settings())
    first = next(iter(made.values())).runs[0]
    return {
        "task": first.predictions.task,
        "classes": list(first.predictions.classes),
        "models": {name: method.summary() for name, method in made.items()},
        "baseline": baseline,
        "margin": margin,
        "differences": differences(made, pairs, margin),
        "bootstrap": dataclasses.asdict(first.settings),
    }


def differences(made, pairs, margin=None):
    """Return the rows of `compare_methods` for pairs of names of `Method`s."""
    rows = [
        {"model": a, "baseline": b, "metric": metric} | row
        for a, b in pairs
        for metric, row in _rows(made[a], made[b], margin).items()
    ]
    first = next(iter(made.values())).runs[0]
    task, classes = first.predictions.task, first.predictions.classes
    main = main_metrics({"task": task, "classes": classes})
    paired.adjust(rows, main, first.settings.confidence)
    return rows


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """A method's `Replicates`, one a run, and the runs `[R, n - 1]` that each replicate draws."""

    runs: list
    drawn: np.ndarray

    @functools.cached_property
    def mean(self):
        """The `Replicates` of the mean over all runs: those of other cases."""
        first = self.runs[0]
        fields = ("values", "samples", "left_out")
        means = {
            field: {
                name: np.mean([getattr(run, field)[name] for run in self.runs], axis=0)
                for name in getattr(first, field)
            }
            for field in fields
        }
        return dataclasses.replace(first, **means)

    def values(self, metric):
        """Return `[n]`, a metric of each run."""
        return np.array([run.values[metric] for run in self.runs])

    def samples(self, metric):
        """Return `[R, n]`, a metric of each run, of the cases drawn."""
        return np.stack([run.samples[metric] for run in self.runs], axis=1)

    def drawn_samples(self, metric):
        """Return `[R]`, a metric's mean over the runs drawn, of the cases drawn."""
        return seed_bootstrap.mean_of_drawn(self.samples(metric), self.drawn)

    def interval(self, metric):
        """Return {"value", "low", "high"} of the mean, over other runs and other cases."""
        found = self.mean.interval(metric)
        if found["value"] is None or np.isnan(self.samples(metric)).any(1).all():
            return found | {"low": None, "high": None}
        low, high = seed_bootstrap.interval(
            self.values(metric), self.samples(metric), self.drawn, self.mean.shape(metric),
            self.mean.settings.confidence,
        )  # fmt: skip
        low, high = self._no_narrower(metric, low, high)
        if low == high and self.mean.settings.interval == "auto":
            low = high = None
        else:
            low, high = records.metric(metric).bounded(low, high)
        return found | {"low": low, "high": high}

    def _no_narrower(self, metric, low, high):
        """Return ends that are no nearer than the mean of those of each run, near 0 or 1.

        There a run's interval is exact, and replicates show too little.
        """
        kind, own = records.metric(metric).kind, [run.interval(metric) for run in self.runs]
        exact = kind.share is not None or kind.reading is not None
        if not exact or any(found["low"] is None for found in own):
            return low, high
        ends = np.mean([[found["low"], found["high"]] for found in own], axis=0)
        return min(low, float(ends[0])), max(high, float(ends[1]))

    def summary(self):
        """Return the method's entry of "models" of `compare_methods`."""
        found, spread = summary(self.mean), over_runs([run.predictions for run in self.runs])
        metrics = {
            name: part | {"sd": spread[name]["sd"]} for name, part in found["metrics"].items()
        }
        each = [calibration.reliability(run.predictions) for run in self.runs]
        return {
            "runs": len(self.runs),
            "metrics": metrics,
            "calibration": calibration.mean_of_runs(each),
            **{key: found[key] for key in _OF_ALL_RUNS},
        }


def replicated(methods, settings):
    """Return name -> `Method`, arguments as of `compare_methods`.

    Raises:
      InputError: a method of one run, or runs of different cases.
    """
    for name, runs in methods.items():
        if len(runs) < 2:
            raise InputError(f"{name} has {len(runs)} run; seeds are resampled from two or more")
    named = {f"{m}, run {i + 1}": run for m in methods for i, run in enumerate(methods[m])}
    made = iter([replicate(run, settings, name) for name, run in aligned(named).items()])
    random = seed_bootstrap.generator(settings)
    return {
        name: Method([next(made) for _ in runs], seed_bootstrap.draw(len(runs), settings, random))
        for name, runs in methods.items()
    }


def _rows(a, b, margin):
    """Return metric -> the row of `compare_methods` of methods `a` and `b`."""
    of_cases = a.mean - b.mean
    return {metric: _row(a, b, of_cases, metric, margin) for metric in of_cases.values}


def _row(a, b, of_cases, metric, margin):
    change = a.drawn_samples(metric) - b.drawn_samples(metric)
    change = change[~np.isnan(change)]
    row = {
        "value": _number(a.mean.values[metric]),
        "baseline_value": _number(b.mean.values[metric]),
        "difference": _number(of_cases.values[metric]),
        **dict.fromkeys(("low", "high", "p_value", "p_delong")),
    }
    settings, value = of_cases.settings, row["difference"]
    if value is not None and len(change) > 1:
        each = [method.values(metric) for method in (a, b)]
        shape = seed_bootstrap.over_both(of_cases.defined(metric), of_cases.shape(metric), each)
        row["low"], row["high"] = interval_ends.interval(change, settings.confidence, shape, value)
        row["p_value"] = interval_ends.p_value(change, shape, value)
    runs = ([run.predictions for run in method.runs] for method in (a, b))
    pairs = itertools.product(*runs)
    return judged(row, records.metric(metric), settings, of_cases.units, pairs, margin)


def _number(value):
    return None if np.isnan(value) else float(value)
