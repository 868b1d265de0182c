"""The page's figures of one split: ROC, reliability, groups, confusion; each is named and told.

Of several runs of a method they are of the mean, in curves beside each run as a thin line.
"""

import functools

import numpy as np

from simclr_med.evaluation.groups.group_levels import shown
from simclr_med.evaluation.intervals.bootstrap import FEW_CASES
from simclr_med.evaluation.metrics import calibration, curves
from simclr_med.evaluation.report.drawing.bars import Bar, bar_chart
from simclr_med.evaluation.report.drawing.charts import Axes, Line, line_chart
from simclr_med.evaluation.report.drawing.matrix import confusion_chart

MOST_CLASSES = 40  # of a confusion matrix that can be read
_RATES = Axes("1 − specificity", "sensitivity", (0, 1), (0, 1))
_RELIABILITY = Axes("predicted probability", "observed frequency", (0, 1), (0, 1))


def mean_roc_chart(comparison):
    """Return the methods' ROC curves, the mean over classes; None where none is defined."""
    return _roc("ROC, mean over classes", comparison, curves.mean_roc, "auc")


def class_roc_charts(comparison):
    """Return the ROC curves of each class that has some."""
    charts = [
        _roc(f"ROC of {name}", comparison, functools.partial(_class_roc, k=k), f"auc:{name}")
        for k, name in enumerate(comparison.classes)
    ]
    return [chart for chart in charts if chart is not None]


def _class_roc(made, k):
    found = curves.roc_points(made.truth[:, k], made.probabilities[:, k])
    return None if found is None else curves.on_grid(found)


def _roc(title, comparison, points, metric):
    lines, words = [], []
    for name, runs in comparison.predictions.items():
        found = [points(made) for made in runs]
        if None in found:
            return None
        grid, heights = found[0][0], np.mean([height for _, height in found], axis=0)
        lines.append(Line(name, grid, heights, runs=found if len(runs) > 1 else ()))
        area = comparison.results[name]["metrics"][metric]["value"]
        words.append(f"{name}: area {area:.3f}")
    return line_chart(lines, _RATES, title, "; ".join(words), diagonal=True)


def reliability_charts(comparison):
    """Return the reliability curves: one of all cases, or of findings one each.

    Pooled over findings, the curve of a common one hides that a rare one is off. A finding of which
    no case is known has none.
    """
    by_method = comparison.each_run("calibration")
    if comparison.task == "multiclass":
        return [_reliability("Reliability", by_method)]
    return [
        _reliability(
            f"Reliability of {finding}",
            {
                name: [each["findings"][finding] for each in runs]
                for name, runs in by_method.items()
            },
        )
        for finding in comparison.classes
        if comparison.first["calibration"]["findings"][finding]["bins"]
    ]


def _reliability(title, by_method):
    """Return one chart: observed frequency by predicted probability.

    Bins of a few cases would draw noise: they are told in the description alone.

    Args:
      title: of the chart.
      by_method: name to the calibrations of its runs.
    """
    lines, words = [], []
    for name, results in by_method.items():
        each = [result["bins"] for result in results]
        bins = calibration.mean_bins(each)
        drawn = [_reliable(part) for part in each] if len(each) > 1 else ()
        lines.append(Line(name, *_reliable(bins), marks=True, runs=drawn))
        told = ", ".join("{confidence:.2f}: {frequency:.2f} of {cases:g}".format(**b) for b in bins)
        words.append(f"{name}: {told}")
    return line_chart(lines, _RELIABILITY, title, "; ".join(words), diagonal=True)


def _reliable(bins):
    """Return predicted probability and observed frequency of the bins that are drawn."""
    drawn = [b for b in bins if b["cases"] >= FEW_CASES]
    return tuple([b[key] for b in drawn] for key in ("confidence", "frequency"))


def group_chart(group, by_run, label):
    """Return the bars of one metric by the levels of a group.

    Args:
      group: its name.
      by_run: name of a run to `subgroups.Group`.
      label: of the metric.
    """
    first = next(iter(by_run.values()))
    levels, words = [], []
    for level, there in first.levels.items():
        bars = [
            Bar(name, *found.levels[level][1:])  # value, low, high
            for name, found in by_run.items()
        ]
        flag = ", few" if there.small else ""
        levels.append((f"{shown(level)} ({there.cases} cases{flag})", bars))
        told = ", ".join(f"{b.series} {b.value:.3f}" for b in bars if b.value is not None)
        words.append(f"{shown(level)}: {told or 'not defined'}")
    return bar_chart(levels, f"{label} by {group}", "; ".join(words), label)


def confusion_charts(comparison):
    """Return the confusion matrix of each method, name to SVG; none for findings or many classes.

    Of several runs the counts are their mean.
    """
    if comparison.task == "multilabel" or len(comparison.classes) > MOST_CLASSES:
        return {}
    charts = {}
    for name, each in comparison.each_run("confusion").items():
        mean = f", mean of {len(each)} runs" if len(each) > 1 else ""
        counts = np.mean(each, axis=0).tolist()
        charts[name] = confusion_chart(
            counts, comparison.classes, f"Confusion matrix of {name}{mean}"
        )
    return charts
