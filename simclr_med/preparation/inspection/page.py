"""The page of a data set folder, filled from the other modules of this package."""

import pathlib

import numpy as np
import pandas as pd

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.files import atomic, html, stored
from simclr_med.preparation import contradictions
from simclr_med.preparation.inspection import counts, labels
from simclr_med.preparation.inspection.measured import measure, size_summary
from simclr_med.preparation.inspection.pictures import contradictory_rows, picture_rows
from simclr_med.preparation.output import shards

PROBLEMS_SHOWN = 200
CONTRADICTORY_SHOWN = 50  # pictures
MOST_CASES = 1000  # shown of each class: a page holds their pictures
REMEDY = "delete it, or prepare the data set again"


def write_page(folder, output, *, thumbnails=6, seed=0):
    """Write the page; return its path.

    Args:
      folder: a data set folder.
      output: the HTML file.
      thumbnails: cases shown of each class.
      seed: which cases, and which images where not all are measured.

    Raises:
      InputError: the folder is not one that can be trained on, or too many cases are asked for; a
        missing image is only listed.
    """
    if not 0 <= thumbnails <= MOST_CASES:
        raise InputError(f"--thumbnails={thumbnails}: expected 0 to {MOST_CASES} cases of each")
    found = manifest.read(folder)
    info, table = found.info, found.table.copy()
    table["path"] = _paths(found)
    measured = measure(table, seed)
    page = html.render(
        "preparation/inspection/inspection.html",
        title=info.name,
        info=info,
        card=_text_of(found.folder / "card.md"),
        splits=counts.by_split(table),
        warnings=labels.warnings(info, table),
        findings=labels.finding_counts(info, table),
        classes=labels.class_shares(info, table),
        groups=counts.by_group(info, table),
        images_a_case=counts.images_a_case(table),
        sizes=size_summary(measured.sizes, len(table)),
        together=labels.together(info, table),
        contradictory=contradictory_rows(
            info, table, _listed(found.folder / contradictions.FILE), measured.identical
        ),
        contradictory_shown=CONTRADICTORY_SHOWN,
        picture_rows=picture_rows(info, table, thumbnails, seed),
        damaged_shards=shards.damaged(found.folder) if info.shards else [],
        left_out=_left_out(found.folder / "problems.csv"),
        measured=measured,
        problems_shown=PROBLEMS_SHOWN,
    )
    output = pathlib.Path(output)
    atomic.write_text(output, page)
    return output


def _paths(found):
    """Return where each image is; images that are missing do not stop the page."""
    if not found.info.shards:
        return [str(found.image_root / image) for image in found.table["image"]]
    cases = found.cases(pd.unique(found.table["split"]).tolist())
    # Cases gather their rows: the same gathering of the rows says which path is whose.
    code, _ = pd.factorize(found.table["case_id"])
    paths = np.empty(len(code), object)
    paths[np.argsort(code, kind="stable")] = cases.paths
    return paths


def _text_of(file):
    return stored.read_text(file, REMEDY) if file.exists() else ""


def _listed(file):
    """Return the rows of the list of contradictory labels, [] where there is none."""
    return stored.read_table(file, {"group": int, "image": str}, REMEDY) if file.exists() else []


def _left_out(file):
    """Return the table of rows that preparation left out, None where there is none."""
    if not file.exists():
        return None
    return pd.DataFrame(stored.read_table(file, {}, REMEDY))
