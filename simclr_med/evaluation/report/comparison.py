"""Runs compared on one split: each one's metrics, each pair's differences, and what chance does."""

import dataclasses

from simclr_med.evaluation import wording
from simclr_med.evaluation.bootstrap import evaluate
from simclr_med.evaluation.comparing import compare


@dataclasses.dataclass(frozen=True)
class Finding:
    """One metric's difference between two runs, as a sentence."""

    sentence: str
    significant: bool


@dataclasses.dataclass(frozen=True)
class Multiplicity:
    """What many comparisons at once mean for their significance.

    Attributes:
      count: of the comparisons whose difference is defined.
      by_chance: how many would come out significant if nothing differed.
      level: of significance divided by `count` (Bonferroni).
      remaining: how many are significant at that level.
      reachable: whether the bootstrap's replicates suffice for a p-value so small.
    """

    count: int
    by_chance: float
    level: float
    remaining: int
    reachable: bool


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs on one split.

    Attributes:
      split: its name.
      results: name of a run to what `bootstrap.evaluate` returns.
      differences: rows of `comparing.compare`, of the metrics that are shown.
      bootstrap: the settings, see `bootstrap.Settings`.
    """

    split: str
    results: dict
    differences: list
    bootstrap: dict

    @property
    def cases(self):
        """Number of cases, the same in all runs."""
        return self._first["cases"]

    @property
    def columns(self):
        """The metrics to show, each to how it is written in a sentence."""
        return {name: wording.label(name) for name in wording.main_metrics(self._first)}

    @property
    def unit(self):
        """What was resampled."""
        return self._first["units"]["unit"]

    @property
    def first_label(self):
        """How the metric that is shown by group is written."""
        return next(iter(self.columns.values()))

    @property
    def percent(self):
        """The level of confidence as text."""
        return f"{100 * self.bootstrap['confidence']:g} %"

    @property
    def groups(self):
        """Group to level to number of cases."""
        return {
            group: {level: part["cases"] for level, part in levels.items()}
            for group, levels in self._first["groups"].items()
        }

    @property
    def findings(self):
        """A `Finding` for each pair of runs and metric that is shown."""
        return [Finding(wording.statement(row), row["significant"]) for row in self.differences]

    def best(self, metric):
        """Return the highest value of a metric among the runs, None where none is defined."""
        values = [result["metrics"][metric]["value"] for result in self.results.values()]
        return max((value for value in values if value is not None), default=None)

    def in_group(self, name, group, level):
        """Return a run's first metric, with its interval, within a level of a group."""
        part = self.results[name]["groups"][group][level]
        return part["metrics"][next(iter(self.columns))]

    def multiplicity(self):
        """Return the `Multiplicity` of all differences that are shown."""
        rows = self.differences
        count = sum(row["difference"] is not None for row in rows)
        alpha = 1 - self.bootstrap["confidence"]
        level = alpha / max(1, count)
        return Multiplicity(
            count=count,
            by_chance=count * alpha,
            level=level,
            remaining=sum(r["p_value"] is not None and r["p_value"] <= level for r in rows),
            reachable=2 / (self.bootstrap["replicates"] + 1) <= level,
        )

    @property
    def _first(self):
        return next(iter(self.results.values()))


def compare_runs(split, by_run, drawn):
    """Return the `Comparison` of runs on one split.

    Args:
      split: its name.
      by_run: name to `Predictions`, of the same cases.
      drawn: `bootstrap.Settings`.

    Raises:
      InputError: the runs differ in cases, classes or truth.
    """
    results = {name: evaluate(made, drawn) for name, made in by_run.items()}
    rows = compare(by_run, drawn)["differences"] if len(by_run) > 1 else []
    shown = wording.main_metrics(next(iter(results.values())))
    differences = [row for row in rows if row["metric"] in shown]
    return Comparison(split, results, differences, dataclasses.asdict(drawn))
