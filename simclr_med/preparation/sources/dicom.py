"""A tree of DICOM files: images by patient and study, without labels."""

import hashlib
import hmac
import pathlib
import re
import sys

import pandas as pd

from simclr_med.data.manifest import Problem
from simclr_med.errors import InputError
from simclr_med.preparation import dicom
from simclr_med.preparation.source_files import not_found
from simclr_med.preparation.source_table import FILE, ROW, Records

TITLE = "A tree of DICOM files"
LOOKS_FOR = "DICOM files (.dcm, .dicom or without a suffix), single images"
WHERE = "an archive or a public set"
OPTIONS = {
    "salt": {
        "default": "",
        "help": "secret text with which ids of patients and studies are hashed; keep it to join "
        "more images later",
    },
    "plain_ids": {"action": "store_true", "help": "keep ids as they are instead"},
    "modality": {
        "default": "",
        "help": "of CR, DX, XC, ES, DMS ...: those to keep, commas between; none: all",
    },
}
TAGS = ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "ViewPosition", "Modality")
UID = re.compile(r"[0-9]+(\.[0-9]+)*")
SUFFIXES = (".dcm", ".dicom", "")
PREAMBLE = 128


def read(folder, options):
    """A case is a study. Of the header, view and modality alone leave the file."""
    pydicom = dicom.library()
    if bool(options["salt"]) == bool(options["plain_ids"]):
        raise InputError(
            "--source=dicom: give --salt=TEXT, with which ids of patients are hashed, or "
            "--plain_ids to keep them"
        )

    def code(text):
        return text if not text or options["plain_ids"] else hashed(text)

    def hashed(text):
        return hmac.new(options["salt"].encode(), text.encode(), hashlib.sha256).hexdigest()[:16]

    wanted = {name for name in options["modality"].split(",") if name}
    rows, problems, place, other, unwanted = [], [], {}, 0, 0
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        inside = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in SUFFIXES or not _is_dicom(path):
            other += 1
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
            patient, study, image, view, modality = (str(header.get(t) or "") for t in TAGS)
        except Exception as error:  # a damaged header raises errors of many kinds
            problems.append(Problem(str(folder), None, "file", inside, f"cannot be read: {error}"))
            continue
        if wanted and modality not in wanted:
            unwanted += 1
            continue
        if not study:
            where = (str(folder), None, "StudyInstanceUID", inside)
            problems.append(Problem(*where, "is empty: a case is a study"))
            continue
        # Names of files may hold names of patients: an image is called by its id, plain only
        # where that is a DICOM UID's digits and dots, else hashed.
        name = f"{code(image) if UID.fullmatch(image) else hashed(image or inside)}.png"
        if name in place:
            reason = f"is the same image as {place[name].relative_to(folder)}"
            problems.append(Problem(str(folder), None, "SOPInstanceUID", inside, reason))
            continue
        place[name] = path
        rows.append((name, code(study), code(patient), view, modality, inside, 0))
    if not rows and not problems:
        raise not_found(folder, sys.modules[__name__])
    columns = ["image", "case_id", "patient_id", "view", "modality", FILE, ROW]
    table = pd.DataFrame(rows, columns=columns)
    return Records(
        name=pathlib.Path(folder).name,
        task="multiclass",
        table=table.assign(split="unlabelled", labels=""),
        image_root=folder,
        groups=("view", "modality"),
        notes=[
            "Ids of patients and studies are "
            + ("as in the files." if options["plain_ids"] else "hashed with a salt (HMAC-SHA-256).")
        ]
        + [f"{other} files are not DICOM and were passed over."] * (other > 0)
        + [f"{unwanted} images of other modalities were left out."] * (unwanted > 0),
        problems=problems,
        render=lambda name: dicom.render(place[name]),
    )


def _is_dicom(path):
    with open(path, "rb") as file:
        return file.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM"
