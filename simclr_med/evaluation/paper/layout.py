"""Tables B.1 to B.6 in the paper's rows and columns, filled from runs."""

import dataclasses

from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.metrics import records
from simclr_med.evaluation.paper.cells import Cell, mean_cell, scores
from simclr_med.evaluation.paper.numbers import printed
from simclr_med.evaluation.text_table import Table

TITLES = {
    "B.1": "Best self-supervised and supervised models (Derm); ± half the bootstrap interval",
    "B.2": "MICLe with full and partial augmentation (Derm)",
    "B.3": "By architecture and pretraining (Derm); ± standard deviation over seeds",
    "B.4": "MICLe and SimCLR (Derm); ± standard deviation over seeds",
    "B.5": "Label efficiency (Derm)",
    "B.6": "AUC of findings (CheXpert); ± standard deviation over seeds",
}
LABEL_FRACTIONS = (0.1, 0.5, 0.9)  # B.5's; other ones are in the figures
TASK_OF_TABLE = {name: "multilabel" if name == "B.6" else "multiclass" for name in TITLES}
_SHORT = {
    "top1_accuracy": "Top-1 Accuracy",
    "top3_accuracy": "Top-3 Accuracy",
    "average_top1_sensitivity": "Top-1 Sensitivity",
    "average_top3_sensitivity": "Top-3 Sensitivity",
    "auc": "AUC",
}


@dataclasses.dataclass(frozen=True)
class Laid:
    """One table or figure of the paper.

    Attributes:
      name: such as "Table B.3".
      caption: what it shows.
      header: the columns' names; the first ones name the row.
      rows: pairs (texts that name the row, its `Cell`s).
      notes: sentences below it.
      chart: an SVG, or None.
    """

    name: str
    caption: str
    header: tuple
    rows: list
    notes: tuple = ()
    chart: str | None = None

    def table(self):
        """Return it as a `Table` of texts, the paper's numbers in brackets."""
        rows = [(*names, *(cell.words for cell in cells)) for names, cells in self.rows]
        notes = ("In brackets: the paper's number.", *self.notes)
        return Table(f"{self.name}. {self.caption}", self.header, rows, notes)


def lay_tables(runs):
    """Return tables B.1 to B.6 of `Described` runs, rows beyond the paper's below its own."""
    return [_table(name, [r for r in runs if r.task == TASK_OF_TABLE[name]]) for name in TITLES]


def short(metric):
    """Return a metric's name in the paper's columns."""
    return _SHORT.get(metric) or records.metric(metric).finding


def _table(name, runs):
    keys = [key for key in printed() if key.table == name]
    columns = list(dict.fromkeys((key.metric, key.label_fraction) for key in keys))
    paper_rows = list(dict.fromkeys((k.architecture, k.method, k.augmentation) for k in keys))
    by_row = _by_row(runs, name)
    rows = [*paper_rows, *(row for row in by_row if row not in paper_rows)]
    has_recipe = name == "B.2"
    fill = _best_cell if name == "B.1" else _cell
    laid = [
        (
            row[: 2 + has_recipe],
            [fill(name, row, column, by_row.get(row, [])) for column in columns],
        )
        for row in rows
    ]
    header = ("Architecture", "Method", *["Augmentation"] * has_recipe)
    header += tuple(_column(metric, fraction, name == "B.5") for metric, fraction in columns)
    return Laid(f"Table {name}", TITLES[name], header, laid, _notes(name, by_row))


def _by_row(runs, name):
    """Return (architecture, method, augmentation) to the runs of a table's row."""
    found = {}
    for run in runs:
        recipe = run.augmentation if name == "B.2" else ""
        if _belongs(run, name):
            found.setdefault((run.architecture, run.method, recipe), []).append(run)
    return found


def _belongs(run, name):
    """Return whether a run is of the kind that a table shows."""
    if name == "B.2":
        return run.augmentation != "" and run.label_fraction == 1
    if name == "B.5":
        return run.label_fraction in LABEL_FRACTIONS
    return run.label_fraction == 1


def _column(metric, fraction, by_fraction):
    return f"{short(metric)} {100 * fraction:g}%" if by_fraction else short(metric)


def _cell(table, row, column, runs):
    metric, fraction = column
    paper = printed().get((table, *row, fraction, metric))
    there = [run for run in runs if run.label_fraction == fraction]
    if there and metric not in scores(there[0].run):
        return Cell("not a finding", paper.words if paper else None)
    return mean_cell(there, metric, paper)


def _best_cell(table, row, column, runs):
    """Return a cell of B.1: the model that is best on validation, with its bootstrap interval."""
    paper = printed().get((table, *row, column[1], column[0]))
    paper = paper.words if paper else None
    if not runs:
        return Cell(paper=paper)
    best = _best(runs)
    if best is None:
        return Cell("needs validation", paper)
    replicates = bootstrap.replicate(best.run.predictions["test"], bootstrap.Settings())
    result = replicates.interval(column[0])
    if result["low"] is None:
        return Cell(f"{result['value']:.4f}", paper, result["value"])
    half = (result["high"] - result["low"]) / 2
    return Cell(f"{result['value']:.4f}±{half:.4f}", paper, result["value"])


def _best(runs):
    """Return the run with the highest top-1 accuracy on validation, None where that is unknown."""
    if len(runs) == 1:
        return runs[0]
    if not all("validation" in run.run.predictions for run in runs):
        return None
    return max(runs, key=lambda run: scores(run.run, "validation")["top1_accuracy"])


def _notes(name, by_row):
    notes = []
    seeds = sorted({len(runs) for runs in by_row.values()})
    if seeds and name not in ("B.1", "B.5"):
        notes.append(f"Runs a row: {', '.join(map(str, seeds))}; one run has no ±.")
    if name == "B.6" and by_row:
        runs = [described.run for row in by_row.values() for described in row]
        count = sum("test" in run.by_image for run in runs)
        notes.append(f"By image, as in the paper: {count} of {len(runs)} runs; the others by case.")
    if any(_best(runs) is None for runs in by_row.values()) and name == "B.1":
        notes.append(
            "Of several runs the best on validation is taken: evaluate them with "
            "--eval_splits=validation,test."
        )
    return tuple(notes)
