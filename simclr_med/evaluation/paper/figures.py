"""Figures B.4 to B.9: the points of the paper's curves and bars, as tables and as charts.

The appendix prints no numbers beside them but what tables B.3, B.5 and B.6 share; those are shown
as the paper's.
"""

import numpy as np

from simclr_med.evaluation.groups.group_levels import is_plain
from simclr_med.evaluation.groups.subgroups import by_group
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.paper.cells import Cell, mean_cell
from simclr_med.evaluation.paper.layout import Laid, short
from simclr_med.evaluation.paper.numbers import Printed, printed
from simclr_med.evaluation.report.drawing.bars import Bar, bar_chart
from simclr_med.evaluation.report.drawing.charts import Axes, Line, line_chart
from simclr_med.evaluation.wording import with_interval

FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
PRETRAIN_STEPS = (150_000, 300_000, 450_000)
SKIN_TYPES = ("white", "beige", "brown", "dark brown")
WIDE = ("ResNet-50 (4×)", "ResNet-152 (2×)")
DERM = (
    "MICLe ImageNet→Derm", "SimCLR ImageNet→Derm", "SimCLR Derm", "Supervised ImageNet",
)  # fmt: skip
CHEXPERT = ("SimCLR ImageNet→CheXpert", "SimCLR CheXpert", "SimCLR ImageNet", "Supervised ImageNet")
FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
LONGER = DERM[1:3]


def lay_figures(runs, group="skin_type"):
    """Return figures B.4 to B.9 of `Described` runs.

    Args:
      runs: `Described` runs.
      group: the column of the predictions that holds the skin types of figure B.7.
    """
    derm = [run for run in runs if run.task == "multiclass"]
    chexpert = [run for run in runs if run.task == "multilabel"]
    figures = [_longer(derm), _longer_by_fraction(derm)]
    for metric in ("top1_accuracy", "top3_accuracy", "auc"):
        figures.append(_by_fraction("B.6", derm, _rows(derm, WIDE, DERM), metric))
    figures += [_subgroups(derm, group, k) for k in (1, 3)]
    figures.append(_by_fraction("B.8", chexpert, _rows(chexpert, WIDE, CHEXPERT), "auc"))
    rows = _rows(chexpert, WIDE[:1], CHEXPERT)
    figures += [_by_fraction("B.9", chexpert, rows, f"auc:{finding}") for finding in FINDINGS]
    return figures


def _rows(runs, architectures, methods):
    """Return (architecture, method) of the paper's rows, then of the runs beyond them."""
    paper = [(architecture, method) for architecture in architectures for method in methods]
    ours = [(run.architecture, run.method) for run in runs]
    return list(dict.fromkeys([*paper, *ours]))


def _of(runs, row):
    return [run for run in runs if (run.architecture, run.method) == row]


def _longer(runs):
    """B.4: top-1 accuracy by the steps of pretraining."""
    runs = [run for run in runs if run.label_fraction == 1 and run.pretrain_steps]
    steps = sorted({*PRETRAIN_STEPS, *(run.pretrain_steps for run in runs)})
    rows = []
    for row in _rows(runs, ("ResNet-50 (1×)", *WIDE), LONGER):
        cells = []
        for count in steps:
            paper = printed().get(("B.3", *row, "", 1.0, "top1_accuracy"))
            there = [run for run in _of(runs, row) if run.pretrain_steps == count]
            cells.append(mean_cell(there, "top1_accuracy", paper if count == 150_000 else None))
        rows.append((row, cells))
    axes = Axes("pretraining steps", "top-1 accuracy")
    caption = "Longer pretraining (Derm): top-1 accuracy by the steps of SimCLR"
    header = ("Architecture", "Method", *(f"{count:,} steps" for count in steps))
    return _laid("B.4", caption, header, rows, steps, axes)


def _longer_by_fraction(runs):
    """B.5: top-1 accuracy by label fraction, for each length of the pretraining."""
    supervised = [run for run in runs if run.method == "Supervised ImageNet"]
    trained = [run for run in runs if run.method == LONGER[0] and run.pretrain_steps]
    steps = sorted({PRETRAIN_STEPS[0], PRETRAIN_STEPS[-1], *(r.pretrain_steps for r in trained)})
    fractions = _fractions(runs)
    rows = []
    for architecture in dict.fromkeys([*WIDE, *(run.architecture for run in trained)]):
        lines = [
            (f"{LONGER[0]}, {n:,} steps", [r for r in trained if r.pretrain_steps == n])
            for n in steps
        ]
        for method, there in [*lines, ("Supervised ImageNet", supervised)]:
            there = [run for run in there if run.architecture == architecture]
            rows.append(((architecture, method), _cells(there, fractions, "top1_accuracy")))
    caption = "Longer pretraining by label fraction (Derm): top-1 accuracy"
    axes = Axes("share of the labels", "top-1 accuracy", (0, 1))
    return _laid("B.5", caption, _fraction_header(fractions), rows, fractions, axes)


