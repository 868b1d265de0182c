"""HAM10000: dermatoscope pictures of seven diagnoses, several of a lesion."""

import sys

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import jpegs, locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, case_names

TITLE = "HAM10000 (Tschandl et al. 2018)"
LOOKS_FOR = "HAM10000_metadata.csv beside folders of <image_id>.jpg"
WHERE = "Harvard Dataverse, doi:10.7910/DVN/DBW86T"
OPTIONS = TABLE_FLAGS


def read(folder, options):
    """Return the `Records`: a case is a lesion; the set names no patients."""
    file = find_file(folder, ("HAM10000_metadata.csv", "HAM10000_metadata"), sys.modules[__name__])
    wanted, notes = ("lesion_id", "image_id", "dx", "age", "sex", "localization"), []
    rows = read_csv(file, wanted, options, notes)
    table = pd.DataFrame(
        {
            "image": locate(folder, jpegs(rows["image_id"]), notes),
            "case_id": case_names(notes, rows["image_id"], rows["lesion_id"]),
            "patient_id": "",
            "split": "",
            "labels": rows["dx"],
            "sex": rows["sex"],
            "age": whole_numbers(rows["age"]),
            "localization": rows["localization"],
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )
    return Records(
        name="HAM10000",
        task="multiclass",
        table=table,
        image_root=folder,
        groups=("sex",),
        licence="CC BY-NC 4.0",
        source=TITLE,
        labels_from="dx",
        notes=[
            "The set names no patients: a lesion stands in for one, and two lesions of one patient "
            "may lie in different splits.",
            *notes,
        ],
    )
