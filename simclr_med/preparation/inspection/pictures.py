"""Some cases of each class as thumbnails, the images of a case side by side."""

import hashlib
import io
from typing import NamedTuple

from PIL import Image, ImageOps

from simclr_med.preparation.images.rewriting import plain_image
from simclr_med.preparation.inspection.labels import has_label
from simclr_med.preparation.inspection.measured import UNREADABLE
from simclr_med.views import places

SIDE = 96  # of a thumbnail
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
    pictures = [(name, _thumbnail(path)) for name, path in zip(names, paths, strict=True)]
    return PictureCase(case, len(rows), pictures)


def _thumbnail(path):
    """Return the image as a small JPEG, None where it cannot be read."""
    try:
        content = places.read_bytes(path)
        with Image.open(io.BytesIO(content)) as image:
            # Without the file's comments, which a JPEG of it would have too.
            small = ImageOps.contain(plain_image(image, content), (2 * SIDE, SIDE))
    except UNREADABLE:
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
