"""A tree of DICOM files: images by patient and study, without labels."""

import hashlib
import hmac
import pathlib
import re
import sys

import pandas as pd

from simclr_med.data.info import Problem
from simclr_med.errors import InputError
from simclr_med.files.tables import blank_unknown
from simclr_med.preparation.images import dicom_image
from simclr_med.preparation.source_files import not_found, walk
from simclr_med.preparation.source_table import (
    FILE,
    ROW,
    UNKNOWN_FLAG,
    Records,
    listed_names,
    unknown_words,
)

TITLE = "A tree of DICOM files"
LOOKS_FOR = "DICOM files, told by their content: single images, or frames by --frames=each"
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
    "frames": {
        "choices": ("refuse", "each"),
        "default": "refuse",
        "help": "of files of several frames; each: every frame is an image of the study's case",
    },
} | UNKNOWN_FLAG
TAGS = ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "ViewPosition", "Modality",
        "BurnedInAnnotation", "NumberOfFrames")  # fmt: skip
UID = re.compile(r"[0-9]+(\.[0-9]+)*")
DIRECTORY = "1.2.840.10008.1.3.10"  # of a medium, DICOMDIR: no image


def read(folder, options):
    """Return the `Records`: a case is a study; of the header, view and modality leave the file."""
    if bool(options["salt"]) == bool(options["plain_ids"]):
        raise InputError(
            "--source=dicom: give --salt=TEXT, with which ids of patients are hashed, or "
            "--plain_ids to keep them"
        )
    ids = Ids(options["salt"])
    wanted = set(listed_names("modality", options["modality"]))
    tree = _Tree(folder, ids, wanted, options.get("frames") == "each")
    if not tree.rows and not tree.problems:
        raise not_found(folder, sys.modules[__name__])
    columns = ["image", "case_id", "patient_id", "view", "modality", FILE, ROW]
    table = pd.DataFrame(tree.rows, columns=columns)
    # Before they are hashed: after it no one sees that an id only says that it is unknown.
    known = blank_unknown(table["patient_id"].astype(str), unknown_words(options))
    table["patient_id"] = known.map(ids.code)
    return Records(
        name="dicom" if ids.salt else pathlib.Path(folder).name,
        task="multiclass",
        table=table.assign(split="unlabelled", labels=""),
        image_root=folder,
        groups=("view", "modality"),
        notes=[ids.note, *tree.notes()],
        problems=tree.problems,
        render=lambda name: dicom_image.render(*tree.place[name]),
    )


class Ids:
    """Names of patients, studies and images: as in the files, or hashed with a salt."""

    def __init__(self, salt):
        self.salt = salt
        how = "hashed with a salt (HMAC-SHA-256)" if salt else "as in the files"
        self.note = f"Ids of patients and studies are {how}."

    def code(self, text):
        """Return the id that stands for `text`; "" stays, for it is unknown."""
        return self._hashed(text) if text and self.salt else text

    def file(self, inside):
        """Return the name of the file `inside` the folder in tables and messages.

        Its name may hold a patient's, so that with a salt it is hashed.
        """
        return f"{self._hashed(inside)} (--plain_ids names it)" if self.salt else inside

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
      place: name of an image to its file and, of several, its frame; else None.
      problems: files that cannot be used.
    """

    def __init__(self, folder, ids, wanted, each_frame):
        self.folder, self.ids, self.wanted, self.each_frame = folder, ids, wanted, each_frame
        self.rows, self.place, self.problems = [], {}, []
        self.other = self.unwanted = self.burned_in = 0
        dicom_image.library()
        tree = walk(folder)
        for inside, reason in tree.refused.items():
            self._refuse("file", folder / inside, reason)
        for path in sorted(folder / inside for inside in tree.files):
            if not dicom_image.is_dicom(path):
                self.other += 1
                continue
            try:
                header = dicom_image.read_header(
                    path, stop_before_pixels=True, specific_tags=list(TAGS)
                )
                values = [str(header.get(tag) or "") for tag in TAGS]
                if header.file_meta.get("MediaStorageSOPClassUID") == DIRECTORY:
                    self.other += 1
                    continue
            except dicom_image.NotShownError as error:
                self._refuse("file", path, str(error))
            except Exception as error:  # a value's own, which quotes it
                self._refuse("file", path, f"has a damaged header ({type(error).__name__})")
            else:
                self._add(path, *values)

    def notes(self):
        """Return sentences on the files that were passed over."""
        said = {
            f"Files passed over, since they are not DICOM: {self.other}.": self.other,
            f"{self.unwanted} images of other modalities were left out.": self.unwanted,
            f"{self.burned_in} images say that text is burned into their pixels, which may name "
            "the patient (BurnedInAnnotation).": self.burned_in,
        }
        return [sentence for sentence, number in said.items() if number]

    def _add(self, path, patient, study, image, view, modality, burned_in, frames):
        if self.wanted and modality not in self.wanted:
            self.unwanted += 1
            return
        if not study:
            self._refuse("StudyInstanceUID", path, "is empty: a case is a study")
            return
        name = self.ids.image_name(image, self._inside(path))
        places = {name: (path, None)}
        if self.each_frame and frames.isdecimal() and int(frames) > 1:
            stem = name.removesuffix(".png")
            places = {f"{stem}_{i + 1:04d}.png": (path, i) for i in range(int(frames))}
        for name in set(places) & set(self.place):
            earlier = self.ids.file(self._inside(self.place[name][0]))
            self._refuse("SOPInstanceUID", path, f"is the same image as {earlier}")
            return
        self.place |= places
        self.burned_in += burned_in.upper() == "YES"
        study, file = self.ids.code(study), self.ids.file(self._inside(path))
        self.rows += [(name, study, patient, view, modality, file, 0) for name in places]

    def _refuse(self, column, path, reason):
        tree = "--input" if self.ids.salt else str(self.folder)
        file = self.ids.file(self._inside(path))
        self.problems.append(Problem(tree, None, column, file, reason))

    def _inside(self, path):
        return path.relative_to(self.folder).as_posix()
