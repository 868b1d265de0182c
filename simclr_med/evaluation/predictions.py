"""Predictions of one model on one split, and the CSV file that holds them.

One row a case: `case_id`, `patient_id`, `truth` (names joined by "|"), for multilabel `masked`
(the findings whose truth is unknown), `group:<name>` columns, and `probability:<class>` columns
in class order. The file says all there is to say: a `masked` column makes it multilabel.
"""

import collections
import csv
import dataclasses
import io
import pathlib

import numpy as np

from simclr_med import files
from simclr_med.errors import InputError

SEPARATOR = "|"
DEFAULT_OTHER = "Other"
_GROUP = "group:"
_PROBABILITY = "probability:"


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N cases and K classes, beside the truth.

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


def average_over_images(cases, by_image, task):
    """Return `Predictions` of cases: the mean over a case's images of their probabilities.

    Args:
      cases: `Cases` with M images in all.
      by_image: probabilities, `[M, K]`.
      task: what has `task`, `classes` and `other_class`.
    """
    sums = np.add.reduceat(by_image.astype(np.float64), cases.offsets[:-1])
    means = sums / np.diff(cases.offsets)[:, None]  # [N, K]
    return Predictions(
        case_ids=cases.case_ids,
        patient_ids=cases.patient_ids,
        truth=cases.targets,
        probabilities=means.astype(np.float32),
        classes=tuple(task.classes),
        task=task.task,
        other_class=task.other_class,
        groups=cases.groups,
    )


def write(path, predictions):
    """Write `predictions` as CSV in one atomic step; probabilities keep all their bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    multilabel = predictions.task == "multilabel"
    writer.writerow(
        ["case_id", "patient_id", "truth"]
        + ["masked"] * multilabel
        + [_GROUP + name for name in predictions.groups]
        + [_PROBABILITY + name for name in predictions.classes]
    )
    columns = [predictions.case_ids, predictions.patient_ids]
    columns.append(_join(predictions.truth == 1, predictions.classes))
    if multilabel:
        columns.append(_join(np.isnan(predictions.truth), predictions.classes))
    columns += predictions.groups.values()
    # A float32 as text has the fewest digits that give the same float32 back.
    columns += np.asarray(predictions.probabilities, np.float32).astype(str).T.tolist()
    writer.writerows(zip(*columns, strict=True))
    files.write_text(path, text.getvalue())


def read(path, other_class=DEFAULT_OTHER):
    """Return the predictions that `write` wrote.

    Args:
      path: the CSV file. Rows are counted as a spreadsheet does: the header is row 1.
      other_class: the class left out of average sensitivities (multiclass). None leaves no class
        out; the default, "Other", does so too where no class has that name.

    Raises:
      InputError: the file is missing, empty, lacks a column or holds a wrong value.
    """
    header, rows = _read_table(path)
    column = dict(zip(header, zip(*rows, strict=True), strict=True))
    classes = _classes(path, header)
    multilabel = "masked" in column
    _refuse_duplicates(path, column["case_id"])
    return Predictions(
        case_ids=np.array(column["case_id"]),
        patient_ids=np.array(column["patient_id"]),
        truth=_truth(path, column, classes),
        probabilities=np.stack([_probabilities(path, column, name) for name in classes], axis=1),
        classes=classes,
        task="multilabel" if multilabel else "multiclass",
        other_class=None if multilabel else _other(path, classes, other_class),
        groups={
            name[len(_GROUP) :]: np.array(column[name])
            for name in header
            if name.startswith(_GROUP)
        },
    )


def _classes(path, header):
    classes = tuple(name[len(_PROBABILITY) :] for name in header if name.startswith(_PROBABILITY))
    for name in ("case_id", "patient_id", "truth"):
        if name not in header:
            raise InputError(f"{path}: column {name} is missing; the columns are {header}")
    if not classes or "" in classes:
        raise InputError(f"{path}: expected a column {_PROBABILITY}<class> for each class")
    return classes


def _other(path, classes, other_class):
    """Return the class that is left out of sensitivities, None where there is none."""
    if other_class in classes:
        return other_class
    if other_class not in (None, DEFAULT_OTHER):
        raise InputError(f"{path}: no class {other_class!r}; the classes are {list(classes)}")
    return None


def _truth(path, column, classes):
    """Return `[N, K]` float32: 1 present, 0 absent, NaN masked."""
    truth = _split(path, "truth", column["truth"], classes)
    if "masked" not in column:
        _refuse(path, "truth", column["truth"], ~truth.any(1), "names no class")
        return truth.astype(np.float32)
    masked = _split(path, "masked", column["masked"], classes)
    _refuse(path, "masked", column["masked"], (masked & truth).any(1), "is in truth as well")
    return np.where(masked, np.nan, truth).astype(np.float32)


def _read_table(path):
    """Return the header and the rows of a CSV file, all of one length, at least one row."""
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8-sig")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a file of predictions") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    except ValueError:  # nothing to unpack
        raise InputError(
            f"{path}: the file is empty; expected a header and one row a case"
        ) from None
    twice = [name for name, count in collections.Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]} stands there twice")
    if not rows:
        raise InputError(f"{path}: no rows below the header; expected one row a case")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path}, row {number}: {len(row)} values; expected {len(header)}, as in the header"
            )
    return header, rows


def _join(chosen, classes):
    """`[N]` texts: the names of the classes that `chosen` `[N, K]` marks in each row."""
    return [
        SEPARATOR.join(name for name, mark in zip(classes, row, strict=True) if mark)
        for row in chosen.tolist()
    ]


def _split(path, column, texts, classes):
    """The inverse of `_join`: `[N, K]` bool."""
    index = {name: k for k, name in enumerate(classes)}
    chosen = np.zeros((len(texts), len(classes)), bool)
    unknown = np.zeros(len(texts), bool)
    for row, text in enumerate(texts):
        for name in text.split(SEPARATOR) if text else ():
            if name in index:
                chosen[row, index[name]] = True
            else:
                unknown[row] = True
    _refuse(path, column, texts, unknown, f"has a name without a column {_PROBABILITY}<name>")
    return chosen


def _probabilities(path, column, name):
    """Return `[N]` float32 of the class `name`."""
    name = _PROBABILITY + name
    values = np.array([_number(text) for text in column[name]], np.float32)
    wrong = ~((values >= 0) & (values <= 1))  # NaN is wrong too
    _refuse(path, name, column[name], wrong, "is not a number from 0 to 1")
    return values


def _number(text):
    try:
        return float(text)
    except ValueError:
        return np.nan


def _refuse_duplicates(path, case_ids):
    first = {}
    again = np.array([first.setdefault(text, row) != row for row, text in enumerate(case_ids)])
    _refuse(path, "case_id", case_ids, again, "stands in an earlier row; expected one row a case")


def _refuse(path, column, texts, wrong, reason):
    """Raise for the first row that `wrong` `[N]` marks, and counts the others."""
    rows = np.flatnonzero(wrong)
    if len(rows):
        others = len(rows) - 1
        more = f" (and {others} more wrong row{'s' * (others > 1)})" if others else ""
        raise InputError(
            f"{path}, row {rows[0] + 2}, column {column}: {texts[rows[0]]!r} {reason}{more}"
        )
