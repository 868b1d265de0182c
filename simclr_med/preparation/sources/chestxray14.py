"""ChestX-ray14: chest radiographs of the NIH with 14 findings, an external chest set."""

import re
import sys

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files.tables import whole_numbers
from simclr_med.files.text import read_text
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate, parts_of, without_suffix
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, drop_rows, say_lost

TITLE = "NIH ChestX-ray14 (Wang et al. 2017)"
LOOKS_FOR = "Data_Entry_2017.csv or Data_Entry_2017_v2020.csv beside folders of the images"
WHERE = "the NIH Clinical Center, nihcc.app.box.com/v/ChestXray-NIHCC"
FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
NOTHING = "No Finding"
OPTIONS = {
    "official_split": {
        "choices": ("ignore", "keep"),
        "default": "ignore",
        "help": "keep: test_list.txt is test, and train_val_list.txt is drawn into the others",
    }
} | TABLE_FLAGS
# Two names of the header hold a comma of their own: its cells are put together again.
HALVES = {("OriginalImage[Width", "Height]"), ("OriginalImagePixelSpacing[x", "y]")}


def read(folder, options):
    """Return the `Records`: a case is an image, for labels change over a patient's follow-ups."""
    names = ("Data_Entry_2017.csv", "Data_Entry_2017*.csv", "Data_Entry_2017*.csv.gz")
    file = find_file(folder, names, sys.modules[__name__])
    wanted = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender",
              "View Position")  # fmt: skip
    notes = ["Findings that the report does not name are absent. Effusion is pleural effusion."]
    rows, problems = _sound_rows(read_csv(file, wanted, options, notes, rename=one_name_a_cell))
    split, sizes = pd.Series("", rows.index), {}
    if options["official_split"] == "keep":
        split[_in_official_test(folder, rows["Image Index"], notes)] = "test"
        sizes = {"train": 0.9, "validation": 0.1}
    return Records(
        name="ChestX-ray14",
        task="multilabel",
        table=_table(folder, rows, split, notes),
        image_root=folder,
        findings=FINDINGS,
        groups=("sex", "view"),
        sizes=sizes,
        licence="no restrictions; the NIH asks to be named",
        source=TITLE,
        labels_from="Finding Labels",
        notes=notes,
        problems=problems,
    )


def _in_official_test(folder, images, notes):
    """Return which images, names `[N]`, are in test_list.txt; count those in neither list."""
    source = sys.modules[__name__]
    listed = _listed(find_file(folder, ("test_list.txt",), source))
    test = images.isin(listed)
    if not test.any() and len(images):
        raise InputError(
            f"--official_split=keep: no image of the table is in test_list.txt; it names "
            f"{min(listed, default='none')}, the table {images.iloc[0]}"
        )
    others = sorted([*folder.glob("train_val_list.txt"), *folder.glob("*/train_val_list.txt")])
    if others:
        neither = ~(test | images.isin(_listed(others[0])))
        what = "images are in neither of the official lists, and drawn into the other splits"
        say_lost(notes, int(neither.sum()), len(images), what)
    return test


def _listed(file):
    return {parts_of(name)[-1] for name in read_text(file)[0].split()}


def _sound_rows(rows):
    """Return the rows whose findings are known, and the `Problem`s of the others."""
    problems = []
    allowed = {*FINDINGS, NOTHING}
    sound = {t: set(t.split("|")) <= allowed for t in pd.unique(rows["Finding Labels"])}
    reason = f"is not made of {', '.join(FINDINGS)} or {NOTHING}"
    bad = ~rows["Finding Labels"].map(sound)
    return drop_rows(rows, bad, "Finding Labels", reason, problems), problems


def _table(folder, rows, split, notes):
    labels = rows["Finding Labels"]
    present = {t: set(t.split("|")) for t in pd.unique(labels)}
    ages = {t: re.sub(r"^0*(\d+)Y$", r"\1", t) for t in pd.unique(rows["Patient Age"])}
    return pd.DataFrame(
        {
            "image": locate(folder, rows["Image Index"], notes),
            "case_id": without_suffix(rows["Image Index"]),
            "patient_id": rows["Patient ID"],
            "split": split,
            **{
                name: labels.map({t: str(int(name in has)) for t, has in present.items()})
                for name in FINDINGS
            },
            "sex": rows["Patient Gender"],
            "view": rows["View Position"],
            "age": whole_numbers(rows["Patient Age"].map(ages)),
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )


def one_name_a_cell(header):
    """Return the header with each pair of HALVES joined, as long as before, its end empty."""
    joined = []
    for cell in header:
        if joined and (joined[-1], cell) in HALVES:
            # The rows have a cell for each half.
            first, second = joined[-1].partition("[")[::2]
            joined[-1:] = [f"{first}{second}", f"{first}{cell.rstrip(']')}"]
        else:
            joined.append(cell)
    return joined
