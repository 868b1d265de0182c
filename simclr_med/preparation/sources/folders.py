"""A folder of images: in folders of classes, in folders of splits and classes, or in none."""

import collections
import os
import sys

import pandas as pd

from simclr_med.data.info import Problem
from simclr_med.files.tables import is_unknown
from simclr_med.preparation.path_pattern import groups_of, search_all
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
SHOWN = 10  # classes in a note
OPTIONS = {
    "path_pattern": {
        "default": "",
        "help": "regular expression, searched in each path below --input, whose groups `case` and "
        "`patient` name them: '(?P<patient>[^/]+)_[^/]*$'; a folder that it names is no class; "
        "none: each image is a case",
    },
    "labels": {
        "choices": ("folders", "none"),
        "default": "folders",
        "help": "none: folders are no classes, and all images unlabelled",
    },
} | UNKNOWN_FLAG


def read(folder, options):
    """Return the `Records`: folders are splits and classes; other files are counted."""
    tree = walk(folder) if folder.is_dir() else Tree([], {})
    found, problems = tree.images(), tree.problems(folder)
    if not found and not problems:
        raise not_found(folder, sys.modules[__name__])
    text, words = options["path_pattern"], unknown_words(options)
    groups = groups_of(text) if text else set()
    spans = search_all(text, found) if text else [{}] * len(found)
    rows, blanked = [], collections.Counter()
    for path, named in zip(found, spans, strict=True):
        if named is None:
            reason = f"does not match --path_pattern={text}"
            problems.append(Problem(str(folder), None, "image", path, reason))
        else:
            row = _row(path, named, words, blanked, labelled=options["labels"] == "folders")
            rows.append(row | {FILE: str(folder), ROW: 0})
    columns = ("image", "case_id", "patient_id", "split", "labels", FILE, ROW)
    table = pd.DataFrame(rows, columns=columns)
    return Records(
        name=folder.name,
        task="multiclass",
        table=table,
        image_root=folder,
        notes=_notes(tree, problems, rows, blanked, groups, options["labels"]),
        problems=problems,
        unlabelled_by="--labels=none takes the images of all folders as unlabelled",
    )


def _notes(tree, problems, rows, blanked, groups, labels):
    """Return sentences on the files and folders below the source's folder."""
    notes = [f"{n} images: {what} is unknown." for what, n in blanked.items()]
    others = set(tree.files) - {row["image"] for row in rows} - {p.value for p in problems}
    kinds = collections.Counter(os.path.splitext(path)[1] for path in others)
    if kinds:
        shown = ", ".join(f"{suffix or 'no suffix'} {n}" for suffix, n in kinds.most_common())
        notes.append(f"Files passed over, since they are no images: {kinds.total()} ({shown}).")
    if "patient" not in groups:
        notes.append("Patients are not known: a case stands in for one.")
    classes = sorted({row["labels"] for row in rows if row["labels"]})
    if groups and classes:
        shown = ", ".join(classes[:SHOWN]) + ", ..." * (len(classes) > SHOWN)
        notes.append(f"Classes are the folders that --path_pattern does not name: {shown}.")
    if labels == "none":
        notes.append("--labels=none: no folder is a class or a split, and all are unlabelled.")
    return notes


def _row(path, spans, words, blanked, *, labelled):
    """Return the row of an image from its path.

    Args:
      path: SPLIT/CLASS/..., CLASS/... or less, relative to the folder.
      spans: (start, end) of the pattern's groups in it, by name.
      words: that mean unknown, see `text.is_unknown`.
      blanked: a counter of what they stood for.
      labelled: false where no folder is a split or a class.
    """
    *parents, _ = path.split("/")
    split = split_name(parents[0]) if parents and labelled else None
    classes = _not_named(parents, spans)[bool(split) :]
    label = next(filter(None, classes), "") if labelled and split != "unlabelled" else ""
    found = {"label": label.replace("|", "/")}
    found |= {what: path[start:end] for what, (start, end) in spans.items() if start >= 0}
    for what, name in found.items():
        if name and is_unknown(name, words):
            found[what] = ""
            blanked[f"{what} {name!r}"] += 1
    return {
        "image": path,
        "case_id": found.get("case", found.get("patient", "")) or path,
        "patient_id": found.get("patient", ""),
        "split": (split or "") if labelled else "unlabelled",
        "labels": found["label"],
    }


def _not_named(parents, spans):
    """Return the folders of a path, "" for those that a group of the pattern names.

    A group names the folder that it ends in; one that goes on into the file's name names none.
    """
    ends, kept = [end for start, end in spans.values() if end > start], []
    place = 0
    for name in parents:
        named = any(place < end <= place + len(name) + 1 for end in ends)
        kept.append("" if named else name)
        place += len(name) + 1
    return kept
