"""Some cases of each class as thumbnails, the images of a case side by side."""

import hashlib
from typing import NamedTuple

from simclr_med.data.thumbnails import thumbnail
from simclr_med.preparation.images.rewriting import plain_image
from simclr_med.preparation.inspection.labels import has_label

IMAGES_A_CASE = 4


class PictureRow(NamedTuple):
    """Cases of one class, or of those without a label."""

    title: str
    cases: list


class PictureCase(NamedTuple):
    """Pairs (name, JPEG, or None where it cannot be read), of `images` images in all."""

    case_id: str
    images: int
    pictures: list


def picture_rows(info, table, thumbnails, seed):
    """Return a `PictureRow` for each class that has cases, then for the unlabelled.

    Args:
      info: `DatasetInfo`.
      table: of the manifest, with the column path.
      thumbnails: cases of each.
      seed: which.
    """
    labelled = table["split"] != "unlabelled"
    rows = [(name, table[has_label(info, table, name) & labelled]) for name in info.classes]
    rows.append(("unlabelled", table[~labelled]))
    return [
        PictureRow(title, _cases_shown(part, thumbnails, seed)) for title, part in rows if len(part)
    ]


def _cases_shown(rows, thumbnails, seed):
    by_hash = sorted(
        rows["case_id"].unique(),
        key=lambda case: hashlib.sha256(f"{seed}\n{case}".encode()).digest(),
    )
    several = set(rows["case_id"][rows["case_id"].duplicated()])
    # Cases with several images first, up to half: they are what MICLe learns from.
    first = [case for case in by_hash if case in several][: thumbnails // 2]
    shown = first + [case for case in by_hash if case not in first][: thumbnails - len(first)]
    rows = rows[rows["case_id"].isin(shown)]
    return [_picture_case(case, rows[rows["case_id"] == case]) for case in shown]


def _picture_case(case, rows):
    names, paths = rows["image"][:IMAGES_A_CASE], rows["path"][:IMAGES_A_CASE]
    pictures = [
        (name, thumbnail(path, plain_image)) for name, path in zip(names, paths, strict=True)
    ]
    return PictureCase(case, len(rows), pictures)
