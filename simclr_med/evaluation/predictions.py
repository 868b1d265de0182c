"""Predictions of one model on one split, and the CSV file that holds them.

One row a case: `case_id`, `patient_id`, `truth` (names joined by "|"), for multilabel `masked`
(the findings whose truth is unknown), `group:<name>` columns, and `probability:<class>` columns
in class order; a `masked` column makes it multilabel. docs/predictions.md has the rules.
"""

import csv
import dataclasses
import functools
import io
import pathlib
from typing import Any

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.metrics import functions
from simclr_med.evaluation.predictions_table import GROUP, PROBABILITY, clean, read_table
from simclr_med.files import atomic
from simclr_med.files.text import as_seen, is_unknown

SEPARATOR = "|"
DEFAULT_OTHER = "Other"
ROUNDED_CELL = 1e-5  # that a probability may lie outside 0 to 1: rounding of a softmax can
ROUNDING = 0.05  # that a row's sum may be off 1: 27 values of two decimals can be


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a model for N cases and K classes, beside the truth.

    Attributes:
      case_ids: `[N]` str, each once.
      patient_ids: `[N]` str, "" where unknown.
      truth: `[N, K]` float32; 1 present, 0 absent, NaN masked (multilabel only).
      probabilities: `[N, K]` float32 in [0, 1].
      classes: K names.
      task: "multiclass" or "multilabel".
      other_class: the class left out of average sensitivities, or None.
      groups: name -> `[N]` str, the level of each case, "" where unknown.
      thresholds: finding -> probability from which on it is called, see `thresholds`; none in a
        file.
    """

    case_ids: np.ndarray
    patient_ids: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray
    classes: tuple
    task: str
    other_class: str | None = None
    groups: dict = dataclasses.field(default_factory=dict)
    thresholds: dict = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def rankings(self):
        """The `functions.Ranking` of each class, made where first asked for."""
        columns = zip(self.truth.T, self.probabilities.T, strict=True)
        return [functions.rank(truth, scores) for truth, scores in columns]

    def take(self, rows):
        """Return the same predictions for `rows` alone, in their order."""
        return dataclasses.replace(
            self,
            case_ids=self.case_ids[rows],
            patient_ids=self.patient_ids[rows],
            truth=self.truth[rows],
            probabilities=self.probabilities[rows],
            groups={name: levels[rows] for name, levels in self.groups.items()},
        )


def average_over_images(cases: Any, by_image: np.ndarray, task: Any) -> Predictions:
    """Return `Predictions` of cases: the mean over a case's images of their probabilities.

    Args:
      cases: `Cases` with M images in all.
      by_image: probabilities, `[M, K]`.
      task: what has `task`, `classes` and `other_class`.
    """
    sums = np.add.reduceat(by_image.astype(np.float64), cases.offsets[:-1])
    return of_cases(cases, sums / np.diff(cases.offsets)[:, None], task)


def of_cases(cases: Any, probabilities: np.ndarray, task: Any) -> Predictions:
    """Return the `Predictions` of N `Cases` with probabilities `[N, K]`; `task` as above."""
    return Predictions(
        case_ids=cases.case_ids,
        patient_ids=cases.patient_ids,
        truth=cases.targets,
        probabilities=probabilities.astype(np.float32),
        classes=tuple(task.classes),
        task=task.task,
        other_class=task.other_class,
        groups=cases.groups,
    )


def write(path: str | pathlib.Path, predictions: Predictions) -> None:
    """Write `predictions` as CSV in one atomic step."""
    atomic.write_text(path, to_csv(predictions))


def to_csv(predictions: Predictions) -> str:
    """Return `Predictions` as the text of a CSV file; probabilities keep all their bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    multilabel = predictions.task == "multilabel"
    writer.writerow(
        ["case_id", "patient_id", "truth"]
        + ["masked"] * multilabel
        + [GROUP + name for name in predictions.groups]
        + [PROBABILITY + name for name in predictions.classes]
    )
    columns = [predictions.case_ids, predictions.patient_ids]
    columns.append(_join(predictions.truth == 1, predictions.classes))
    if multilabel:
        columns.append(_join(np.isnan(predictions.truth), predictions.classes))
    columns += predictions.groups.values()
    # A float32 as text has the fewest digits that give the same float32 back.
    columns += np.asarray(predictions.probabilities, np.float32).astype(str).T.tolist()
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()


