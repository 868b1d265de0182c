"""Diverse Dermatology Images: biopsy-proven diagnoses by skin tone, a test set."""

import sys

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, case_names, drop_rows

TITLE = "DDI, Diverse Dermatology Images (Daneshjou et al. 2022)"
LOOKS_FOR = "ddi_metadata.csv beside the images that its column DDI_file names"
WHERE = "Stanford AIMI, ddi-dataset.github.io, after agreeing to its terms"
OPTIONS = {
    "labels": {
        "choices": ("disease", "malignant"),
        "default": "disease",
        "help": "the column of labels",
    }
} | TABLE_FLAGS
MALIGNANT = {"true": "malignant", "1": "malignant", "false": "benign", "0": "benign"}
TONES = {"12": "I-II", "34": "III-IV", "56": "V-VI"}


def read(folder, options):
    """Return the `Records`, all of them external: a set of another site to test on."""
    file = find_file(folder, ("ddi_metadata.csv",), sys.modules[__name__])
    problems, notes = [], []
    wanted = ("DDI_ID", "DDI_file", "skin_tone", "malignant", "disease")
    rows = read_csv(file, wanted, options, notes)
    rows["skin_tone"] = whole_numbers(rows["skin_tone"])
    rows = drop_rows(
        rows, ~rows["skin_tone"].isin(("", *TONES)), "skin_tone", "is not 12, 34 or 56", problems
    )
    malignant = whole_numbers(rows["malignant"].str.lower()).map(MALIGNANT)
    labels = malignant.fillna("") if options["labels"] == "malignant" else rows["disease"]
    table = pd.DataFrame(
        {
            "image": locate(folder, rows["DDI_file"], notes),
            "case_id": case_names(notes, rows["DDI_file"], rows["DDI_ID"]),
            "patient_id": "",
            "split": "external",
            "labels": labels,
            "skin_type": rows["skin_tone"].map(TONES).fillna(""),
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )
    return Records(
        name="DDI",
        task="multiclass",
        table=table,
        image_root=folder,
        groups=("skin_type",),
        licence="Stanford University School of Medicine research use agreement",
        source=TITLE,
        labels_from=options["labels"],
        notes=[
            "Skin types are pairs of Fitzpatrick's. All images are external: for testing.",
            *notes,
        ],
        problems=problems,
    )
