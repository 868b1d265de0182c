"""Images to predict: those of a folder, DICOM files too, or of a CSV.

listing = listed("new_images")
listing.places[listing.images == "a.png"]
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib

import numpy as np
from PIL import Image

from simclr_med.errors import InputError
from simclr_med.files import paths
from simclr_med.files.tables import blank_unknown, read_table
from simclr_med.files.text import as_seen, is_unknown
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.images import dicom_image
from simclr_med.preparation.images.formats import is_readable
from simclr_med.preparation.images.image_faults import further_pages
from simclr_med.preparation.source_files import IMAGE_SUFFIXES, NOT_UTF8, Tree, walk
from simclr_med.preparation.sources.dicom import Ids

TABLES = (".csv", ".csv.gz", ".tsv")
SEVERAL_PAGES = (".tif", ".tiff", ".gif", ".png", ".apng", ".webp", ".avif")


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """M images; those of one case stand together.

    Attributes:
      images: name of each, str `[M]`.
      places: its file, str `[M]`; "" where there is none.
      is_dicom: bool `[M]`.
      case_ids, patient_ids: str `[M]`; without a CSV that says so each image is its own case.
      faults: name of an image to the reason why it cannot be read, where its place does not tell.
      notes: sentences on assumptions, and on files that were passed over.
    """

    images: np.ndarray
    places: np.ndarray
    is_dicom: np.ndarray
    case_ids: np.ndarray
    patient_ids: np.ndarray
    notes: tuple = ()
    faults: dict = dataclasses.field(default_factory=dict)

    def __len__(self):
        return len(self.images)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all names, and of each file's size and time of change."""
        digest = hashlib.sha256()
        for row in zip(self.images, self.places, self.case_ids, self.patient_ids, strict=True):
            state = os.stat(row[1]) if row[1] else None
            seen = (state.st_size, state.st_mtime_ns) if state else ()
            digest.update(repr((row, seen)).encode())
        return digest.hexdigest()


def listed(
    path: str | pathlib.Path, image_column: str = "image", dicom_ids: str = "none", salt: str = ""
) -> Listing:
    """Return the `Listing` of a folder, looked through to its depth, of a file, or of a CSV.

    Args:
      path: a folder of images or DICOM files, or one of these; or a CSV with a column of paths
        relative to its folder (see `image_lookup.locate`), and perhaps case_id and patient_id.
      image_column: of the CSV.
      dicom_ids: "none", each DICOM file is a case; "plain", its study is, of its patient;
        "hashed", so are their hashes.
      salt: of the hashes.

    Raises:
      InputError: it is none of these, names no image, an image of a case twice, or two patients of
        one case.
    """
    path = paths.to_read(path, "--images")
    ids = _dicom_ids(dicom_ids, salt)
    if path.is_dir():
        found = _of_folder(path, walk(path), ids)
    elif path.name.lower().endswith(TABLES):
        found = _of_table(path, image_column)
    else:
        found = _of_folder(path.parent, Tree([path.name], {}), ids)
        if not len(found):
            raise InputError(
                f"--images={path}: expected a folder, an image or DICOM file, or a table: "
                f"{', '.join(TABLES)}"
            )
    if found.is_dicom.any():
        dicom_image.library()  # asked for before the work
    if not len(found):
        raise InputError(f"--images={path}: holds no image: {', '.join(IMAGE_SUFFIXES)} or DICOM")
    return found


def _dicom_ids(kind, salt):
    """Return the `Ids` that a flag asks for, or None."""
    if (kind == "hashed") != bool(salt):
        raise InputError("--dicom_ids=hashed and --salt=TEXT: expected both or neither")
    return None if kind == "none" else Ids(salt)


def _of_folder(folder, tree, ids):
    names, dicoms = [], []
    images = set(tree.images())
    for inside in tree.files:
        is_dicom = inside not in images and dicom_image.is_dicom(folder / inside)
        if is_dicom or inside in images:
            names.append(inside)
            dicoms.append(is_dicom)
    faults = {
        name: reason
        for name, reason in tree.refused.items()
        if is_readable(name) or reason == NOT_UTF8
    }
    others = len(tree.files) - len(names) + len(tree.refused) - len(faults)
    notes = [f"files passed over, since they are no images: {others}"] * bool(others)
    places = [str(folder / name) for name in names] + [""] * len(faults)
    names, dicoms = [*names, *faults], dicoms + [False] * len(faults)
    cases, patients = names, [""] * len(names)
    if ids:
        known = [
            _study(place, ids) if dicom else ("", "")
            for place, dicom in zip(places, dicoms, strict=True)
        ]
        cases = [study or name for (study, _), name in zip(known, names, strict=True)]
        patients = [patient for _, patient in known]
    return _listing(names, places, dicoms, cases, patients, notes, faults)


