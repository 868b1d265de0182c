"""A source's tables, read as its flags say, with each row's file and number."""

import pathlib

from simclr_med.files.tables import SEPARATORS, blank_unknown, read_table
from simclr_med.preparation.source_table import FILE, ROW, UNKNOWN_FLAG, unknown_words

# Flags of every source that reads tables.
TABLE_FLAGS = {
    "table_encoding": {
        "default": "",
        "help": "encoding of the tables, such as cp1252; none: found out, and said where guessed",
    },
    "table_separator": {
        "default": "",
        "help": f"between cells: {', '.join(SEPARATORS)} or a character; none: found out",
    },
    **UNKNOWN_FLAG,
}


def read_csv(file, columns, options=None, notes=None, *, rename=None):
    """Return the rows of a CSV (or .csv.gz) as text, with the columns FILE and ROW added.

    Args:
      file: its path.
      columns: that must be in the header.
      options: of the source, with those of TABLE_FLAGS; None to find out what they say and leave
        cells as they stand. Otherwise cells that only say that something is unknown are "".
      notes: a list to which sentences are added on what was assumed and made empty, or None.
      rename: see `tables.read_table`.

    Raises:
      InputError: see `tables.read_table`.
    """
    options, notes = options or {}, [] if notes is None else notes
    found = read_table(
        file,
        columns,
        encoding=options.get("table_encoding", ""),
        separator=options.get("table_separator", ""),
        rename=rename,
    )
    notes += [f"{sentence}." for sentence in found.assumed]
    rows = found.rows.reset_index(drop=True)
    if options:
        rows = _blanked(file, rows, columns, unknown_words(options), notes)
    return rows.assign(**{FILE: str(file), ROW: found.rows.index + 2})


def _blanked(file, rows, columns, words, notes):
    """Return rows whose unknown cells are empty; say how many of the wanted `columns` were so."""
    for name in rows:
        before, rows[name] = rows[name], blank_unknown(rows[name], words)
        said = before[(rows[name] == "") & (before != "")].str.strip()
        said = said[said != ""]
        if name in columns and len(said):
            kinds = ", ".join(f"{text!r} {n}" for text, n in said.value_counts().items())
            notes.append(
                f"{pathlib.Path(file).name}, column {name}: unknown, so taken as empty: {kinds}."
            )
    return rows
