"""A folder of images: in folders of classes, in folders of splits and classes, or in none."""

import os
import re
import sys

import pandas as pd

from simclr_med.data.problems import Problem
from simclr_med.errors import InputError
from simclr_med.preparation.source_files import image_files, not_found
from simclr_med.preparation.source_table import FILE, ROW, Records, split_name

TITLE = "A folder of images of one's own"
LOOKS_FOR = "images in CLASS/, in SPLIT/CLASS/, or directly in the folder (without labels)"
WHERE = "its owner"
OPTIONS = {
    "path_pattern": {
        "default": "",
        "help": "regular expression, searched in each path below --input, whose groups `case` and "
        "`patient` name them: '(?P<patient>[^/]+)_[^/]*$'; none: each image is a case",
    }
}


def read(folder, options):
    """Return the `Records`: folders are splits and classes; what is no image is counted."""
    found = image_files(folder) if folder.is_dir() else []
    if not found:
        raise not_found(folder, sys.modules[__name__])
    pattern = _compiled(options["path_pattern"])
    rows, problems = [], []
    for path in found:
        match = pattern.search(path) if pattern else None
        if pattern and not match:
            reason = f"does not match --path_pattern={options['path_pattern']}"
            problems.append(Problem(str(folder), None, "image", path, reason))
        else:
            names = match.groupdict() if match else {}
            rows.append(_row(path, names) | {FILE: str(folder), ROW: 0})
    columns = ("image", "case_id", "patient_id", "split", "labels", FILE, ROW)
    table = pd.DataFrame(rows, columns=columns)
    other = sum(len(files) for _, _, files in os.walk(folder)) - len(found)
    notes = [f"{other} files are no images and were passed over."] if other else []
    if "patient" not in (pattern.groupindex if pattern else ()):
        notes.append("Patients are not known: a case stands in for one.")
    return Records(
        name=folder.name,
        task="multiclass",
        table=table,
        image_root=folder,
        notes=notes,
        problems=problems,
    )


def _row(path, names):
    """Return what a path says of its image.

    Args:
      path: SPLIT/CLASS/..., CLASS/... or less, relative to the folder.
      names: what a pattern found for "case" and "patient".
    """
    *parents, _ = path.split("/")
    split = split_name(parents[0]) if parents else None
    parents = parents[1:] if split else parents
    label = parents[0] if parents and split != "unlabelled" else ""
    return {
        "image": path,
        "case_id": names.get("case") or names.get("patient") or path,
        "patient_id": names.get("patient") or "",
        "split": split or "",
        "labels": label.replace("|", "/"),
    }


def _compiled(text):
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"--path_pattern={text}: is no regular expression: {error}") from None
    if not {"case", "patient"} & set(pattern.groupindex):
        raise InputError(f"--path_pattern={text}: has no group (?P<case>...) or (?P<patient>...)")
    return pattern
