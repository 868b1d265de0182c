"""SCIN: photographs that people took of their own skin, labelled by dermatologists."""

import ast
import math
import statistics
import sys

import pandas as pd

from simclr_med.data import label_weights
from simclr_med.data.info import DataError, Problem
from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, say_lost

TITLE = "SCIN, the Skin Condition Image Network (Ward et al. 2024)"
LOOKS_FOR = "scin_cases.csv and scin_labels.csv beside images/"
WHERE = "the bucket dx-scin-public-data, see the repository google-research-datasets/scin"
OPTIONS = TABLE_FLAGS

IMAGES = ("image_1_path", "image_2_path", "image_3_path")
WEIGHTED = "weighted_skin_condition_label"
DERMATOLOGISTS = tuple(f"dermatologist_fitzpatrick_skin_type_label_{i}" for i in (1, 2, 3))
KEY = "(key)"
COLUMNS = (
    "image", "case_id", "patient_id", "split", "labels", label_weights.COLUMN, "skin_type",
    "age_group", "sex", FILE, ROW,
)  # fmt: skip
# The names of skin groups are those of Liu et al. 2020, which the paper's figure B.7 uses.
SKIN = {1: "white", 2: "white", 3: "beige", 4: "brown", 5: "dark brown", 6: "dark brown"}
TIE = 1e-6


def read(folder, options):
    """Return the `Records`: a case has up to three images, and the diagnoses of most weight."""
    problems, notes = [], []
    cases, labels = _tables(folder, options, notes)
    table = pd.DataFrame(list(_rows(cases, labels, problems)), columns=COLUMNS)
    repeated = table["image"].duplicated()
    what = "images named a second time were left out"
    say_lost(notes, int(repeated.sum()), len(table), what)
    table = table[~repeated].reset_index(drop=True)
    table["image"] = locate(folder, table["image"].str.removeprefix("dataset/"), notes)
    return Records(
        name="SCIN",
        task="multiclass",
        table=table,
        image_root=folder,
        groups=("skin_type",),
        licence="SCIN Data Use License",
        source=TITLE,
        labels_from=WEIGHTED,
        notes=[
            "A case's primary diagnoses are the conditions that share the largest weight of "
            f"{WEIGHTED}; a case without one is unlabelled. label_weights has all of them.",
            "skin_type is the median of the dermatologists' Fitzpatrick labels, else the "
            "self-report: I-II white, III beige, IV brown, V-VI dark brown (Liu et al. 2020).",
            "The set names no patients: a case stands in for one.",
            *notes,
        ],
        problems=problems,
    )


def _tables(folder, options, notes):
    """Return the tables of cases and of labels, a row a case, with the KEY that joins them."""
    source = sys.modules[__name__]
    file = find_file(folder, ("scin_cases.csv",), source)
    cases = read_csv(file, ("case_id", "fitzpatrick_skin_type", *IMAGES), options, notes)
    file = find_file(folder, ("scin_labels.csv",), source)
    labels = read_csv(file, ("case_id", WEIGHTED), options, notes)
    for table in (cases, labels):
        table[KEY] = whole_numbers(table["case_id"])
        twice = table[KEY].duplicated() & (table[KEY] != "")
        if twice.any():
            row = table[twice].iloc[0]
            reason = "stands in an earlier row already"
            raise DataError([Problem(row[FILE], row[ROW], "case_id", row["case_id"], reason)])
    unused = ~labels[KEY].isin(cases[KEY]) | (labels[KEY] == "")
    without = ~cases[KEY].isin(labels[KEY])
    say_lost(notes, int(unused.sum()), len(labels), f"rows of {file.name} are of no case")
    if without.any():
        notes.append(f"{without.sum()} cases have no row in {file.name}: unlabelled.")
    return cases, labels


def _rows(cases, labels, problems):
    """Yield a row of `Records.table` for each image; wrong cells go to `problems`."""
    by_case = {row[KEY]: row for row in labels.to_dict("records") if row[KEY]}
    for case in cases.to_dict("records"):
        label = by_case.get(case[KEY], {})
        try:
            weights = weights_of(label.get(WEIGHTED, ""))
        except ValueError as error:
            where = (label[FILE], label[ROW], WEIGHTED, label[WEIGHTED])
            problems.append(Problem(*where, str(error)))
            continue
        images = [case[name] for name in IMAGES if case[name]]
        if not images:
            where = (case[FILE], case[ROW], IMAGES[0], "")
            problems.append(Problem(*where, "is empty: a case has an image"))
        for image in images:
            yield {
                "image": image,
                "case_id": case["case_id"] or image,  # unknown: a case of its own
                "patient_id": "",
                "split": "",
                "labels": "|".join(primary_diagnoses(weights)),
                label_weights.COLUMN: label_weights.to_text(weights),
                "skin_type": skin_group(case, label),
                "age_group": case.get("age_group", ""),
                "sex": case.get("sex_at_birth", ""),
                FILE: case[FILE],
                ROW: case[ROW],
            }


def weights_of(text):
    """Return the text of a Python dict, condition to weight, as one; {} of nothing.

    Raises:
      ValueError: it is something else.
    """
    if not text:
        return {}
    expected = "is not a dict of condition: weight above 0"
    try:
        weights = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(expected) from None
    sound = isinstance(weights, dict) and all(
        isinstance(name, str) and name and "|" not in name
        and isinstance(weight, (int, float)) and math.isfinite(weight) and weight > 0
        for name, weight in weights.items()
    )  # fmt: skip
    if not sound:
        raise ValueError(expected)
    return weights


def primary_diagnoses(weights):
    """Return the conditions of the largest weight in a dict, name to weight."""
    largest = max(weights.values(), default=0)
    return [name for name, weight in weights.items() if weight >= largest - TIE]


def skin_group(case, label):
    """Return the group of a case's skin: the dermatologists' median type's, else as reported."""
    types = [_fitzpatrick(label.get(name, "")) for name in DERMATOLOGISTS]
    types = [number for number in types if number]
    if types:
        return SKIN[statistics.median_low(types)]
    return SKIN.get(_fitzpatrick(case["fitzpatrick_skin_type"]), "")


def _fitzpatrick(text):
    return int(text[3]) if text in ("FST1", "FST2", "FST3", "FST4", "FST5", "FST6") else None
