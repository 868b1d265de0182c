"""The CSV file of predictions as a table of texts; faults are refused by row and column."""

import collections
import csv
import dataclasses
import io

import numpy as np

from simclr_med import progress
from simclr_med.errors import InputError
from simclr_med.files.text import (
    NO_WIDTH,
    excel_separator,
    likeliest_separator,
    read_text,
    separator_said,
)

REQUIRED = ("case_id", "patient_id", "truth")
GROUP, PROBABILITY = "group:", "probability:"


@dataclasses.dataclass(frozen=True)
class Table:
    """A file's cells as clean texts.

    Attributes:
      path: the file.
      columns: name -> `[N]` texts, in the file's order.
      rows: `[N]`, numbers of the rows as a spreadsheet counts them: the header is row 1.
    """

    path: str
    columns: dict
    rows: list

    def refuse(self, column, wrong, reason):
        """Raise for the first row that `wrong` `[N]` marks, and count the others.

        Raises:
          InputError: a row is marked; it names the file, the row, the column and the cell.
        """
        marked = np.flatnonzero(wrong)
        if len(marked):
            others = len(marked) - 1
            more = f" (and {others} more wrong row{'s' * (others > 1)})" if others else ""
            cell = self.columns[column][marked[0]]
            raise InputError(
                f"{self.path}, row {self.rows[marked[0]]}, column {column}: {cell!r} {reason}{more}"
            )

    def named(self, prefix):
        """Return the rest of the names of columns that begin with `prefix`."""
        return tuple(name[len(prefix) :] for name in self.columns if name.startswith(prefix))


def read_table(path):
    """Return the `Table` of a CSV file; blank rows are passed over.

    An encoding or separator that had to be guessed is said on stderr.

    Raises:
      InputError: it is missing, is no CSV, has no rows, a row of another length, or lacks a column.
    """
    header, cells, separator = _cells(path)
    header = [_clean_name(name) for name in header]
    _check_header(path, header)
    rows = [(number, row) for number, row in enumerate(cells, start=2) if any(row)]
    if not rows:
        raise InputError(f"{path}: no rows below the header; expected one row a case")
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path}, row {number}: {len(row)} values; expected {len(header)}, as in the header"
            )
    texts = zip(*([clean(cell) for cell in row] for _, row in rows), strict=True)
    columns = dict(zip(header, texts, strict=True))
    if separator != ",":  # a spreadsheet that spares the comma for decimals
        columns |= {
            name: tuple(text.replace(",", ".") for text in columns[name])
            for name in columns
            if name.startswith(PROBABILITY)
        }
    return Table(str(path), columns, [number for number, _ in rows])


def clean(text):
    """Return a cell without blanks around it; a no-break space is a space."""
    return text.replace("\u00a0", " ").strip().strip(NO_WIDTH).strip()


def _cells(path):
    """Return the header, a list, the rows below it, and the separator of their cells."""
    text, assumed = read_text(path)
    separator, text = excel_separator(text)
    used = separator or likeliest_separator(text, REQUIRED)
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=used, strict=True)
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None
    except ValueError:  # nothing to unpack
        raise InputError(
            f"{path}: the file is empty; expected a header and one row a case"
        ) from None
    guessed = separator_said(path, used) if used not in (separator, ",") else ""
    for sentence in filter(None, (assumed, guessed)):
        progress.note(sentence)
    return header, rows, used


def _clean_name(name):
    for prefix in (GROUP, PROBABILITY):
        if (name := clean(name)).startswith(prefix):
            return prefix + clean(name[len(prefix) :])
    return name


def _check_header(path, header):
    for name in REQUIRED:
        if name not in header:
            raise InputError(f"{path}: column {name} is missing; the columns are {header}")
    twice = [name for name, count in collections.Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]} stands there twice")
    classes = [name[len(PROBABILITY) :] for name in header if name.startswith(PROBABILITY)]
    if GROUP in header:
        raise InputError(f"{path}: column {GROUP!r} has no name; expected {GROUP}<name>")
    if not classes or "" in classes:
        raise InputError(f"{path}: expected a column {PROBABILITY}<class> for each class")
    if barred := [name for name in classes if "|" in name]:
        raise InputError(f"{path}: class {barred[0]!r} holds a |, which separates classes in truth")
    for name in header:
        for prefix in (GROUP, PROBABILITY):
            if name.casefold().startswith(prefix[:4]) and not name.startswith(prefix):
                raise InputError(f"{path}: column {name!r} is none; was {prefix}<name> meant?")
