"""The most confident errors of a run, with small pictures of their images where those are there.

What evaluation drew with --gradcam, the image beside where the head looked, stands in its place.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from simclr_med.data import manifest
from simclr_med.data.cases import Cases
from simclr_med.data.thumbnails import thumbnail
from simclr_med.errors import InputError
from simclr_med.evaluation.predictions import Predictions
from simclr_med.files import stored
from simclr_med.runs import layout

IMAGES_A_CASE = 3


class Mistake(NamedTuple):
    """One wrong case: truth, prediction, its probability, its pictures (JPEG).

    `spoke_for` is the class for which the pictures show what spoke, "" where they do not.
    """

    case_id: str
    truth: str
    said: str
    probability: float
    pictures: list
    spoke_for: str


class Mistakes(NamedTuple):
    """Of one run on one split; `note` says why there are no pictures, or is ""."""

    mistakes: list
    note: str


def confident_mistakes(run, split, count):
    """Return the `Mistakes` of a run: the `count` wrong cases it is most sure of.

    Args:
      run: a `Run`.
      split: one that it has predictions of.
      count: cases shown; each stands there once.
    """
    made = run.predictions[split]
    rows, classes, sure = most_sure(made, count)
    images, note = _images(run, split, made.case_ids[rows])
    looked = _looked(run, split)
    found = [
        _mistake(made, row, k, probability, images, looked)
        for row, k, probability in zip(rows, classes, sure, strict=True)
    ]
    return Mistakes(found, note if found else "")


def most_sure(made: Predictions, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows `[n]`, the wrongly predicted class of each, and its probability.

    Multiclass: a case is wrong where its most probable class is none of its diagnoses. Findings:
    the probability of what is not so, whether that is a finding's presence or its absence.
    """
    wrong = np.where(made.truth == 1, np.nan, made.probabilities)  # [N, K]
    if made.task == "multilabel":
        wrong = np.where(made.truth == 1, 1 - made.probabilities, made.probabilities)
        wrong = np.where(np.isnan(made.truth) | (wrong <= 0.5), np.nan, wrong)
    else:
        top = made.probabilities == made.probabilities.max(1, keepdims=True)
        right = (top & (made.truth == 1)).any(1)
        wrong = np.where(right[:, None] | ~top, np.nan, wrong)
    worst = np.where(np.isnan(wrong), -1, wrong).max(1)
    rows = np.argsort(-worst, kind="stable")[:count]
    rows = rows[worst[rows] >= 0]
    return rows, np.nanargmax(wrong[rows], axis=1) if len(rows) else rows, worst[rows]


def _mistake(made, row, k, probability, images, looked):
    name, case_id = made.classes[k], str(made.case_ids[row])
    if made.task == "multilabel":
        present = made.truth[row, k] == 1
        truth, said = (name, f"no {name}") if present else (f"no {name}", name)
    else:
        truth = ", ".join(c for c, t in zip(made.classes, made.truth[row], strict=True) if t == 1)
        said = name
    drawn = looked.get(identity(case_id, name, probability), ())
    pictures = [thumbnail(path) for path in drawn or images.get(case_id, ())[:IMAGES_A_CASE]]
    spoke_for = name if drawn else ""
    return Mistake(case_id, truth, said, float(probability), [p for p in pictures if p], spoke_for)


def identity(case_id: str, name: str, probability: float) -> tuple[str, str, str]:
    """Return the identity that a picture shares with a mistake of the same weights."""
    return case_id, name, f"{probability:.6f}"


def _looked(run, split):
    """Return `identity` to the pictures of where the head looked, as evaluation drew them."""
    table = pathlib.Path(run.path) / layout.GRADCAM / f"{split}.csv"
    if not table.exists():
        return {}
    remedy = f"evaluate {run.path} again with --gradcam, or delete the file"
    found = {}
    columns = {"case_id": str, "class": str, "probability": str, "picture": int}
    for row in stored.read_table(table, columns, remedy):
        place = table.with_suffix("") / f"{row['picture']:06}.png"
        key = (row["case_id"], row["class"], row["probability"])
        found.setdefault(key, []).append(str(place))
    return found


def _images(run, split, case_ids):
    """Return a case's id to the paths of its images, and why there are none, or ""."""
    if run.config is None:
        return {}, "no pictures: the run was trained elsewhere"
    folder = run.config.data.data_dir
    try:
        cases = manifest.read(folder).cases([split])
    except (InputError, OSError):
        return {}, f"no pictures: the data set {folder} is not to be read here"
    found = images_of(cases, case_ids)
    return found, "" if found else f"no pictures: {folder} has other cases"


def images_of(cases: Cases, case_ids: np.ndarray) -> dict[str, list[str]]:
    """Return a case's id to the paths of its images, of the `case_ids` that `cases` has."""
    row = {case_id: number for number, case_id in enumerate(cases.case_ids.tolist())}
    at = {case_id: row[case_id] for case_id in case_ids.tolist() if case_id in row}
    return {
        case_id: cases.paths[cases.offsets[i] : cases.offsets[i + 1]].tolist()
        for case_id, i in at.items()
    }
