"""Any table of images, whose columns are named by flags."""

import os
import pathlib

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files.tables import is_unknown, whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.source_table import (
    FILE,
    ROW,
    Records,
    case_names,
    drop_rows,
    listed_names,
    split_name,
    unknown_words,
)

TITLE = "A table of one's own"
LOOKS_FOR = "a CSV file, or a folder that holds just one, with a row an image"
WHERE = "its owner: docs/data.md has an example"


def _column(help_text, default=""):
    return {"default": default, "help": help_text}


PROBLEMS = ".problems.csv"  # ends of names of what an earlier attempt refused
OPTIONS = {
    "image_column": _column("paths or names of the images", "image"),
    "case_column": _column("what one diagnosis belongs to; none: each image is a case"),
    "patient_column": _column("whose cases are never torn apart; none: unknown"),
    "label_column": _column("the diagnosis; none: images without labels"),
    "label_separator": _column("between several diagnoses in a cell", "|"),
    "finding_columns": _column("instead: columns of findings (1, 0, -1, empty), commas between"),
    "split_column": _column("splits to be kept; empty cells are drawn"),
    "group_columns": _column("columns for subgroup analysis, commas between"),
    "image_root": _column("folder of the images; none: that of the paths, or of the table"),
} | TABLE_FLAGS


def read(folder, options):
    """Return the `Records`; every column that no flag names is left behind."""
    file = _only_csv(folder)
    findings = listed_names("finding_columns", options["finding_columns"])
    groups = listed_names("group_columns", options["group_columns"])
    column = {
        name: options[f"{name}_column"] for name in ("image", "case", "patient", "label", "split")
    }
    if findings and column["label"]:
        raise InputError("--label_column and --finding_columns: give one of them")
    wanted = [name for name in (*column.values(), *findings, *groups) if name]
    problems, notes = [], []
    rows = read_csv(file, dict.fromkeys(wanted), options, notes)
    if column["split"]:
        rows = _with_known_split(rows, column["split"], problems)
    image = rows[column["image"]].str.strip()
    root = _image_root(options["image_root"], file, image)
    table = _table(rows, locate(root, image, notes), column, notes)
    labels = _labels(rows, findings, column["label"], options)
    if not column["patient"]:
        notes.append("Patients are not known: a case stands in for one.")
    return Records(
        name=file.name.split(".")[0],
        task="multilabel" if findings else "multiclass",
        table=table.assign(**labels | {name: whole_numbers(rows[name]) for name in groups}),
        image_root=root,
        findings=findings,
        groups=groups,
        problems=problems,
        labels_from=", ".join(findings) or column["label"],
        unlabelled_by="without --label_column all images are unlabelled",
        notes=notes,
    )


def _with_known_split(rows, column, problems):
    known = [name for name in pd.unique(rows[column]) if not name or split_name(name)]
    return drop_rows(rows, ~rows[column].isin(known), column, "is not a split", problems)


def _table(rows, image, column, notes):
    """Return the table of `Records` without labels and groups; `column` holds their names or ""."""
    split, image = _cells(rows, column["split"]), pd.Series(image, rows.index, dtype=object)
    return pd.DataFrame(
        {
            "image": image,
            FILE: rows[FILE],
            ROW: rows[ROW],
            "case_id": case_names(notes, image, rows[column["case"]]) if column["case"] else image,
            "patient_id": _cells(rows, column["patient"]),
            "split": split.map({text: split_name(text) or "" for text in pd.unique(split)}),
        }
    )


def _labels(rows, findings, column, options):
    """Return the columns of findings, by name, or that of labels."""
    if findings:
        return {name: whole_numbers(rows[name]) for name in findings}
    words = unknown_words(options)
    return {"labels": _joined(_cells(rows, column), options["label_separator"], words)}


def _cells(rows, column):
    """Return a column's cells, empty ones where no column is named."""
    return rows[column] if column else pd.Series("", rows.index)


def _only_csv(path):
    if path.is_file():
        return path
    found = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
    found = [file for file in found if not file.name.endswith(PROBLEMS)]
    if len(found) != 1:
        there = f"holds {len(found)}" if found else "has none"
        raise InputError(f"--input={path}: not found: {LOOKS_FOR}; this folder {there}")
    return found[0]


def _image_root(given, file, image):
    """Return the folder given; else the one that absolute paths share; else the table's."""
    absolute = [path for path in image if os.path.isabs(path)]
    shared = os.path.commonpath(map(os.path.dirname, absolute)) if absolute else ""
    # Absolute paths of another machine have no file here; and what is missing is sought below.
    found = any(map(os.path.isfile, absolute)) and shared != os.path.dirname(shared)
    root = pathlib.Path(given or (shared if found else file.parent)).absolute()
    if not root.is_dir():
        raise InputError(f"--image_root={root}: no such folder")
    return root


def _joined(labels, separator, unknown):
    """Return labels with "|" between them, whatever stood there; those that are unknown go."""

    def one(text):
        parts = [part.strip() for part in (text.split(separator) if separator else [text])]
        return "|".join(dict.fromkeys(part for part in parts if not is_unknown(part, unknown)))

    return labels.map({text: one(text) for text in pd.unique(labels)})
