"""SCIN: photographs that people took of their own skin, labelled by dermatologists."""

import ast
import math
import statistics
import sys

import pandas as pd

from simclr_med.manifest import Problem
from simclr_med.records import Records, find, locate, read_csv, split_name

TITLE = "SCIN, the Skin Condition Image Network (Ward et al. 2024)"
LOOKS_FOR = "scin_cases.csv and scin_labels.csv beside images/"
WHERE = "the bucket dx-scin-public-data, see the repository google-research-datasets/scin"
OPTIONS = {}

IMAGES = ("image_1_path", "image_2_path", "image_3_path")
WEIGHTED = "weighted_skin_condition_label"
DERMATOLOGISTS = tuple(f"dermatologist_fitzpatrick_skin_type_label_{i}" for i in (1, 2, 3))
# The names of skin groups are those of Liu et al. 2020, which the paper's figure B.7 uses.
SKIN = {1: "white", 2: "white", 3: "beige", 4: "brown", 5: "dark brown", 6: "dark brown"}
TIE = 1e-6


def read(folder, options):
    """A case has up to three images; its primary diagnoses are those of the largest weight."""
    source = sys.modules[__name__]
    cases = read_csv(
        find(folder, ("scin_cases.csv",), source), ("case_id", "fitzpatrick_skin_type", *IMAGES)
    )
    labels = read_csv(find(folder, ("scin_labels.csv",), source), ("case_id", WEIGHTED))
    for table in (cases, labels):
        twice = table["case_id"].duplicated()
        if twice.any():
            row = table[twice].iloc[0]
            raise ValueError_of(row, "case_id", "stands in an earlier row already")
    problems = []
    joined = cases.merge(labels.drop(columns=["file", "row"]), on="case_id", how="left").fillna("")
    by_case = {row["case_id"]: row for row in labels.to_dict("records")}
    rows = []
    for case in joined.to_dict("records"):
        label_row = by_case.get(case["case_id"], case)
        try:
            primary = primary_diagnoses(case[WEIGHTED])
        except ValueError as error:
            where = (label_row["file"], label_row["row"], WEIGHTED, case[WEIGHTED])
            problems.append(Problem(*where, str(error)))
            continue
        images = [case[name] for name in IMAGES if case[name]]
        if not images:
            where = (case["file"], case["row"], IMAGES[0], "")
            problems.append(Problem(*where, "is empty: a case has an image"))
        rows += [
            {
                "image": image,
                "case_id": case["case_id"],
                "patient_id": "",
                "split": "",
                "labels": "|".join(primary),
                "skin_type": skin_group(case),
                "age_group": case.get("age_group", ""),
                "sex": case.get("sex_at_birth", ""),
                "file": case["file"],
                "row": case["row"],
            }
            for image in images
        ]
    table = pd.DataFrame(rows)
    repeated = table["image"].duplicated()
    table = table[~repeated].reset_index(drop=True)
    table["image"] = _images(folder, table["image"])
    return Records(
        name="SCIN",
        task="multiclass",
        table=table,
        image_root=folder,
        groups=("skin_type",),
        licence="SCIN Data Use License",
        source=TITLE,
        notes=[
            "A case's primary diagnoses are the conditions that share the largest weight of "
            f"{WEIGHTED}; a case without one is unlabelled.",
            "skin_type is the median of the dermatologists' Fitzpatrick labels, else the "
            "self-report: I-II white, III beige, IV brown, V-VI dark brown (Liu et al. 2020).",
            "The set names no patients: a case stands in for one. "
            f"{int(repeated.sum())} images named a second time were left out.",
        ],
        problems=problems,
    )
