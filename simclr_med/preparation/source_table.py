"""What a source of data gives: one row an image, as its files say it, not yet split or checked.

    table = read_csv(folder / "metadata.csv", ("img_id", "patient_id", "diagnostic"))
    images = locate(folder, table["img_id"])
    return Records(name="mine", task="multiclass", table=..., image_root=folder)

Every cell is text: an id that looks like a number stays as it was written.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable

import pandas as pd

from simclr_med.config.splits import SPLITS
from simclr_med.data.problems import Problem

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


def split_name(text):
    """Return the split that `text` means, such as validation for "val"; None where it is none."""
    return SPLIT_NAMES.get(text.strip().lower())


def blank_unknown(values):
    """Return a column with what only says that it is unknown (nan, unknown, none) made empty."""
    return values.where(~values.str.lower().isin(UNKNOWN), "")


def whole_numbers(values):
    """Return a column with 3.0 written as 3: pandas writes ids and ages like that."""
    return values.map(lambda text: re.sub(r"^(-?\d+)\.0+$", r"\1", text))


def drop_rows(table, bad, column, reason, problems):
    """Return the rows of a table that are not `bad`; append the others to `problems`.

    Args:
      table: with FILE and ROW.
      bad: bool `[N]`.
      column: whose value is wrong.
      reason: why, for the message.
      problems: a list of `Problem`.
    """
    for file, row, value in table.loc[bad, [FILE, ROW, column]].itertuples(index=False):
        problems.append(Problem(file, row, column, value, reason))
    return table[~bad].reset_index(drop=True)
