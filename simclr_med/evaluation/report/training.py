"""Training curves: log.csv and monitor.csv of the runs and of their pretraining."""

import csv
import math

import numpy as np

from simclr_med.evaluation.report.drawing.charts import Axes, Line, line_chart
from simclr_med.files import stored
from simclr_med.runs import layout

POINTS = 150  # drawn of a curve: each the mean of its stretch
PAIRS = (
    "Each batch's NT-Xent. Pairs of two images of a case are harder than two views of one image: "
    "levels of different kinds of pairs do not compare."
)
# Columns of log.csv that are shown, beside those that begin with validation.
LOSS = "loss"
REMEDY = "delete it: no curve is drawn then"


def training_charts(runs):
    """Return pairs (SVG, caption) of the curves of `Run`s, one chart a quantity."""
    heads = {run.name: run.path for run in runs if run.config is not None}
    before = _pretraining(runs)
    charts = [
        _chart("Pretraining: loss", before, layout.LOG, LOSS, PAIRS),
        *_each_column("Pretraining", before, layout.MONITOR, ""),
        _chart("Head: training loss", heads, layout.LOG, LOSS, "Each batch's loss."),
        *_each_column("Head", heads, layout.LOG, "validation"),
    ]
    return [chart for chart in charts if chart is not None]


def _pretraining(runs):
    """Return the names of the runs that share a pretraining, joined, to its folder."""
    sharing = {}
    for run in runs:
        if run.pretraining is not None:
            sharing.setdefault(run.pretraining.folder, []).append(run.name)
    return {", ".join(names): folder for folder, names in sharing.items()}


def _each_column(what, folders, file, beginning):
    """Return a chart of each column of a log that begins so, but for the step."""
    columns = {}
    for folder in folders.values():
        columns |= dict.fromkeys(c for c in _header(folder / file) if c.startswith(beginning))
    shown = [column for column in columns if column != "step"]
    return [_chart(f"{what}: {c.replace('_', ' ')}", folders, file, c, "") for c in shown]


def _chart(title, folders, file, column, caption):
    lines = []
    for name, folder in folders.items():
        steps, values = _read(folder / file, column)
        if len(steps):
            lines.append(Line(name, *_thinned(steps, values), marks=len(steps) < 12))
    if not lines:
        return None
    words = "; ".join(f"{line.name}: from {line.y[0]:.4g} to {line.y[-1]:.4g}" for line in lines)
    return line_chart(lines, Axes("step", column.replace("_", " ")), title, words), caption


def _header(path):
    if not path.exists():
        return []
    return next(csv.reader(stored.read_text(path, REMEDY).splitlines()), [])


def _read(path, column):
    """Return the steps and finite values of a column; none where it is not there."""
    if column not in _header(path):
        return [], []
    rows = stored.read_log(path, {"step": int, column: _number}, REMEDY)
    points = [(row["step"], row[column]) for row in rows if math.isfinite(row[column])]
    return tuple(zip(*points, strict=True)) or ([], [])


def _number(cell):
    """Return a cell's number, NaN where nothing was measured at that step."""
    return float(cell or "nan")


def _thinned(x, y):
    """Return at most `POINTS` points: the means of stretches of equal length."""
    parts = min(POINTS, len(x))
    return tuple(
        [float(part.mean()) for part in np.array_split(np.asarray(values, float), parts)]
        for values in (x, y)
    )
