"""What a source of data gives: one row an image, as its files say it, not yet split or checked.

    table = read_csv(folder / "metadata.csv", ("img_id", "patient_id", "diagnostic"))
    images = locate(folder, table["img_id"])
    return Records(name="mine", task="multiclass", table=..., image_root=folder)

Every cell is text: an id that looks like a number stays as it was written.
"""

import csv
import dataclasses
import gzip
import os
import pathlib
import re
from collections.abc import Callable

import pandas as pd

from simclr_med.config.splits import SPLITS
from simclr_med.data.problems import Problem
from simclr_med.errors import InputError

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp",
)  # fmt: skip
SPLIT_NAMES = {name: name for name in SPLITS} | {
    "training": "train", "val": "validation", "valid": "validation", "dev": "validation",
    "testing": "test",
}  # fmt: skip
# Columns of ours, under names that no table of a user's has: where a row comes from; and while it
# is prepared its image's folder, the pool it was joined from or "", the digest of its bytes, and
# the group of images that look nearly the same or "".
OURS = FILE, ROW, ROOT, POOL, SHA256, NEAR = (
    "(file)", "(row)", "(root)", "(pool)", "(sha256)", "(near)",
)  # fmt: skip
UNKNOWN = ("", "nan", "unknown", "none")


@dataclasses.dataclass
class Records:
    """What stands in a source's files.

    Attributes:
      name: of the data set.
      task: "multiclass" or "multilabel".
      table: text columns image (relative to `image_root`), case_id, patient_id ("" unknown),
        split ("" where it is to be drawn), labels ("" unlabelled; names joined by "|") or one
        column a finding, then groups and free columns; and FILE and ROW, where the row comes
        from. One row an image.
      image_root: folder of the images.
      findings: the columns of findings, in order; multilabel only.
      groups: columns for subgroup analysis.
      sizes: how to split where the table does not: split to a fraction of the whole (float) or a
        number of `unit`s (int); {} for the usual shares.
      unit: what `sizes` counts, "cases" or "images".
      notes: sentences for the card of the data set.
      problems: rows that were left out, and why.
      render: None where images are files that training reads; otherwise it turns the name in
        `image` into uint8 `[H, W]` or `[H, W, 3]`, or raises ValueError with the reason.
    """

    name: str
    task: str
    table: pd.DataFrame
    image_root: pathlib.Path
    findings: tuple = ()
    groups: tuple = ()
    sizes: dict = dataclasses.field(default_factory=dict)
    unit: str = "cases"
    licence: str = ""
    source: str = ""
    notes: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)
    render: Callable | None = None


def find(folder, names, source):
    """The first of the files `names` that lies in `folder`, or in a folder directly below it.

    Args:
      source: the asking module; its LOOKS_FOR and WHERE are told where nothing is found.

    Raises:
      InputError: none of them is there.
    """
    for pattern in (*names, *(f"*/{name}" for name in names)):
        for path in sorted(folder.glob(pattern)):
            return path
    raise not_found(folder, source)


def not_found(folder, source):
    """An `InputError` that says what `source` looks for and where it comes from."""
    return InputError(
        f"--input={folder}: not found: {source.LOOKS_FOR}\n{source.TITLE} comes from {source.WHERE}"
    )


def read_csv(file, columns, *, rename=None):
    """The rows of a CSV (or .csv.gz) as text, with the columns FILE and ROW added.

    Args:
      columns: that must be in the header.
      rename: a function from the header, a list, to the names to use instead, or None.

    Raises:
      InputError: no such table, or a column missing: the message names both headers.
    """
    try:
        raw = pd.read_csv(
            file,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            header=None,
            index_col=False,
            names=range(_widest(file)),
            skip_blank_lines=True,
        ).fillna("")
    except FileNotFoundError:
        raise InputError(f"{file} not found") from None
    except (csv.Error, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a CSV table in UTF-8: {error}") from None
    if not len(raw):
        raise InputError(f"{file} is empty: expected a header with {', '.join(columns)}")
    header = raw.iloc[0].tolist()
    header = rename(header) if rename else header
    while header and not header[-1]:
        header.pop()
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{file}, row 1: no column {', '.join(missing)}; the header is {', '.join(header)}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{file}, row 1: column {twice[0]!r} stands in the header twice")
    if (raw.iloc[:, len(header) :] != "").to_numpy().any():
        beyond = (raw.iloc[1:, len(header) :] != "").any(axis=1)
        raise InputError(
            f"{file}, row {int(beyond.to_numpy().argmax()) + 2}: has more cells than the header, "
            f"which has {len(header)}"
        )
    table = raw.iloc[1:, : len(header)].reset_index(drop=True).set_axis(header, axis=1)
    if not len(table):
        raise InputError(f"{file} has no rows below its header")
    return table.assign(**{FILE: str(file), ROW: range(2, len(table) + 2)})


def _widest(file):
    """Cells of the widest row: where one is wider than the header, pandas would cut it."""
    opened = gzip.open if str(file).endswith(".gz") else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
        return max((len(row) for row in csv.reader(lines)), default=1) or 1


def locate(folder, names):
    """Where the images called `names` lie below `folder`, as paths relative to it.

    A name is a path, a file's name or its stem; the first that fits counts, in this order, a name
    without a file stays as it is (what looks at the images will miss it).

    Raises:
      InputError: two files below `folder` fit one name.
    """
    names = list(names)
    missing = {name for name in names if not (folder / name).is_file()}
    if not missing:
        return names
    by_name, by_stem, twice = {}, {}, set()
    for path in image_files(folder):
        name = path.rpartition("/")[2]
        for key, known in ((name, by_name), (name.rpartition(".")[0], by_stem)):
            if key in known:
                twice.add(key)
            known.setdefault(key, path)
    ambiguous = sorted(missing & twice)
    if ambiguous:
        raise InputError(f"--input={folder}: two images are called {ambiguous[0]}; keep one")
    found = {name: by_name.get(name) or by_stem.get(name) or name for name in missing}
    return [found.get(name, name) for name in names]


def image_files(folder, suffixes=IMAGE_SUFFIXES):
    """Paths of the image files below `folder`, relative to it, sorted, with forward slashes."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(parent, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        found += [
            prefix + name
            for name in names
            if name.lower().endswith(suffixes) and not name.startswith(".")
        ]
    return sorted(found)


def split_name(text):
    """The split that `text` means, such as validation for "val"; None for no split's name."""
    return SPLIT_NAMES.get(text.strip().lower())


def known(values):
    """A column with what only says that it is unknown (nan, unknown, none) made empty."""
    return values.where(~values.str.lower().isin(UNKNOWN), "")


def whole_numbers(values):
    """A column with 3.0 written as 3: tables that pandas wrote have ids and ages like that."""
    return values.map(lambda text: re.sub(r"^(-?\d+)\.0+$", r"\1", text))


def drop_rows(table, bad, column, reason, problems):
    """The rows of `table` that are not `bad`; the others are added to `problems`."""
    for file, row, value in table.loc[bad, [FILE, ROW, column]].itertuples(index=False):
        problems.append(Problem(file, row, column, value, reason))
    return table[~bad].reset_index(drop=True)
