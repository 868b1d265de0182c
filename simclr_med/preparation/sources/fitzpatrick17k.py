"""Fitzpatrick17k: clinical photographs of 114 conditions with skin types."""

from simclr_med.preparation.csv_table import TABLE_FLAGS
from simclr_med.preparation.image_table import ImageTable

TITLE = "Fitzpatrick17k (Groh et al. 2021)"
LOOKS_FOR = "fitzpatrick17k.csv beside a folder of <md5hash>.jpg"
WHERE = "the repository mattgroh/fitzpatrick17k, whose table links to each image"
LABELS = ("label", "nine_partition_label", "three_partition_label")
SKIN = "fitzpatrick_scale"
OPTIONS = {
    "labels": {
        "choices": LABELS,
        "default": "label",
        "help": "the column of labels: 114 conditions, or coarser",
    }
} | TABLE_FLAGS


def _blank_unknown_skin(rows, options, notes, problems):
    return rows.assign(**{SKIN: rows[SKIN].str.strip().replace({"-1": "", "-1.0": ""})})


read = ImageTable(
    name="Fitzpatrick17k",
    files=("fitzpatrick17k.csv", "fitzpatrick17k.csv.gz"),
    image="md5hash",
    jpeg=True,
    columns={"skin_type": SKIN},
    also=LABELS,
    groups=("skin_type",),
    licence="CC BY-NC-SA 3.0 for the annotations; the images belong to two atlases",
    notes=(
        "The set names no patients: an image stands in for one. It holds near-duplicates, "
        "which --near_duplicates keeps on one side.",
    ),
    change=_blank_unknown_skin,
).reader(TITLE, LOOKS_FOR, WHERE)
