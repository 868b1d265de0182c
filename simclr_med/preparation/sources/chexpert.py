"""CheXpert: chest radiographs by patient and study, with uncertain findings."""

import sys

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import TABLE_FLAGS, read_csv
from simclr_med.preparation.image_lookup import locate, parts_of, without_suffix
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, drop_rows, listed_names

TITLE = "CheXpert (Irvin et al. 2019)"
LOOKS_FOR = "train.csv (and valid.csv) beside train/patient*/study*/view*.jpg"
WHERE = "Stanford AIMI, after registration"

FINDINGS = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *FINDINGS)
PAPER = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
# Numbers of images. The paper prints 67,429, which leaves out exactly 100,000 of 223,414.
SPLITS = {
    "full": {"train": 167_429, "validation": 22_240, "test": 33_745},
    "as_printed": {"train": 67_429, "validation": 22_240, "test": 33_745},
}
IMAGES = sum(SPLITS["full"].values())
SHARES = {split: size / IMAGES for split, size in SPLITS["full"].items()}
VALUES = ("1", "0", "-1", "")
PARTS = r"(?P<patient>patient\d+)/(?P<study>study\d+)/(?P<view>[^/]+)$"
OPTIONS = {
    "views": {
        "choices": ("frontal", "lateral", "both"),
        "default": "both",
        "help": "which images are kept",
    },
    "findings": {
        "default": "paper",
        "help": "'paper' (its five), 'all' (13), or names with commas between",
    },
    "case": {"choices": ("study", "image"), "default": "study", "help": "what a case is"},
    "official_validation": {
        "choices": ("leave_out", "external"),
        "default": "leave_out",
        "help": "valid.csv, labelled by radiologists: left out, as in the paper, or external",
    },
} | TABLE_FLAGS


def read(folder, options):
    """Return the `Records`; patient and study stand in the path alone."""
    findings = _findings(options["findings"])
    problems, notes = [], []
    rows, whole = _rows(folder, options, notes)
    rows = _sound_rows(rows, findings, problems)
    if options["views"] != "both":
        kept = rows["Frontal/Lateral"].str.lower() == options["views"]
        notes.append(f"{int((~kept).sum())} images of other views were left out.")
        rows = rows[kept].reset_index(drop=True)
    whole = whole and options["views"] == "both" and not problems
    notes += [
        "The paper re-splits the official training file into 67,429, 22,240 and 33,745 images "
        "as printed; with 167,429 they fill it, which --splits=full takes for meant.",
        f"Views: {options['views']}. A case is {options['case']}.",
    ]
    if not whole:
        notes.append("Not the whole training file: its shares were used, not its numbers.")
    return Records(
        name="CheXpert",
        task="multilabel",
        table=_table(rows, findings, options["case"]),
        image_root=folder,
        findings=findings,
        groups=("sex", "view"),
        sizes=SPLITS["full"] if whole else SHARES,
        unit="images",
        licence="Stanford University School of Medicine CheXpert Dataset Research Use Agreement",
        source=TITLE,
        labels_from=", ".join(findings),
        notes=notes,
        problems=problems,
    )


def _rows(folder, options, notes):
    """Return the rows with `image` and `split`, "" to be drawn; whether train.csv is whole."""
    source = sys.modules[__name__]
    file = find_file(folder, ("train.csv",), source)
    parts = [_part(folder, file, "", options, notes)]
    if options["official_validation"] == "external":
        valid = find_file(file.parent, ("valid.csv",), source)
        parts.append(_part(folder, valid, "external", options, notes))
    return pd.concat(parts, ignore_index=True), len(parts[0]) == IMAGES


def _part(folder, file, split, options, notes):
    rows = read_csv(file, HEADER, options, notes)
    rows["Path"] = ["/".join(parts_of(path)) for path in rows["Path"]]
    return rows.assign(split=split, image=locate(folder, _paths(folder, rows["Path"]), notes))


def _paths(folder, paths):
    """Return paths without their first part, the set's folder, unless it lies in `folder`."""
    first = paths.str.partition("/")[0]
    inside = {name: (folder / name).is_dir() for name in pd.unique(first)}
    return paths.where(first.map(inside), paths.str.partition("/")[2])


def _sound_rows(rows, findings, problems):
    bad = rows["Path"].str.extract(PARTS)["patient"].isna()
    rows = drop_rows(rows, bad, "Path", "has no patient and study", problems)
    for name in findings:
        bad = ~whole_numbers(rows[name]).isin(VALUES)
        rows = drop_rows(rows, bad, name, "is not 1.0, 0.0, -1.0 or empty", problems)
    bad = ~rows["Frontal/Lateral"].isin(("Frontal", "Lateral"))
    return drop_rows(rows, bad, "Frontal/Lateral", "is not one of them", problems)


def _table(rows, findings, case):
    place = rows["Path"].str.extract(PARTS)
    # The official validation counts its patients anew from 64541 on, so that ids do not meet.
    case_id = place["patient"] + "_" + place["study"]
    if case == "image":
        case_id += "_" + without_suffix(place["view"])
    return pd.DataFrame(
        {
            "image": rows["image"],
            "case_id": case_id,
            "patient_id": place["patient"],
            "split": rows["split"],
            **{name: whole_numbers(rows[name]) for name in findings},
            "sex": rows["Sex"],
            "age": whole_numbers(rows["Age"]),
            "view": (rows["Frontal/Lateral"] + " " + rows["AP/PA"]).str.strip(),
            FILE: rows[FILE],
            ROW: rows[ROW],
        }
    )


def _findings(text):
    if text in ("paper", "all"):
        return PAPER if text == "paper" else FINDINGS
    names = listed_names("findings", text)
    wrong = [name for name in names if name not in FINDINGS]
    if wrong:
        raise InputError(f"--findings={text}: {wrong[0]!r} is not one of {', '.join(FINDINGS)}")
    return names
