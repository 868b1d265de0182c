"""A tree of DICOM files: images by patient and study, without labels."""

import hashlib
import hmac
import pathlib
import re
import sys

import pandas as pd

from simclr_med.data.problems import Problem
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
    """Return the `Records`: a case is a study; of the header, view and modality leave the file."""
    if bool(options["salt"]) == bool(options["plain_ids"]):
        raise InputError(
            "--source=dicom: give --salt=TEXT, with which ids of patients are hashed, or "
            "--plain_ids to keep them"
        )
    ids = _Ids(options["salt"])
    wanted = {name for name in options["modality"].split(",") if name}
    tree = _Tree(folder, ids, wanted)
    if not tree.rows and not tree.problems:
        raise not_found(folder, sys.modules[__name__])
    columns = ["image", "case_id", "patient_id", "view", "modality", FILE, ROW]
    table = pd.DataFrame(tree.rows, columns=columns)
    return Records(
        name=pathlib.Path(folder).name,
        task="multiclass",
        table=table.assign(split="unlabelled", labels=""),
        image_root=folder,
        groups=("view", "modality"),
        notes=[ids.note, *tree.notes()],
        problems=tree.problems,
        render=lambda name: dicom.render(tree.place[name]),
    )


class _Ids:
    """What patients, studies and images are called: as in the files, or hashed with a salt."""

    def __init__(self, salt):
        self.salt = salt
        how = "hashed with a salt (HMAC-SHA-256)." if salt else "as in the files."
        self.note = f"Ids of patients and studies are {how}"

    def code(self, text):
        """Return the id that stands for `text`; "" stays, for it is unknown."""
        return self._hashed(text) if text and self.salt else text

    def image_name(self, uid, inside):
        """Return the name of the image with that SOPInstanceUID, in the file `inside` the folder.

        Names of files may hold names of patients: an image is called by its id, plain only where
        that is a DICOM UID's digits and dots, else hashed.
        """
        return f"{self.code(uid) if UID.fullmatch(uid) else self._hashed(uid or inside)}.png"

    def _hashed(self, text):
        return hmac.new(self.salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]


class _Tree:
    """The DICOM files below a folder.

    Attributes:
      rows: of the table of images.
      place: name of an image to its file.
      problems: files that cannot be used.
    """

    def __init__(self, folder, ids, wanted):
        self.folder, self.ids, self.wanted = folder, ids, wanted
        self.rows, self.place, self.problems = [], {}, []
        self.other = self.unwanted = 0
        pydicom = dicom.library()
        for path in sorted(file for file in folder.rglob("*") if file.is_file()):
            if path.suffix.lower() not in SUFFIXES or not _is_dicom(path):
                self.other += 1
                continue
            try:
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
                values = [str(header.get(tag) or "") for tag in TAGS]
            except Exception as error:  # a damaged header raises errors of many kinds
                self._refuse("file", path, f"cannot be read: {error}")
                continue
            self._add(path, *values)

    def notes(self):
        """Return sentences on the files that were passed over."""
        said = {
            f"{self.other} files are not DICOM and were passed over.": self.other,
            f"{self.unwanted} images of other modalities were left out.": self.unwanted,
        }
        return [sentence for sentence, number in said.items() if number]

    def _add(self, path, patient, study, image, view, modality):
        if self.wanted and modality not in self.wanted:
            self.unwanted += 1
            return
        if not study:
            self._refuse("StudyInstanceUID", path, "is empty: a case is a study")
            return
        inside = path.relative_to(self.folder).as_posix()
        name = self.ids.image_name(image, inside)
        if name in self.place:
            earlier = self.place[name].relative_to(self.folder)
            self._refuse("SOPInstanceUID", path, f"is the same image as {earlier}")
            return
        self.place[name] = path
        code = self.ids.code
        self.rows.append((name, code(study), code(patient), view, modality, inside, 0))

    def _refuse(self, column, path, reason):
        inside = path.relative_to(self.folder).as_posix()
        self.problems.append(Problem(str(self.folder), None, column, inside, reason))


def _is_dicom(path):
    with open(path, "rb") as file:
        return file.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM"
