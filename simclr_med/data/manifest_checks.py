"""Checks of a manifest's table, row by row and within cases and patients."""

import posixpath
import unicodedata

import numpy as np
import pandas as pd

from simclr_med.config.splits import SPLITS
from simclr_med.data import label_weights
from simclr_med.data.info import COLUMNS, Problem, escapes
from simclr_med.files.tables import whole_numbers
from simclr_med.files.text import as_seen, is_unknown


def check_table(info, table, file):
    """Yield a `Problem` for each wrong row of a manifest's table.

    Args:
      info: `DatasetInfo` of the folder.
      table: rows of text, as they stand in manifest.csv, each under its row there less 2.
      file: what a problem calls that.
    """
    header = _header_problem(info, table, file)
    if header:
        yield header
        return
    for column, bad, reason in (*_cell_checks(info, table), *_label_checks(info, table)):
        for index in np.flatnonzero(bad):
            row, value = int(table.index[index]) + 2, str(table[column].iloc[index])
            yield Problem(file, row, column, value, reason)
    yield from _told_apart(info, table, file)
    yield from _within_owners(info, table, file)


def _header_problem(info, table, file):
    wanted = (*COLUMNS, *_label_columns(info), *info.groups)
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        there = ", ".join(table.columns)
        return Problem(file, 1, None, ", ".join(missing), f"not in the header, which has {there}")
    if not len(table):
        return Problem(file, None, None, "manifest.csv", "has no rows")
    return None


def _label_columns(info):
    return info.classes if info.task == "multilabel" else ("labels",)


def _is_weighted(info, table):
    return info.task == "multiclass" and label_weights.COLUMN in table


def _cell_checks(info, table):
    """Yield (column, bool `[rows]` of the wrong ones, reason)."""
    image = table["image"]
    yield "split", ~table["split"].isin(SPLITS), f"is not one of {', '.join(SPLITS)}"
    yield "case_id", table["case_id"].str.strip() == "", "is empty"
    # Of a word that stands once nobody can tell; twice it makes one case of strangers.
    words = {text: text != "" and is_unknown(text) for text in pd.unique(table["case_id"])}
    unknown = table["case_id"].map(words) & table["case_id"].duplicated(keep=False)
    yield "case_id", unknown, "only says that it is unknown, in several rows: name each case"
    yield "image", image.str.strip() == "", "is empty"
    again = image.map(posixpath.normpath).duplicated()
    yield "image", again, "stands in an earlier row already"
    yield "image", image.map(escapes), "leaves the image root"
    for column in ("case_id", "patient_id"):
        yield column, _looks_as_another(table[column]), "looks the same as another id: write one"
    for column in ("case_id", "patient_id", *info.groups):
        text = table[column]
        yield column, text.str.contains("[\r\n]"), "has a line break"
        yield column, text != text.str.strip(), "begins or ends with a space"


def _looks_as_another(ids):
    """Return the rows, bool `[N]`, whose id stands elsewhere as 1 for 1.0, or with unseen signs."""
    texts = pd.Series(pd.unique(ids), dtype=object)
    seen = _as_read(texts)
    again = texts[seen.duplicated() & (seen != "")]
    return ids.isin(set(again))


def _as_read(texts):
    """Return texts as a person reads them: 1.0 is 1, two blanks are one, and １ is 1."""

    def plain(text):
        return " ".join(unicodedata.normalize("NFKC", as_seen(text)).split())

    return whole_numbers(texts.map(plain))


def _label_checks(info, table):
    """Yield as `_cell_checks` does."""
    if info.task == "multilabel":
        for finding in info.classes:
            number = pd.to_numeric(table[finding], errors="coerce")
            bad = ~number.isin([0, 1, -1]) & (table[finding] != "")
            yield finding, bad, "is not 1, 0, -1 or empty"
        return
    labels, labelled = table["labels"], table["split"] != "unlabelled"
    allowed = set(info.classes)
    sound = labels.map({text: set(text.split("|")) <= allowed for text in pd.unique(labels)})
    reason = f"is not in dataset.json's classes: {', '.join(info.classes)}"
    yield "labels", labelled & ~sound & (labels != ""), reason
    yield "labels", labelled & (labels == ""), "is empty in a labelled split"
    if _is_weighted(info, table):
        weights = table[label_weights.COLUMN]
        sound = {text: label_weights.is_sound(text, allowed) for text in pd.unique(weights)}
        yield label_weights.COLUMN, labelled & ~weights.map(sound), label_weights.EXPECTED


def _told_apart(info, table, file):
    """Yield a `Problem` for each id or level that differs from an earlier one by nothing seen.

    Such as 1.0 and 1, or signs of no width: one person would be two.
    """
    for column in ("case_id", "patient_id", *info.groups):
        names = table[column].drop_duplicates()
        first = {}
        for index, name, seen in zip(names.index, names, _as_read(names), strict=True):
            row = int(index) + 2
            earlier, where = first.setdefault(seen, (name, row))
            if earlier != name:
                reason = f"looks as {earlier!r} does, in row {where}: write one of them in all rows"
                yield Problem(file, row, column, name, reason)


def _within_owners(info, table, file):
    """Yield a `Problem` for each case, and each patient, whose rows contradict each other."""
    for column, what in (
        ("split", "two splits"),
        ("patient_id", "two patients"),
        *((name, "different labels") for name in _label_columns(info)),
        *[(label_weights.COLUMN, "different weights")] * _is_weighted(info, table),
    ):
        yield from _differs_within(file, table, "case_id", column, f"this case has {what}")
    # Both are learnt from: a patient's unlabelled images beside labelled ones leak nothing.
    named = table[table["patient_id"] != ""].replace({"split": {"unlabelled": "train"}})
    yield from _differs_within(
        file, named, "patient_id", "split", "this patient stands in two splits"
    )


def _differs_within(file, table, owner, column, reason):
    first = table.groupby(owner, sort=False)[column].transform("first")
    wrong = table[table[column] != first]
    for index in wrong.drop_duplicates(owner).index:
        row = wrong.loc[index]
        text = f"{reason}: {first.loc[index] or 'empty'} and {row[column] or 'empty'}"
        yield Problem(file, int(index) + 2, owner, row[owner], text)
