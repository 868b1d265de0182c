"""Diverse Dermatology Images: biopsy-proven diagnoses by skin tone, a test set."""

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS
from simclr_med.preparation.image_table import ImageTable
from simclr_med.preparation.source_table import drop_rows

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


def _named(rows, options, notes, problems):
    """Return the rows with names of skin tones and of malignant; refuse other tones."""
    rows["skin_tone"] = whole_numbers(rows["skin_tone"])
    bad = ~rows["skin_tone"].isin(("", *TONES))
    rows = drop_rows(rows, bad, "skin_tone", "is not 12, 34 or 56", problems)
    malignant = whole_numbers(rows["malignant"].str.lower()).map(MALIGNANT).fillna("")
    tones = rows["skin_tone"].map(TONES).fillna("")
    return rows.assign(malignant=malignant, skin_tone=tones)


read = ImageTable(
    name="DDI",
    files=("ddi_metadata.csv",),
    image="DDI_file",
    case=("DDI_ID",),
    columns={"skin_type": "skin_tone"},
    also=("malignant", "disease"),
    split="external",  # a set of another site to test on
    groups=("skin_type",),
    licence="Stanford University School of Medicine research use agreement",
    notes=("Skin types are pairs of Fitzpatrick's. All images are external: for testing.",),
    change=_named,
).reader(TITLE, LOOKS_FOR, WHERE)
