"""Tables of text as people keep them: commas, semicolons or tabs, each row of the header's width.

    table = read_table("metadata.csv", ("image", "patient"))
    table.rows["patient"]  # text; row 2 of a spreadsheet has the index 0

Every cell is text: an id that looks like a number stays as it was written.
"""

import csv
import dataclasses
import io
import os
import pathlib
import re
from collections.abc import Callable, Iterable

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files.text import (
    SEPARATORS,
    UNKNOWN,
    excel_separator,
    is_unknown,
    likeliest_separator,
    read_text,
    separator_said,
)

LISTED = 20  # wrong rows in a message


@dataclasses.dataclass(frozen=True, eq=False)
class TextTable:
    """The `rows` of a table, their index the row of a spreadsheet less 2, and the `assumed`."""

    rows: pd.DataFrame
    assumed: tuple


def read_table(
    file: str | os.PathLike,
    columns: Iterable[str],
    *,
    encoding: str = "",
    separator: str = "",
    rename: Callable | None = None,
) -> TextTable:
    """Return a table with a header as a `TextTable`; blank rows are left out.

    Args:
      file: its path; .csv.gz is a CSV too.
      columns: that must be in the header. Of all separators the one that finds most of them
        there counts, then the one that makes most columns.
      encoding: of its text, "" to find out, see `text.read_text`.
      separator: a character, or comma, semicolon, tab or pipe; "" to find out.
      rename: a function from the header, a list, to the names to use instead, or None.

    Raises:
      InputError: no such table, a column missing or there twice, a row wider or narrower than the
        header (each is named), or no rows.
    """
    text, assumed = read_text(file, encoding)
    named, text = excel_separator(text)
    chosen = _character(separator) or named
    used = chosen or likeliest_separator(text, columns)
    rows = _rows(file, text, used)
    filled = [i for i, cells in enumerate(rows) if any(map(str.strip, cells))]
    if not filled:
        wanted = f" with {', '.join(columns)}" if columns else ""
        raise InputError(f"{file} is empty: expected a header{wanted}")
    header = _header(file, rows, filled[0], columns, rename)
    ended = text.endswith(("\n", "\r"))
    _refuse_widths(file, rows, filled, len(header), used, ended=ended)
    if len(filled) == 1:
        raise InputError(f"{file} has no rows below its header")
    cells = [rows[i][: len(header)] for i in filled[1:]]
    table = pd.DataFrame(cells, index=[i - 1 for i in filled[1:]], columns=header, dtype=object)
    said = [assumed] * bool(assumed)
    if not chosen and used != ",":
        said.append(separator_said(file, used))
    if not ended and _is_beginning(table.iloc[:, -1]):
        said.append(
            f"{pathlib.Path(file).name}: {table.iloc[-1, -1]!r} ends the file within its line, and "
            f"begins another cell of column {header[-1]}: was it cut?"
        )
    return TextTable(table.loc[:, [bool(name) for name in header]], tuple(said))


def _is_beginning(column):
    """Return true where the last cell is in no other row, but another one begins with it."""
    last, others = column.iloc[-1], column.iloc[:-1]
    return last != "" and not (others == last).any() and others.str.startswith(last).any()


def blank_unknown(values: pd.Series, words: tuple = UNKNOWN) -> pd.Series:
    """Return a column whose words for unknown (nan, unknown, none) are made empty.

    Args:
      values: text `[N]`.
      words: that say so, in small letters.
    """
    blank = {text: "" if is_unknown(text, words) else text for text in pd.unique(values)}
    return values.map(blank)


def whole_numbers(values: pd.Series) -> pd.Series:
    """Return a column with 3.0 and 3,0 written as 3, and 4,5 as 4.5: ids and ages come so."""
    point = {text: re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", text.strip()) for text in pd.unique(values)}
    whole = {text: re.sub(r"^(-?\d+)\.0+$", r"\1", number) for text, number in point.items()}
    return values.map(whole)


def _character(separator):
    """Return the character that a flag means, "" for none."""
    character = SEPARATORS.get(separator, separator)
    if len(character) > 1 or character in ('"', "\r", "\n"):
        names = ", ".join(SEPARATORS)
        raise InputError(f"--table_separator={separator}: give {names} or another character")
    return character


def _rows(file, text, separator):
    """Return the cells of each row, blank ones too; equal cells are one object: most are."""
    seen, rows = {}, []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            rows.append([seen.setdefault(cell, cell) for cell in cells])
    except csv.Error as error:
        raise InputError(
            f"{file}, row {len(rows) + 1}: is no row of a CSV table: {error}, in line "
            f"{reader.line_num}; is a quote missing, or one too many?"
        ) from None
    return rows


def _header(file, rows, place, columns, rename):
    """Return the names of the columns, "" for one without; those at the end are left out."""
    header = [cell.strip() for cell in rows[place]]
    header = rename(header) if rename else header
    while not header[-1]:
        header.pop()
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{file}, row {place + 1}: no column {', '.join(missing)}; the header is "
            f"{', '.join(header)}"
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(f"{file}, row {place + 1}: column {twice[0]!r} stands in the header twice")
    return header


def _refuse_widths(file, rows, filled, width, separator, *, ended):
    """Raise `InputError` for the rows that are wider or narrower than the header.

    Args:
      filled: places in `rows` of those that are not blank, the header's first.
      width: cells of the header.
      ended: whether the file's last line is.
    """
    wrong = []
    for i in filled[1:]:
        if len(rows[i]) < width:
            cut = i == filled[-1] and not ended
            hint = "the file ends within it: was it cut?" if cut else "is one missing?"
            wrong.append((i, "fewer", hint))
        elif any(map(str.strip, rows[i][width:])):
            wrong.append((i, "more", f"does one hold a {separator!r} and has no quotes?"))
    if wrong:
        lines = [
            f"{file}, row {i + 1}: has {how} cells than the header, which has {width}: {hint}"
            for i, how, hint in wrong[:LISTED]
        ]
        lines += [f"... and {len(wrong) - LISTED} rows more"] * (len(wrong) > LISTED)
        raise InputError("\n".join(lines))
