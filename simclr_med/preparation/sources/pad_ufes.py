"""PAD-UFES-20: phone photographs of skin lesions, by patient and lesion."""

import sys

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, case_names

TITLE = "PAD-UFES-20 (Pacheco et al. 2020)"
LOOKS_FOR = "metadata.csv beside folders of the images that its column img_id names"
WHERE = "Mendeley Data, doi:10.17632/zr7vgbcyr2"
OPTIONS = TABLE_FLAGS


def read(folder, options):
    """Return the `Records`: a case is a patient's lesion.

    Numbers of lesions are used for two patients 250 times.
    """
    names = ("metadata.csv", "PAD-UFES-20_metadata.csv")
    file = find_file(folder, names, sys.modules[__name__])
    wanted, notes = ("patient_id", "lesion_id", "fitspatrick", "diagnostic", "img_id"), []
    rows = read_csv(file, wanted, options, notes)
    table = pd.DataFrame(
        {
            "image": locate(folder, rows["img_id"], notes),
            "case_id": case_names(notes, rows["img_id"], rows["patient_id"], rows["lesion_id"]),
            "patient_id": rows["patient_id"],
            "split": "",
            "labels": rows["diagnostic"],
            "skin_type": whole_numbers(rows["fitspatrick"]),
        }
    )
    for name in ("gender", "age", "region", "biopsed"):
        table[name] = rows.get(name, "")
    return Records(
        name="PAD-UFES-20",
        task="multiclass",
        table=table.assign(**{FILE: rows[FILE], ROW: rows[ROW]}),
        image_root=folder,
        groups=("skin_type",),
        licence="CC BY 4.0",
        source=TITLE,
        labels_from="diagnostic",
        notes=[
            "Skin type is Fitzpatrick's, 1 to 6, as the set's column fitspatrick gives it.",
            *notes,
        ],
    )
