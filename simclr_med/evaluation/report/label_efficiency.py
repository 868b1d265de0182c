"""Label efficiency: metrics of the same method by the share of the labels it was given."""

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.protocol import describe
from simclr_med.evaluation.report.drawing.charts import Axes, Line, line_chart

BANDS = {
    "seeds": "Bands: one standard deviation over runs of several seeds, on the same test cases.",
    "cases": "Bands: bootstrap intervals over test cases, of one run a point; no other seeds.",
    "none": "No bands: some points are of one run and some of several seeds.",
}  # fmt: skip


def label_charts(runs, comparison):
    """Return pairs (SVG, caption), one a metric; none where no method has two shares of labels.

    Args:
      runs: `Run`s; those whose origin is not known are left out.
      comparison: the `Comparison` of the split to show.
    """
    methods = _methods(runs)
    if not any(len(by_fraction) > 1 for by_fraction in methods.values()):
        return []
    kind = _kind_of_bands(methods)
    metrics = [metric for metric in comparison.columns if ":" not in metric]
    return [(_chart(methods, comparison, metric, kind), BANDS[kind]) for metric in metrics]


def _methods(runs):
    """Return the name of a method to (share of the labels to the names of its runs)."""
    found = {}
    for run in runs:
        try:
            described = describe(run)
        except InputError:  # trained elsewhere, or from what is no longer there
            continue
        name = f"{described.method}, {described.architecture}"
        fractions = found.setdefault(name, {})
        fractions.setdefault(described.label_fraction, []).append(run.name)
    return {name: dict(sorted(fractions.items())) for name, fractions in found.items()}


def _kind_of_bands(methods):
    """Return which one kind of uncertainty all points have."""
    several = {len(names) > 1 for fractions in methods.values() for names in fractions.values()}
    if several == {True}:
        return "seeds"
    return "cases" if several == {False} else "none"


def _chart(methods, comparison, metric, kind):
    lines = [
        _line(name, fractions, comparison.of_runs, metric, kind)
        for name, fractions in methods.items()
    ]
    label = comparison.columns[metric]
    words = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{100 * x:g} % {y:.3f}" for x, y in zip(line.x, line.y, strict=True))
        for line in lines
    )
    axes = Axes("share of the labels", label, (0, 1))
    return line_chart(lines, axes, f"Label efficiency: {label}", words)


def _line(name, fractions, results, metric, kind):
    points = []
    for fraction, names in fractions.items():
        found = [results[run]["metrics"][metric] for run in names]
        values = [value["value"] for value in found]
        if None not in values:
            points.append((fraction, *_point(found, np.array(values), kind)))
    if not points:
        return Line(name, (), ())
    x, y, low, high = zip(*points, strict=True)
    if kind == "none" or None in low:  # an interval is withheld where nothing can be said
        low = high = None
    return Line(name, x, y, low, high, marks=True)


def _point(found, values, kind):
    """Return a point's mean and the ends of its band."""
    mean = float(values.mean())
    if kind == "seeds":
        spread = float(values.std(ddof=1))
        return mean, mean - spread, mean + spread
    return mean, found[0]["low"], found[0]["high"]
