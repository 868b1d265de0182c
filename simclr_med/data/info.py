"""dataset.json: the description of a data set, its classes and their meaning."""

import dataclasses
import json
import os
import pathlib

import numpy as np

from simclr_med.config.preparation import Preparation
from simclr_med.config.splits import TASKS
from simclr_med.errors import InputError
from simclr_med.files import paths, stored

COLUMNS = ("image", "case_id", "patient_id", "split")
UNCERTAIN = {"ones": 1.0, "zeros": 0.0, "ignore": np.nan}
NOT_MENTIONED = {"negative": 0.0, "masked": np.nan}
LISTED_PROBLEMS = 20  # in a message


@dataclasses.dataclass(frozen=True)
class Problem:
    """One wrong cell or file: `row` counts as a spreadsheet does, the header being row 1."""

    file: str
    row: int | None
    column: str | None
    value: str
    reason: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}{row}{column}: {self.value!r} {self.reason}"


class DataError(InputError):
    """Faults of a data set folder; `problems` holds all of them."""

    def __init__(self, problems):
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:LISTED_PROBLEMS]]
        rest = len(self.problems) - len(lines)
        if rest:
            lines.append(f"... and {rest} more")
        super().__init__("\n".join(lines))


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Contents of dataset.json.

    Attributes:
      name: of the data set.
      task: "multiclass" (one or more primary diagnoses a case) or "multilabel" (findings).
      classes: in the order of the outputs; empty where all images are unlabelled.
      image_root: folder of the manifest's images, absolute or relative to the data set folder.
      shards: folder of TFRecord shards that hold the images instead, see
        `output.shards`; or "".
      groups: manifest columns for subgroup analysis, such as skin_type.
      other_class: the class left out of average sensitivity, or None.
      uncertain: what -1 means, "ones", "zeros" or "ignore", by finding; multilabel only.
      not_mentioned: what an empty finding means, "negative" or "masked"; multilabel only.
      licence, source: free text.
      preparation: what was done to the images' files before.
    """

    name: str
    task: str
    classes: tuple
    image_root: str = "."
    shards: str = ""
    groups: tuple = ()
    other_class: str | None = None
    uncertain: dict = dataclasses.field(default_factory=dict)
    not_mentioned: str = "negative"
    licence: str = ""
    source: str = ""
    preparation: Preparation = Preparation()


def read_info(file: str | os.PathLike) -> DatasetInfo:
    """Return the `DatasetInfo` that dataset.json says.

    Args:
      file: its path.

    Raises:
      DataError: names the key, its value and what was expected.
    """
    file = pathlib.Path(file)
    content = _read_object(file)
    for check in (_check_keys, _check_kinds):
        _refuse(file, check(content))
    content |= {key: tuple(content.get(key, ())) for key in ("classes", "groups")}
    content["preparation"] = Preparation.read(content.get("preparation", {}))
    info = DatasetInfo(**content)
    for check in (_check_names, _check_meanings):
        _refuse(file, check(info))
    return info


def escapes(path: str) -> bool:
    """Return true where `path`, a text, may lead out of the folder that it is relative to."""
    pure = pathlib.PurePosixPath(path.replace("\\", "/"))
    return pure.is_absolute() or ".." in pure.parts


def read_bytes(file: pathlib.Path) -> bytes:
    """Return the bytes of a file that a data set folder holds.

    Raises:
      DataError: it is not there, or no file.
    """
    refuse_missing(file)
    return paths.file_to_read(file).read_bytes()


def refuse_missing(file: pathlib.Path) -> None:
    """Raise `DataError` where nothing is at a path that a data set folder should hold."""
    if not os.path.lexists(file):
        reason = "not found: a data set folder holds dataset.json and manifest.csv"
        raise DataError([Problem(str(file), None, None, file.name, reason)])


def _refuse(file, found):
    """Raise the first fault that a check found, (key, value, reason)."""
    for key, value, reason in found:
        raise DataError([Problem(str(file), None, key, str(value), reason)])


def _read_object(file):
    try:
        content = json.loads(read_bytes(file))  # UTF-8, 16 or 32, with or without a mark
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"is not JSON: {error}"
        raise DataError([Problem(str(file), None, None, "dataset.json", reason)]) from None
    if not isinstance(content, dict):
        reason = "is not an object with name, task, classes"
        raise DataError([Problem(str(file), None, None, type(content).__name__, reason)])
    return content


def _check_keys(content):
    known = {field.name for field in dataclasses.fields(DatasetInfo)}
    for key in sorted(set(content) - known):
        yield key, content[key], f"is not a known key; expected {', '.join(sorted(known))}"
    if escapes(str(content.get("shards", ""))):
        yield "shards", content["shards"], "leaves the data set folder"
    for key in ("name", "task", "classes"):
        if key not in content:
            yield key, "", "is missing"
    if content["task"] not in TASKS:
        yield "task", content["task"], f"is not one of {', '.join(TASKS)}"


def _check_kinds(content):
    for key in ("classes", "groups"):
        value = content.get(key, [])
        if stored.problem(value, [str]):
            yield key, value, "is not a list of names"
    try:
        Preparation.read(content.get("preparation", {}))
    except ValueError as error:
        yield "preparation", content["preparation"], str(error)
    for key in ("name", "image_root", "shards", "not_mentioned", "licence", "source"):
        if not stored.fits(content.get(key, ""), str):
            yield key, content[key], "is not a text"
    if stored.problem(content.get("other_class"), stored.optional(str)):
        yield "other_class", content["other_class"], "is not a text"
    if stored.problem(content.get("uncertain", {}), stored.Each(str)):
        yield "uncertain", content["uncertain"], "is not an object of finding: policy"


def _check_names(info):
    for name in info.groups:
        if name in (*COLUMNS, "labels"):
            yield "groups", name, "is a column of its own, not a group"
    if len(set(info.classes)) < len(info.classes):
        yield "classes", info.classes, "must be different names"
    for name in info.classes:
        if not name or "|" in name:
            yield "classes", name, "is no name of a class: empty, or with a |"


def _check_meanings(info):
    if info.task == "multiclass" and len(info.classes) == 1:
        yield "classes", info.classes, "must be two or more, or [] where nothing is labelled"
    if info.other_class is not None and info.other_class not in info.classes:
        yield "other_class", info.other_class, "is not one of the classes"
    for finding, policy in info.uncertain.items():
        if finding not in info.classes or policy not in UNCERTAIN:
            yield "uncertain", {finding: policy}, "must be finding: ones, zeros or ignore"
    if info.not_mentioned not in NOT_MENTIONED:
        yield "not_mentioned", info.not_mentioned, "must be negative or masked"