def _study(place, ids):
    """Return the study and the patient of a DICOM file, "" where it does not tell."""
    try:
        header = dicom_image.read_header(
            place, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "PatientID"]
        )
        found = [str(header.get(tag) or "") for tag in ("StudyInstanceUID", "PatientID")]
    except Exception:  # a damaged one, which is found out where its image is read
        return "", ""
    return tuple("" if is_unknown(text) else ids.code(as_seen(text)) for text in found)


def _of_table(file, column):
    found = read_table(file, (column,))
    rows, notes = found.rows, list(found.assumed)
    rows = rows.assign(image=rows[column].str.strip())
    for name in ("case_id", "patient_id"):
        known = blank_unknown(rows[name]).map(as_seen) if name in rows else ""
        rows = rows.assign(**{name: known})
    alone = rows["case_id"] == ""
    if "case_id" in found.rows and alone.any():
        notes.append(f"{alone.sum()} images whose case is not known are cases of their own")
    rows["case_id"] = rows["case_id"].where(~alone, rows["image"])
    _refuse_rows(file, rows, column)
    places = _places(file.parent.absolute(), rows["image"].tolist(), notes)
    dicoms = [bool(place) and dicom_image.is_dicom(place) for place in places]
    names, cases, patients = (rows[n].tolist() for n in ("image", "case_id", "patient_id"))
    return _listing(names, places, dicoms, cases, patients, notes)


def _refuse_rows(file, rows, image_column):
    """Raise `InputError` for the first row that cannot be answered as it stands."""
    first = rows.groupby("case_id", sort=False)["patient_id"].transform("first")
    for column, wrong, reason in (
        ("image", rows["image"] == "", "is empty"),
        ("image", rows.duplicated(["case_id", "image"]), "stands in an earlier row of its case"),
        ("patient_id", rows["patient_id"] != first, "is another than in this case's first row"),
    ):
        if wrong.any():
            row = wrong.idxmax()
            shown = image_column if column == "image" else column
            raise InputError(
                f"{file}, row {row + 2}, column {shown}: {rows[column][row]!r} {reason}"
            )


def _places(folder, names, notes):
    """Return the file of each name as text, sought by its end where it is not there as it stands.

    Args: as of `image_lookup.locate`.
    """
    places = [_regular(folder / name) for name in names]
    if all(places):
        return places
    sought = locate(folder, names, notes)
    return [place or _regular(folder / end) for place, end in zip(places, sought, strict=True)]


def _regular(path):
    """Return the path of a file as text, "" where there is none: a pipe would be waited for."""
    try:
        return str(path) if path.is_file() and os.access(path, os.R_OK) else ""
    except (OSError, ValueError):
        return ""


def _listing(images, places, dicoms, cases, patients, notes, faults=None):
    """Return the `Listing`, cases in the order of their first images."""
    first = {}
    further = sum(map(_has_further_pages, places))
    if further:
        notes = [*notes, f"images of several pages or frames: {further}; the first counts"]
    order = np.argsort([first.setdefault(case, len(first)) for case in cases], kind="stable")
    columns = [np.array(column, str)[order] for column in (images, places, cases, patients)]
    dicoms = np.array(dicoms, bool)[order]
    return Listing(columns[0], columns[1], dicoms, *columns[2:], tuple(notes), faults or {})


def _has_further_pages(place):
    """Return true where a file of a kind that may have several pages has them."""
    if not place.lower().endswith(SEVERAL_PAGES):
        return False
    with contextlib.suppress(Exception), Image.open(place) as image:  # a damaged one is told later
        return bool(further_pages(image))
    return False


def reason(place: str) -> str:
    """Return the reason why the image of a file cannot be read, in words."""
    # TensorFlow is imported by then.
    from simclr_med.data.unreadable import why_unreadable

    if not place:
        return "no such file"
    if dicom_image.is_dicom(place):
        try:
            dicom_image.render(place)
        except dicom_image.NotShownError as error:
            return str(error)
    return why_unreadable(place) or "cannot be decoded"
