"""Fitzpatrick17k: clinical photographs of 114 conditions with skin types."""

import sys

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import jpegs, locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records

TITLE = "Fitzpatrick17k (Groh et al. 2021)"
LOOKS_FOR = "fitzpatrick17k.csv beside a folder of <md5hash>.jpg"
WHERE = "the repository mattgroh/fitzpatrick17k, whose table links to each image"
LABELS = ("label", "nine_partition_label", "three_partition_label")
OPTIONS = {
    "labels": {
        "choices": LABELS,
        "default": "label",
        "help": "the column of labels: 114 conditions, or coarser",
    }
} | TABLE_FLAGS


def read(folder, options):
    """Return the `Records`: a case is an image; skin type -1 is unknown."""
    names = ("fitzpatrick17k.csv", "fitzpatrick17k.csv.gz")
    file = find_file(folder, names, sys.modules[__name__])
    notes = []
    rows = read_csv(file, ("md5hash", "fitzpatrick_scale", *LABELS), options, notes)
    table = pd.DataFrame(
        {
            "image": locate(folder, jpegs(rows["md5hash"]), notes),
            "case_id": rows["md5hash"],
            "patient_id": "",
            "split": "",
            "labels": rows[options["labels"]],
            "skin_type": whole_numbers(rows["fitzpatrick_scale"]).replace("-1", ""),
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )
    return Records(
        name="Fitzpatrick17k",
        task="multiclass",
        table=table,
        image_root=folder,
        groups=("skin_type",),
        licence="CC BY-NC-SA 3.0 for the annotations; the images belong to two atlases",
        source=TITLE,
        labels_from=options["labels"],
        notes=[
            "The set names no patients: an image stands in for one. It holds near-duplicates, "
            "which --near_duplicates keeps on one side.",
            *notes,
        ],
    )