def read(path: str | pathlib.Path, other_class: str | None = DEFAULT_OTHER) -> Predictions:
    """Return the predictions of a file, ours or anybody's; docs/predictions.md is its format.

    Args:
      path: the CSV file.
      other_class: the class left out of average sensitivities (multiclass). None leaves no class
        out; the default, "Other", does so too where no class has that name.

    Raises:
      InputError: the file is missing, empty, lacks a column or holds a wrong value.
    """
    table = read_table(path)
    classes = table.named(PROBABILITY)
    multilabel = "masked" in table.columns
    _check_case_ids(table)
    return Predictions(
        case_ids=np.array(table.columns["case_id"]),
        patient_ids=_known(table.columns["patient_id"]),
        truth=_truth(table, classes),
        probabilities=_probabilities(table, classes, multilabel),
        classes=classes,
        task="multilabel" if multilabel else "multiclass",
        other_class=None if multilabel else _other(path, classes, other_class),
        groups={name: _known(table.columns[GROUP + name]) for name in table.named(GROUP)},
    )


def _other(path, classes, other_class):
    """Return the class that is left out of sensitivities, None where there is none."""
    if other_class in classes:
        return other_class
    if other_class not in (None, DEFAULT_OTHER):
        raise InputError(f"{path}: no class {other_class!r}; the classes are {list(classes)}")
    return None


def _check_case_ids(table):
    case_ids = table.columns["case_id"]
    table.refuse("case_id", [not text for text in case_ids], "is empty; expected a name")
    first = {}
    again = [first.setdefault(as_seen(text), row) != row for row, text in enumerate(case_ids)]
    table.refuse("case_id", again, "stands in an earlier row; expected one row a case")


def _known(texts):
    """Return `[N]` str, those that look the same in one spelling; unknown ones are ""."""
    return np.array(["" if is_unknown(text) else as_seen(text) for text in texts])


def _truth(table, classes):
    """Return `[N, K]` float32: 1 present, 0 absent, NaN masked."""
    truth = _split(table, "truth", classes)
    if "masked" not in table.columns:
        table.refuse("truth", ~truth.any(1), "names no class")
        return truth.astype(np.float32)
    masked = _split(table, "masked", classes)
    table.refuse("masked", (masked & truth).any(1), "is in truth as well")
    return np.where(masked, np.nan, truth).astype(np.float32)


def _join(chosen, classes):
    """Return `[N]` texts: the names of the classes that `chosen` `[N, K]` marks in each row."""
    return [
        SEPARATOR.join(name for name, mark in zip(classes, row, strict=True) if mark)
        for row in chosen.tolist()
    ]


def _split(table, column, classes):
    """Return the inverse of `_join`: `[N, K]` bool."""
    index = {name: k for k, name in enumerate(classes)}
    texts = table.columns[column]
    chosen = np.zeros((len(texts), len(classes)), bool)
    unknown = np.zeros(len(texts), bool)
    for row, text in enumerate(texts):
        for name in text.split(SEPARATOR) if text else ():
            if (name := clean(name)) in index:
                chosen[row, index[name]] = True
            else:
                unknown[row] = True
    table.refuse(column, unknown, f"has a name without a column {PROBABILITY}<name>")
    return chosen


def _probabilities(table, classes, multilabel):
    """Return `[N, K]` float32; of diagnoses, which exclude one another, they sum to 1."""
    each = []
    for name in classes:
        values = np.array([_number(text) for text in table.columns[PROBABILITY + name]], np.float32)
        wrong = ~((values >= -ROUNDED_CELL) & (values <= 1 + ROUNDED_CELL))  # NaN is wrong too
        table.refuse(PROBABILITY + name, wrong, "is not a number from 0 to 1")
        each.append(np.clip(values, 0, 1))
    probabilities = np.stack(each, axis=1)
    if not multilabel:
        sums = probabilities.sum(1, dtype=float)
        off = abs(sums - 1) > ROUNDING
        where = f"{PROBABILITY}{classes[0]} to {classes[-1]}"
        if off.any():
            row = table.rows[off.argmax()]
            raise InputError(
                f"{table.path}, row {row}, column {where}: they sum to {sums[off.argmax()]:.4g}; "
                f"expected 1 (diagnoses), or a column masked (findings); {off.sum()} such rows"
            )
    return probabilities


def _number(text):
    """Return a number, else NaN; digits of other scripts and "1_0" are no numbers."""
    try:
        return float(text) if text.isascii() and "_" not in text else np.nan
    except ValueError:
        return np.nan
