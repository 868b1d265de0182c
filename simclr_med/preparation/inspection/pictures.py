"""Some cases of each class as thumbnails, the images of a case side by side."""

import hashlib
import itertools
from typing import NamedTuple

from simclr_med.data.thumbnails import thumbnail
from simclr_med.preparation import contradictions
from simclr_med.preparation.images.rewriting import plain_image
from simclr_med.preparation.inspection.labels import has_label

IMAGES_A_CASE = 4
COPIES = 8  # shown of one picture


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


def contradictory_rows(info, table, listed, identical):
    """Return a `PictureRow` for each picture whose copies have labels that contradict.

    Args:
      info, table: as of `picture_rows`.
      listed: rows of contradictions.csv, dicts.
      identical: lists of names of images with the same bytes, of a folder without that file.
    """
    findings = info.classes if info.task == "multilabel" else ()
    labelled = table[table["split"] != "unlabelled"].set_index("image", drop=False)
    groups = {}
    for row in listed:
        groups.setdefault(row["group"], []).append(row["image"])
    named = set(itertools.chain(*groups.values()))
    candidates = [*groups.values(), *(names for names in identical if not named & set(names))]
    found = []
    for names in candidates:
        rows = labelled.loc[[name for name in names if name in labelled.index]]
        said = [contradictions.labels_said(findings, row) for row in rows.to_dict("records")]
        if contradictions.contradict(findings, said):
            found.append((rows, said))
    return [_contradictory(rows, said) for rows, said in found]


def _contradictory(rows, said):
    cases = [
        PictureCase(
            f"{row['split']}: {contradictions.as_text(labels)} ({row['case_id']})", 1,
            [(row["image"], thumbnail(row["path"], plain_image))],
        )
        for row, labels in itertools.islice(zip(rows.to_dict("records"), said, strict=True), COPIES)
    ]  # fmt: skip
    return PictureRow(f"{len(rows)} images of one picture", cases)


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
