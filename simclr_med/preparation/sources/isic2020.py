"""ISIC 2020 (SIIM-ISIC): dermatoscope pictures, many of a patient."""

from simclr_med.preparation.csv_table import TABLE_FLAGS
from simclr_med.preparation.image_table import ImageTable

TITLE = "ISIC 2020 (Rotemberg et al. 2021)"
LOOKS_FOR = "train.csv (or ISIC_2020_train.csv) beside a folder of <image_name>.jpg"
WHERE = "the ISIC challenge of 2020, doi:10.34970/2020-ds01"
OPTIONS = {
    "labels": {
        "choices": ("benign_malignant", "diagnosis"),
        "default": "benign_malignant",
        "help": "the column of labels; most diagnoses are unknown",
    }
} | TABLE_FLAGS
FILES = ("train.csv", "ISIC_2020_train*.csv", "ISIC_2020_Training_GroundTruth*.csv")


def _tell_unlabelled(rows, options, notes, problems):
    if options["labels"] == "diagnosis":
        notes.append("Images whose diagnosis is unknown are unlabelled.")
    return rows


read = ImageTable(
    name="ISIC 2020",
    files=(*FILES, *(f"{name}.gz" for name in FILES)),
    image="image_name",  # a case, too: lesions are not told apart
    jpeg=True,
    patient="patient_id",
    columns={"sex": "sex", "age": "age_approx", "site": "anatom_site_general_challenge"},
    also=("diagnosis", "benign_malignant", "target"),
    groups=("sex",),
    licence="CC BY-NC 4.0",
    change=_tell_unlabelled,
).reader(TITLE, LOOKS_FOR, WHERE)
