"""The project's own files read back: one that is damaged is named, with what to do about it.

task = read_json("work/a/task.json", {"task": str, "classes": list}, "train the head again")
rows = read_table("work/a/log.csv", {"step": int, "loss": float}, "delete it")
"""

import csv
import io
import json

from simclr_med.errors import InputError
from simclr_med.files import paths


class DamagedError(InputError):
    """A file of ours that is not what was written."""


def read_text(file, remedy):
    """Return the text of a file of ours, UTF-8 with or without a byte-order mark.

    Args:
      file: its path.
      remedy: what the reader of the message is to do.

    Raises:
      InputError: it is missing, no file, or cannot be read.
      DamagedError: it is not UTF-8.
    """
    try:
        return paths.file_to_read(file).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _damaged(file, f"not UTF-8 text ({error.reason})", remedy) from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None


def read_json(file, kinds, remedy):
    """Return the object in a JSON file of ours.

    Args:
      file: its path.
      kinds: key that must be there to the type, or types, of its value.
      remedy: what the reader of the message is to do.

    Raises:
      InputError, DamagedError: as `read_text`; no JSON, or a key missing or of another kind.
    """
    try:
        content = json.loads(read_text(file, remedy))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(file, f"not JSON ({error})", remedy) from None
    if not isinstance(content, dict):
        raise _damaged(file, "not a JSON object", remedy)
    for key, kind in kinds.items():
        if key not in content:
            raise _damaged(file, f"{key!r} is missing", remedy)
        if not isinstance(content[key], kind):
            raise _damaged(file, f"{key!r} is {str(content[key])[:80]!r}", remedy)
    return content


def read_table(file, columns, remedy):
    """Return the rows of a CSV file of ours, each a dict; other columns are texts.

    Args:
      file: its path.
      columns: name that must be in the header to what makes a value of a cell's text, such as int.
      remedy: what the reader of the message is to do.

    Raises:
      InputError, DamagedError: as `read_text`; a column missing, a row of another length, a value
        that cannot be made.
    """
    return _rows(file, read_text(file, remedy), columns, remedy)


def read_log(file, columns, remedy):
    """Return what `read_table` does of a file that grows: a last line without its end is left out.

    A kill leaves such a line, and so does a run that is still going on.
    """
    text = read_text(file, remedy)
    return _rows(file, text[: text.rfind("\n") + 1], columns, remedy)


def _rows(file, text, columns, remedy):
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:  # no header: nothing to unpack
        raise _damaged(file, f"not a table ({error})", remedy) from None
    missing = [name for name in columns if name not in header]
    if missing:
        raise _damaged(file, f"row 1: no column {missing[0]!r}", remedy)
    return [_row(file, number, header, row, columns, remedy) for number, row in enumerate(rows, 2)]


def _row(file, number, header, row, columns, remedy):
    if len(row) != len(header):
        raise _damaged(file, f"row {number}: {len(row)} cells, not {len(header)}", remedy)
    values = dict(zip(header, row, strict=True))
    for name, make in columns.items():
        try:
            values[name] = make(values[name])
        except ValueError:
            reason = f"row {number}, column {name}: {values[name]!r} cannot be"
            raise _damaged(file, reason, remedy) from None
    return values


def _damaged(file, why, remedy):
    return DamagedError(f"{file} is damaged: {why}; {remedy}")
