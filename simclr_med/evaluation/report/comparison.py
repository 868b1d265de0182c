"""Runs compared on one split: each one's metrics, and each one's differences from the baseline."""

import dataclasses

from simclr_med.evaluation import bootstrap, comparing, verdicts, wording
from simclr_med.evaluation.alignment import aligned
from simclr_med.evaluation.report.forest import Row
from simclr_med.evaluation.report.same_groups import with_all_groups
from simclr_med.evaluation.subgroups import by_group, has_groups


@dataclasses.dataclass(frozen=True)
class Difference:
    """One metric of one run minus the baseline's.

    Attributes:
      result: a row of `comparing.compare`.
      holds: whether the verdict stands when all differences that the page shows of the split are
        counted together (Holm).
    """

    result: dict
    holds: bool

    @property
    def run(self):
        """Name of the run."""
        return self.result["model"]

    @property
    def metric(self):
        """Name of the metric."""
        return self.result["metric"]

    @property
    def label(self):
        """How the metric is written."""
        return wording.label(self.metric)

    @property
    def row(self):
        """The difference as a forest plot's `Row`."""
        r = self.result
        return Row(self.label, self.run, r["difference"], r["low"], r["high"])

    @property
    def sign(self):
        """1 for better, -1 for worse, 0 where no verdict is one of them."""
        return {verdicts.BETTER: 1, verdicts.WORSE: -1}.get(self.result["verdict"], 0)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs on one split.

    Attributes:
      split: its name.
      by_run: name to `Predictions`, of the same cases in the same order.
      baseline: name of the run that the others are compared with.
      results: name of a run to what `bootstrap.summary` says of it.
      differences: of each other run and metric that is shown, "this minus baseline".
      settings: `bootstrap.Settings`.
      task, classes: as of the predictions.
    """

    split: str
    by_run: dict
    baseline: str
    results: dict
    differences: list
    settings: bootstrap.Settings
    task: str
    classes: tuple

    @property
    def cases(self):
        """Number of cases, the same in all runs."""
        return self.first["cases"]

    @property
    def unit(self):
        """What was resampled, "case" or "patient"."""
        return self.first["units"]["unit"]

    @property
    def patients(self):
        """Number of known patients."""
        ids = next(iter(self.by_run.values())).patient_ids
        return len(set(ids.tolist()) - {""})

    @property
    def columns(self):
        """The metrics to show first, each to how it is written in a sentence."""
        names = wording.main_metrics({"task": self.task, "classes": self.classes})
        return {name: wording.label(name) for name in names}

    @property
    def more_metrics(self):
        """The other metrics, each to how it is written."""
        return {n: wording.label(n) for n in self.first["metrics"] if n not in self.columns}

    @property
    def main_metric(self):
        """The metric of the verdict and the groups: the paper's, top-1 accuracy or mean AUC."""
        return next(iter(self.columns))

    @property
    def others(self):
        """The runs that are compared with the baseline."""
        return [name for name in self.results if name != self.baseline]

    @property
    def percent(self):
        """The level of confidence as text."""
        return f"{100 * self.settings.confidence:g} %"

    @property
    def first(self):
        """What is said of the first run."""
        return next(iter(self.results.values()))

    def of_main_metric(self):
        """Return the `Difference`s of the main metric."""
        return [each for each in self.differences if each.metric == self.main_metric]

    def best(self, metric):
        """Return the highest value of a metric among the runs, None where none is defined."""
        values = [result["metrics"][metric]["value"] for result in self.results.values()]
        return max((value for value in values if value is not None), default=None)


def compare_runs(split, by_run, baseline, settings, margin=None):
    """Return the `Comparison` of runs on one split.

    Args:
      split: its name.
      by_run: name to `Predictions`, of the same cases.
      baseline: name of one of them.
      settings: `bootstrap.Settings`.
      margin: of non-inferiority, see `comparing.compare`; None for none.

    Raises:
      InputError: the runs differ in cases, classes, truth or the levels of a group.
    """
    first = by_run[baseline]
    by_run = with_all_groups(aligned(by_run))
    results, rows = _scored(by_run, baseline, settings, margin)
    shown = wording.main_metrics({"task": first.task, "classes": first.classes})
    # By metric, so that the runs stand below each other.
    rows = [row for metric in shown for row in rows if row["metric"] == metric]
    level = 1 - settings.confidence
    differences = [Difference(row, row["significant"] and row["p_holm"] <= level) for row in rows]
    return Comparison(
        split, by_run, baseline, results, differences, settings, first.task, first.classes
    )


def _scored(by_run, baseline, settings, margin):
    """Return what is said of each run, and the rows of all differences."""
    if len(by_run) > 1:
        found = comparing.compare(by_run, settings, baseline, margin)
        return found["models"], found["differences"]
    name, made = next(iter(by_run.items()))
    return {name: bootstrap.summary(bootstrap.replicate(made, settings, name))}, []


def groups_of(comparison):
    """Return group to (run to `subgroups.Group`) of the main metric, for columns that have some."""
    first = next(iter(comparison.by_run.values()))
    return {
        group: {
            name: by_group(made, group, comparison.main_metric, comparison.settings)
            for name, made in comparison.by_run.items()
        }
        for group, values in first.groups.items()
        if has_groups(values)
    }