def _by_fraction(name, runs, rows, metric):
    """B.6, B.8, B.9: one metric by label fraction."""
    fractions = _fractions(runs)
    laid = []
    for row in rows:
        paper = {fraction: _paper_point(name, row, metric, fraction) for fraction in fractions}
        laid.append((row, _cells(_of(runs, row), fractions, metric, paper)))
    words = {"B.8": "mean AUC", "B.9": f"AUC of {short(metric)}"}.get(name, short(metric))
    task = "Derm" if name == "B.6" else "CheXpert"
    axes = Axes("share of the labels", words, (0, 1))
    caption = f"Label fractions ({task}): {words}"
    return _laid(name, caption, _fraction_header(fractions), laid, fractions, axes)


def _paper_point(name, row, metric, fraction):
    """Return the number that the paper's tables print of a figure's point, or None."""
    if name == "B.6":
        return printed().get(("B.5", *row, "", fraction, metric))
    if fraction != 1:
        return None
    if name == "B.9":
        return printed().get(("B.6", *row, "", 1.0, metric))
    found = [printed().get(("B.6", *row, "", 1.0, f"auc:{finding}")) for finding in FINDINGS]
    if None in found:
        return None
    return Printed(f"{np.mean([float(number.value) for number in found]):.4f}", "")


def _cells(runs, fractions, metric, paper=None):
    return [
        mean_cell(
            [run for run in runs if run.label_fraction == fraction],
            metric,
            (paper or {}).get(fraction),
        )
        for fraction in fractions
    ]


def _fractions(runs):
    return sorted({*FRACTIONS, *(run.label_fraction for run in runs)})


def _fraction_header(fractions):
    return ("Architecture", "Method", *(f"{100 * fraction:g}%" for fraction in fractions))


def _laid(name, caption, header, rows, x, axes):
    """Return the `Laid` of a figure of curves, with a chart where something was run."""
    lines = []
    for row, cells in rows:
        points = [(at, c.value) for at, c in zip(x, cells, strict=True) if c.value is not None]
        if points:
            lines.append(Line(", ".join(row), *zip(*points, strict=True), marks=True))
    chart = None
    if lines:
        words = "; ".join(f"{line.name}: {_points(line)}" for line in lines)
        chart = line_chart(lines, axes, f"Figure {name}: {caption}", words)
    return Laid(f"Figure {name}", caption, header, rows, chart=chart)


def _points(line):
    return ", ".join(f"{x:g} {y:.3f}" for x, y in zip(line.x, line.y, strict=True))


def _subgroups(runs, group, k):
    """B.7: top-k accuracy by skin type, with bootstrap intervals, of each run."""
    metric, caption = f"top{k}_accuracy", f"Skin types (Derm): top-{k} accuracy"
    found = {
        described: by_group(described.run.predictions["test"], group, metric, Settings())
        for described in runs
        if described.label_fraction == 1 and group in described.run.predictions["test"].groups
    }
    beyond = [level for by_level in found.values() for level in by_level.levels]
    levels = list(dict.fromkeys([*SKIN_TYPES, *filter(is_plain, beyond)]))
    rows = [
        (
            (described.architecture, f"{described.method}: {described.run.name}"),
            [_level_cell(by_level.levels.get(level)) for level in levels],
        )
        for described, by_level in found.items()
    ] or [((WIDE[0], method), [Cell() for _ in levels]) for method in DERM]
    chart = _bars(found, levels, caption) if found else None
    header = ("Architecture", "Method: run", *levels)
    return Laid("Figure B.7", caption, header, rows, _scale_notes(levels, group), chart)


def _level_cell(level):
    if level is None or level.value is None:
        return Cell("no cases")
    words = with_interval(level.value, level.low, level.high, digits=4)
    return Cell(f"{words}, {level.cases} cases", value=level.value)


def _scale_notes(levels, group):
    notes = ["95 % bootstrap intervals. The paper prints bars and no numbers."]
    if len(levels) > len(SKIN_TYPES):
        notes.append(
            f"The column {group} has levels beyond the paper's scale of "
            f"{', '.join(SKIN_TYPES)}: no mapping between the scales is assumed."
        )
    return tuple(notes)


def _bars(found, levels, caption):
    shown = [
        (level, [_bar(described.run.name, by_level.levels.get(level))
                 for described, by_level in found.items()])
        for level in levels
    ]  # fmt: skip
    words = "; ".join(
        f"{level}: " + ", ".join(f"{bar.series} {bar.value:.3f}" for bar in bars if bar.value)
        for level, bars in shown
    )
    return bar_chart(shown, f"Figure B.7: {caption}", words, caption)


def _bar(name, level):
    if level is None:
        return Bar(name, None, None, None)
    return Bar(name, level.value, level.low, level.high)
