"""A folder of images: in folders of classes, in folders of splits and classes, or in none."""

import collections
import os
import sys

import pandas as pd

from simclr_med.data.info import Problem
from simclr_med.files.tables import is_unknown
from simclr_med.preparation import path_patterns
from simclr_med.preparation.source_files import Tree, not_found, walk
from simclr_med.preparation.source_table import (
    FILE,
    ROW,
    UNKNOWN_FLAG,
    Records,
    split_name,
    unknown_words,
)

TITLE = "A folder of images of one's own"
LOOKS_FOR = "images in CLASS/, in SPLIT/CLASS/, or directly in the folder (without labels)"
WHERE = "its owner"
OPTIONS = {
    "path_pattern": {
        "default": "",
        "help": "regular expression, searched in each path below --input, whose groups `case` and "
        "`patient` name them: '(?P<patient>[^/]+)_[^/]*$'; none: each image is a case",
    }
} | UNKNOWN_FLAG


def read(folder, options):
    """Return the `Records`: folders are splits and classes; other files are counted."""
    tree = walk(folder) if folder.is_dir() else Tree([], [])
    found = tree.images()
    if not found and not tree.broken:
        raise not_found(folder, sys.modules[__name__])
    text, pattern, matches = options["path_pattern"], None, [None] * len(found)
    if text:
        pattern = path_patterns.compiled(text, "--path_pattern")
        matches = path_patterns.searched(pattern, found, "--path_pattern")
    words = unknown_words(options)
    rows, problems, blanked = [], tree.problems(folder), collections.Counter()
    for path, match in zip(found, matches, strict=True):
        if pattern and not match:
            reason = f"does not match --path_pattern={text}"
            problems.append(Problem(str(folder), None, "image", path, reason))
        else:
            row = _row(path, match.groupdict() if match else {}, words, blanked)
            rows.append(row | {FILE: str(folder), ROW: 0})
    columns = ("image", "case_id", "patient_id", "split", "labels", FILE, ROW)
    table = pd.DataFrame(rows, columns=columns)
    notes = [f"{n} images: {what} is unknown." for what, n in blanked.items()]
    others = collections.Counter(os.path.splitext(path)[1] for path in set(tree.files) - set(found))
    if others:
        kinds = ", ".join(f"{suffix or 'no suffix'} {n}" for suffix, n in others.most_common())
        notes.append(f"Files passed over, since they are no images: {others.total()} ({kinds}).")
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


def _row(path, names, words, blanked):
    """Return the row of an image from its path.

    Args:
      path: SPLIT/CLASS/..., CLASS/... or less, relative to the folder.
      names: what a pattern found for "case" and "patient".
      words: that mean unknown, see `text.is_unknown`.
      blanked: a counter of what they stood for.
    """
    *parents, _ = path.split("/")
    split = split_name(parents[0]) if parents else None
    parents = parents[1:] if split else parents
    label = parents[0] if parents and split != "unlabelled" else ""
    found = {"label": label.replace("|", "/")} | {what: name or "" for what, name in names.items()}
    for what, name in found.items():
        if name and is_unknown(name, words):
            found[what] = ""
            blanked[f"{what} {name!r}"] += 1
    return {
        "image": path,
        "case_id": found.get("case", found.get("patient", "")) or path,
        "patient_id": found.get("patient", ""),
        "split": split or "",
        "labels": found["label"],
    }
