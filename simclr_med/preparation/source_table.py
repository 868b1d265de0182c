"""Records of a source: one row an image, as its files say it, not yet split or checked.

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

from simclr_med.data import label_weights
from simclr_med.data.info import Problem
from simclr_med.errors import InputError
from simclr_med.files.tables import UNKNOWN, whole_numbers
from simclr_med.files.text import as_seen

SPLIT_NAMES = {
    "train": r"tr(ai)?n|training",
    "validation": r"val|valid|validation|dev",
    "test": r"te?st|testing|hold[ _-]?out",
    "external": r"external",
    "unlabelled": r"(un[ _-]?|not?[ _-]?)label(l?ed|s)?",
}
SPLIT_ENDS = r"([ _-]?(set|split|data|images))?"
# Columns of ours, under names that no table of a user's has: where a row comes from; and while it
# is prepared its image's folder, the pool it was joined from or "", the digest of its bytes, and
# the group of images that look nearly the same or "".
OURS = FILE, ROW, ROOT, POOL, SHA256, NEAR = (
    "(file)", "(row)", "(root)", "(pool)", "(sha256)", "(near)",
)  # fmt: skip
# The flag of every source of which something may be unknown.
UNKNOWN_FLAG = {
    "unknown": {
        "default": ",".join(filter(None, UNKNOWN)),
        "help": "what stands for an unknown patient, case, label or group beside an empty cell, "
        "commas between, instead of: %(default)s",
    }
}


@dataclasses.dataclass
class Records:
    """Contents of a source's files.

    Attributes:
      name: of the data set.
      task: "multiclass" or "multilabel".
      table: text columns image (relative to `image_root`), case_id, patient_id ("" unknown),
        split ("" where it is to be drawn), labels ("" unlabelled; names joined by "|") or one
        column a finding, then groups and free columns; and FILE and ROW, where the row comes
        from. One row an image.
      image_root: folder of the images.
      classes: in the source's own order, where it has one; multiclass only.
      labels_from: what in the source says the labels, "" where it has none.
      findings: the columns of findings, in order; multilabel only.
      groups: columns for subgroup analysis.
      sizes: how to split where the table does not: split to a fraction of the whole (float) or a
        number of `unit`s (int); {} for the usual shares.
      unit: what `sizes` counts, "cases" or "images".
      notes: sentences for the card of the data set.
      problems: rows that were left out, and why.
      unlabelled_by: how to say that no image has a label, for a message; "" where none can.
      render: None where images are files that training reads; otherwise it turns the name in
        `image` into uint8 `[H, W]` or `[H, W, 3]`, or raises ValueError with the reason.
    """

    name: str
    task: str
    table: pd.DataFrame
    image_root: pathlib.Path
    classes: tuple = ()
    labels_from: str = ""
    findings: tuple = ()
    groups: tuple = ()
    sizes: dict = dataclasses.field(default_factory=dict)
    unit: str = "cases"
    licence: str = ""
    source: str = ""
    notes: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)
    unlabelled_by: str = ""
    render: Callable | None = None

    def __post_init__(self):
        """Make every column but ROW one of texts, whatever an empty or numeric part made of it."""
        texts = {name: "object" for name in self.table.columns if name != ROW}
        self.table = self.table.astype(texts)


def split_name(text):
    """Return the split that `text` means, such as validation for "val"; None where it is none."""
    for name, pattern in SPLIT_NAMES.items():
        if re.fullmatch(f"({pattern}){SPLIT_ENDS}", text.strip().lower()):
            return name
    return None


def unknown_words(options):
    """Return the words for unknown of the flag of UNKNOWN_FLAG, in small letters."""
    return tuple(word.strip().casefold() for word in options["unknown"].split(","))


def case_names(notes, image, *parts):
    """Return the case of each row: its parts with "_" between, its image where one is unknown.

    What belongs to an unknown patient or lesion is a case of its own.

    Args:
      notes: a list to which a sentence is added on how many such cases there are.
      image: names of images `[N]`.
      parts: columns `[N]` whose values together name a case, "" unknown.
    """
    known = ~pd.concat([part == "" for part in parts], axis=1).any(axis=1)
    if not known.all():
        notes.append(f"{(~known).sum()} images whose case is not known are cases of their own.")
    joined = parts[0].str.cat(parts[1:], sep="_") if len(parts) > 1 else parts[0]
    return joined.where(known, image)


def join_spellings(records):
    """Give ids and labels that stand as 1 and as 1.0, or look the same, one spelling, and say so.

    A table that went through a spreadsheet or was joined has both: one person would be two, and
    might stand on both sides of a split; one class would be two. Blanks beside a name, marks of no
    width, and letters of one character or two (é) are not seen. A name that stands in one spelling
    alone stays as it is.

    Args:
      records: `Records`, whose table is replaced.
    """
    for column in ("patient_id", "case_id", *records.groups, *_label_column(records)):
        separator = "|" if column == "labels" else "\n"  # which no id has
        cells = records.table[column]
        texts = pd.Series(pd.unique(cells), dtype=object)
        names = pd.Series(pd.unique(texts.str.split(separator).explode()), dtype=object)
        one = whole_numbers(names.map(as_seen))
        twice = one.duplicated(keep=False)
        if twice.any():
            joined = dict(zip(names[twice], one[twice], strict=True))
            records.table[column] = cells.map(
                {text: _renamed(text, separator, joined) for text in texts}
            )
            shown = ", ".join(map(repr, names[twice][:2]))
            what = {"labels": "labels", "patient_id": "ids", "case_id": "ids"}.get(column, "levels")
            records.notes.append(
                f"{column}: {one[twice].nunique()} {what} stood in two spellings, as {shown}, "
                "and were taken for one each."
            )


def _label_column(records):
    """Return the column of labels; none of findings, or of a source that weighs its own names."""
    own = records.findings or label_weights.COLUMN in records.table
    return () if own else ("labels",)


def _renamed(text, separator, names):
    parts = (names.get(name, name) for name in text.split(separator))
    return separator.join(dict.fromkeys(parts))


def tell_alike(records):
    """Note ids and labels that differ in capitals or in leading zeros alone.

    Nobody but their owner knows whether they are one.

    Args:
      records: `Records`; its table stays as it is.
    """
    for column in ("patient_id", "case_id", *(["labels"] if not records.findings else ())):
        names = pd.Series(pd.unique(records.table[column].str.split("|").explode()), dtype=object)
        plain = names.map(lambda name: re.sub(r"(?<!\d)0+(?=\d)", "", name.casefold()))
        alike = names[plain.duplicated(keep=False)]
        if len(alike):
            first = alike[plain[alike.index] == plain[alike.index[0]]]
            records.notes.append(
                f"{column}: {len(alike)} differ from another in capitals or leading zeros alone, "
                f"as {' and '.join(map(repr, first[:2]))}; they were taken for different ones."
            )


def listed_names(flag, text):
    """Return the names in a flag's value, commas between.

    Raises:
      InputError: one stands there twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--{flag}={text}: names {name!r} twice")
    return names


def say_lost(notes, lost, whole, what):
    """Append to `notes` that something was lost on the way; refuse where that is most of it.

    Args:
      notes: a list of sentences.
      lost, whole: how many of how many.
      what: a sentence on them, to follow "3 of 5 ".

    Raises:
      InputError: more than half are lost.
    """
    if 2 * lost > whole:
        raise InputError(f"{lost} of {whole} {what}: that is most of the data, or all of it")
    notes += [f"{lost} of {whole} {what}."] * (lost > 0)


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
