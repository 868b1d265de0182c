"""Methods compared on one split: each one's metrics, and its differences from the baseline.

A method is one run, or several of other seeds. Of several the means over runs are compared, with
intervals over other runs and other cases together (`comparisons.over_seeds`). Groups and figures
are of the mean too, errors of the first run.
"""

import dataclasses

from simclr_med.evaluation import verdicts, wording
from simclr_med.evaluation.comparisons import over_seeds as seeds
from simclr_med.evaluation.comparisons import paired
from simclr_med.evaluation.comparisons.alignment import aligned, with_all_groups
from simclr_med.evaluation.groups.subgroups import group_of_runs, has_groups
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.report.drawing.forest import Row


@dataclasses.dataclass(frozen=True)
class Difference:
    """One metric of one method minus the baseline's.

    Attributes:
      result: a row of `comparing.compare`; its "holds" is over all that the page shows of a split.
    """

    result: dict

    @property
    def run(self):
        """Name of the method."""
        return self.result["model"]

    @property
    def metric(self):
        """Name of the metric."""
        return self.result["metric"]

    @property
    def label(self):
        """The metric's name in a sentence."""
        return wording.label(self.metric)

    @property
    def row(self):
        """The difference as a forest plot's `Row`."""
        r = self.result
        return Row(self.label, self.run, r["difference"], r["low"], r["high"])

    @property
    def holds(self):
        """True where the verdict stands after Holm's correction over a split."""
        return self.result["holds"]

    @property
    def sign(self):
        """1 for better, -1 for worse, 0 where no verdict is one of them."""
        return {verdicts.BETTER: 1, verdicts.WORSE: -1}.get(self.result["verdict"], 0)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Methods on one split.

    Attributes:
      split: its name.
      predictions: name of a method to the `Predictions` of its runs, all of the same cases in the
        same order.
      baseline: name of the method that the others are compared with.
      results: name of a method to what `bootstrap.summary` says of its run; of several runs, to
        `methods.Method.summary`.
      differences: of each other method and metric that is shown, "this minus baseline".
      settings: `bootstrap.Settings`.
      task, classes: as of the predictions.
      of_runs: name of each run to what `bootstrap.summary` says of it.
      runs: name of a method to its runs' names.
    """

    split: str
    predictions: dict
    baseline: str
    results: dict
    differences: list
    settings: bootstrap.Settings
    task: str
    classes: tuple
    of_runs: dict
    runs: dict

    @property
    def cases(self):
        """Number of cases, the same in all runs."""
        return self.first["cases"]

    @property
    def unit(self):
        """The resampled unit, "case" or "patient"."""
        return self.first["units"]["unit"]

    @property
    def patients(self):
        """Number of known patients."""
        return len(set(self.first_run.patient_ids.tolist()) - {""})

    @property
    def first_run(self):
        """The `Predictions` of the first method's first run, whose cases are all runs'."""
        return next(iter(self.predictions.values()))[0]

    @property
    def seeded(self):
        """True where methods have several runs."""
        return len(self.of_runs) > len(self.runs)

    def each_run(self, key):
        """Return the name of a method to the values under `key` of "of_runs", one a run."""
        return {name: [self.of_runs[run][key] for run in runs] for name, runs in self.runs.items()}

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
        """The methods that are compared with the baseline."""
        return [name for name in self.results if name != self.baseline]

    @property
    def percent(self):
        """The level of confidence as text."""
        return f"{100 * self.settings.confidence:g} %"

    @property
    def first(self):
        """Results of the first method."""
        return next(iter(self.results.values()))

    @property
    def too_few_replicates(self):
        """Reason that no difference can stay significant after Holm, "" where one can."""
        if any(each.holds for each in self.differences):
            return ""
        settings = self.settings
        return verdicts.too_few_replicates(
            len(self.differences), settings.replicates, settings.confidence
        )

    def of_main_metric(self):
        """Return the `Difference`s of the main metric."""
        return [each for each in self.differences if each.metric == self.main_metric]

    def best(self, metric):
        """Return the highest value of a metric among the methods, None where none is defined."""
        values = [result["metrics"][metric]["value"] for result in self.results.values()]
        return max((value for value in values if value is not None), default=None)


def compare_runs(split, by_method, baseline, settings, margin=None):
    """Return the `Comparison` of methods on one split.

    Args:
      split: its name.
      by_method: name to (name of a run to `Predictions`), one run each or two and more each, all of
        the same cases.
      baseline: name of one of them.
      settings: `bootstrap.Settings`.
      margin: of non-inferiority, see `comparing.compare`; None for none.

    Raises:
      InputError: the runs differ in cases, classes, truth or the levels of a group, or one method
        has one run and another several.
    """
    all_runs = {name: made for runs in by_method.values() for name, made in runs.items()}
    all_runs = with_all_groups(aligned(all_runs))
    names = {method: tuple(runs) for method, runs in by_method.items()}
    scored = _scored_runs if len(all_runs) == len(names) else _scored_methods
    results, rows, of_runs = scored(all_runs, names, baseline, settings, margin)
    first = next(iter(all_runs.values()))
    shown = wording.main_metrics({"task": first.task, "classes": first.classes})
    # By metric, so that the methods stand below each other.
    rows = [row for metric in shown for row in rows if row["metric"] == metric]
    differences = [Difference(row) for row in rows]
    made = {method: [all_runs[run] for run in runs] for method, runs in names.items()}
    return Comparison(
        split, made, baseline, results, differences, settings, first.task, first.classes,
        of_runs, names,
    )  # fmt: skip


def _scored_runs(all_runs, names, baseline, settings, margin):
    """Return results of each method, the rows of all differences, and results of each run."""
    if len(names) > 1:
        found = paired.compare(all_runs, settings, baseline, margin)
        return found["models"], found["differences"], found["models"]
    name, made = next(iter(all_runs.items()))
    results = {name: bootstrap.summary(bootstrap.replicate(made, settings, name))}
    return results, [], results


def _scored_methods(all_runs, names, baseline, settings, margin):
    """Return the results of `_scored_runs` for methods of several runs."""
    by_method = {method: [all_runs[run] for run in runs] for method, runs in names.items()}
    made = seeds.replicated(by_method, settings)
    results = {method: found.summary() for method, found in made.items()}
    of_runs = {
        name: bootstrap.summary(run)
        for method, runs in names.items()
        for name, run in zip(runs, made[method].runs, strict=True)
    }
    pairs = paired.pairs_of(list(names), baseline) if len(names) > 1 else []
    return results, seeds.differences(made, pairs, margin), of_runs


def groups_of(comparison):
    """Return group to (method to its `Group`) of the main metric, for columns that have some."""
    return {
        group: {
            name: group_of_runs(runs, group, comparison.main_metric, comparison.settings)
            for name, runs in comparison.predictions.items()
        }
        for group, values in comparison.first_run.groups.items()
        if has_groups(values)
    }
