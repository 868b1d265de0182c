"""Which images are asked about: those of a folder, DICOM files too, or of a CSV.

listing = listed("new_images")
listing.places[listing.images == "a.png"]
"""

import dataclasses
import hashlib
import os

import numpy as np

from simclr_med import paths
from simclr_med.errors import InputError
from simclr_med.preparation import dicom
from simclr_med.preparation.source_files import IMAGE_SUFFIXES, walk
from simclr_med.tables import read_table

TABLES = (".csv", ".csv.gz", ".tsv")


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """M images; those of one case stand together.

    Attributes:
      images: what each is called, str `[M]`.
      places: its file, str `[M]`; "" where there is none.
      is_dicom: bool `[M]`.
      case_ids, patient_ids: str `[M]`; without a CSV that says so each image is its own case.
      passed_over: files of the folder that are no images.
    """

    images: np.ndarray
    places: np.ndarray
    is_dicom: np.ndarray
    case_ids: np.ndarray
    patient_ids: np.ndarray
    passed_over: int = 0

    def __len__(self):
        return len(self.images)

    @property
    def fingerprint(self):
        """SHA-256 of all names, and of each file's size and time of change."""
        digest = hashlib.sha256()
        for row in zip(self.images, self.places, self.case_ids, self.patient_ids, strict=True):
            state = os.stat(row[1]) if row[1] else None
            seen = (state.st_size, state.st_mtime_ns) if state else ()
            digest.update(repr((row, seen)).encode())
        return digest.hexdigest()


def listed(path):
    """Return the `Listing` of a folder, looked through to its depth, or of a CSV.

    Args:
      path: a folder of images or DICOM files; or a CSV with a column image, of paths relative to
        the CSV's folder, and perhaps case_id and patient_id.

    Raises:
      InputError: it is neither, names no image, or a file whose name is not UTF-8.
    """
    path = paths.to_read(path, "--images")
    found = _of_folder(path) if path.is_dir() else _of_table(path)
    if found.is_dicom.any():
        dicom.library()  # asked for before the work
    if not len(found):
        raise InputError(f"--images={path}: holds no image: {', '.join(IMAGE_SUFFIXES)} or DICOM")
    return found


def _of_folder(folder):
    names, dicoms = [], []
    tree = walk(folder)
    images = set(tree.images())
    for inside in tree.files:
        is_dicom = inside not in images and dicom.is_dicom(folder / inside)
        if is_dicom or inside in images:
            names.append(inside)
            dicoms.append(is_dicom)
    places = [str(paths.file_to_read(folder / name)) for name in names]
    passed_over = len(tree.files) - len(names) + len(tree.broken)
    return _listing(names, places, dicoms, names, [""] * len(names), passed_over)


def _of_table(file):
    if not file.name.lower().endswith(TABLES):
        raise InputError(f"--images={file}: expected a folder, or a table: {', '.join(TABLES)}")
    rows = read_table(file, ("image",)).rows
    empty = np.flatnonzero(rows["image"] == "")
    if len(empty):
        raise InputError(f"{file}, row {rows.index[empty[0]] + 2}, column image: is empty")
    names = rows["image"].tolist()
    places = [_regular(file.parent / name) for name in names]
    dicoms = [bool(place) and dicom.is_dicom(place) for place in places]
    cases = rows["case_id"].tolist() if "case_id" in rows else names
    cases = [case or name for case, name in zip(cases, names, strict=True)]
    patients = rows["patient_id"].tolist() if "patient_id" in rows else [""] * len(names)
    return _listing(names, places, dicoms, cases, patients)


def _regular(path):
    """Return the path of a file as text, "" where there is none: a pipe would be waited for."""
    try:
        return str(path) if path.is_file() and os.access(path, os.R_OK) else ""
    except (OSError, ValueError):
        return ""


def _listing(images, places, dicoms, cases, patients, passed_over=0):
    """Return the `Listing`, cases in the order of their first images."""
    first = {}
    order = np.argsort([first.setdefault(case, len(first)) for case in cases], kind="stable")
    columns = [np.array(column, str)[order] for column in (images, places, cases, patients)]
    return Listing(columns[0], columns[1], np.array(dicoms, bool)[order], *columns[2:], passed_over)


def reason(place):
    """Return why the image of a file cannot be read, in words."""
    # TensorFlow is imported by then.
    from simclr_med.data.unreadable import why_unreadable

    if not place:
        return "no such file"
    if dicom.is_dicom(place):
        try:
            dicom.render(place)
        except dicom.NotShownError as error:
            return str(error)
    return why_unreadable(place) or "cannot be decoded"
