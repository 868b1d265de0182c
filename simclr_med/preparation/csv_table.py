"""A CSV of any width as a table of text, with each row's number."""

import csv
import gzip

import pandas as pd

from simclr_med import paths
from simclr_med.errors import InputError
from simclr_med.preparation.source_table import FILE, ROW


def read_csv(file, columns, *, rename=None):
    """Return the rows of a CSV (or .csv.gz) as text, with the columns FILE and ROW added.

    Args:
      file: its path.
      columns: that must be in the header.
      rename: a function from the header, a list, to the names to use instead, or None.

    Raises:
      InputError: no such table, or a column missing: the message names both headers.
    """
    raw = _cells(paths.file_to_read(file))
    if not len(raw):
        raise InputError(f"{file} is empty: expected a header with {', '.join(columns)}")
    header = raw.iloc[0].tolist()
    header = rename(header) if rename else header
    while header and not header[-1]:
        header.pop()
    _refuse_header(file, header, columns)
    _refuse_wider_rows(file, raw, header)
    table = raw.iloc[1:, : len(header)].reset_index(drop=True).set_axis(header, axis=1)
    if not len(table):
        raise InputError(f"{file} has no rows below its header")
    return table.assign(**{FILE: str(file), ROW: range(2, len(table) + 2)})


def _cells(file):
    """Return all cells, the header's too, as text; as many columns as the widest row has."""
    try:
        return pd.read_csv(
            file,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            header=None,
            index_col=False,
            names=range(_widest(file)),
            skip_blank_lines=True,
        ).fillna("")
    except (csv.Error, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a CSV table in UTF-8: {error}") from None


def _refuse_header(file, header, columns):
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{file}, row 1: no column {', '.join(missing)}; the header is {', '.join(header)}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{file}, row 1: column {twice[0]!r} stands in the header twice")


def _refuse_wider_rows(file, raw, header):
    beyond = (raw.iloc[:, len(header) :] != "").any(axis=1).to_numpy()
    if beyond.any():
        raise InputError(
            f"{file}, row {int(beyond.argmax()) + 1}: has more cells than the header, "
            f"which has {len(header)}"
        )


def _widest(file):
    """Return the number of cells in the widest row: pandas cuts what is wider than the header."""
    opened = gzip.open if str(file).endswith(".gz") else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
        return max((len(row) for row in csv.reader(lines)), default=1) or 1
