"""ISIC 2020 (SIIM-ISIC): dermatoscope pictures, many of a patient."""

import sys

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import jpegs, locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records

TITLE = "ISIC 2020 (Rotemberg et al. 2021)"
LOOKS_FOR = "train.csv (or ISIC_2020_train.csv) beside a folder of <image_name>.jpg"
WHERE = "the ISIC challenge of 2020, doi:10.34970/2020-ds01"
SITE = "anatom_site_general_challenge"
OPTIONS = {
    "labels": {
        "choices": ("benign_malignant", "diagnosis"),
        "default": "benign_malignant",
        "help": "the column of labels; most diagnoses are unknown",
    }
} | TABLE_FLAGS


def read(folder, options):
    """Return the `Records`: a case is an image, for lesions are not told apart."""
    names = ("train.csv", "ISIC_2020_train*.csv", "ISIC_2020_Training_GroundTruth*.csv")
    names += tuple(f"{name}.gz" for name in names)
    file = find_file(folder, names, sys.modules[__name__])
    wanted = ("image_name", "patient_id", "sex", "age_approx", SITE, "diagnosis")
    notes = []
    rows = read_csv(file, (*wanted, "benign_malignant", "target"), options, notes)
    if options["labels"] == "diagnosis":
        notes.append("Images whose diagnosis is unknown are unlabelled.")
    return Records(
        name="ISIC 2020",
        task="multiclass",
        table=_table(folder, rows, options["labels"], notes),
        image_root=folder,
        groups=("sex",),
        licence="CC BY-NC 4.0",
        source=TITLE,
        labels_from=options["labels"],
        notes=notes,
    )


def _table(folder, rows, labels, notes):
    return pd.DataFrame(
        {
            "image": locate(folder, jpegs(rows["image_name"]), notes),
            "case_id": rows["image_name"],
            "patient_id": rows["patient_id"],
            "split": "",
            "labels": rows[labels],
            "sex": rows["sex"],
            "age": whole_numbers(rows["age_approx"]),
            "site": rows[SITE],
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )
