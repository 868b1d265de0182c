"""HAM10000: dermatoscope pictures of seven diagnoses, several of a lesion."""

import sys

import pandas as pd

from simclr_med.preparation.csv_table import read_csv
from simclr_med.preparation.source_files import find_file, locate
from simclr_med.preparation.source_table import FILE, ROW, Records, blank_unknown, whole_numbers

TITLE = "HAM10000 (Tschandl et al. 2018)"
LOOKS_FOR = "HAM10000_metadata.csv beside folders of <image_id>.jpg"
WHERE = "Harvard Dataverse, doi:10.7910/DVN/DBW86T"
OPTIONS = {}


def read(folder, options):
    """Return the `Records`: a case is a lesion; the set names no patients."""
    file = find_file(folder, ("HAM10000_metadata.csv", "HAM10000_metadata"), sys.modules[__name__])
    rows = read_csv(file, ("lesion_id", "image_id", "dx", "age", "sex", "localization"))
    table = pd.DataFrame(
        {
            "image": locate(folder, rows["image_id"] + ".jpg"),
            "case_id": rows["lesion_id"],
            "patient_id": "",
            "split": "",
            "labels": rows["dx"],
            "sex": blank_unknown(rows["sex"]),
            "age": whole_numbers(blank_unknown(rows["age"])),
            "localization": blank_unknown(rows["localization"]),
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
        notes=[
            "The set names no patients: a lesion stands in for one, and two lesions of one patient "
            "may lie in different splits."
        ],
    )
