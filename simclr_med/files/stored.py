"""The project's own files read back: damage is named by file and place, with a remedy.

    schema = {"task": str, "classes": [str], "size": between(1, 4096)}
    task = read_json("work/a/some.json", schema, "train the head again")
    rows = read_table("work/a/some.csv", {"step": int, "loss": float}, "delete it")

A schema is a type or a tuple of types; `[schema]`, a list of such values; a dict, an object with
these keys, and perhaps others; `Each(schema)`, an object of such values under any names;
`Absent(schema)`, of a key that may be missing; or a `Rule`.
"""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

from simclr_med.errors import InputError
from simclr_med.files import paths

_WORDS = {
    str: "text", int: "a whole number", float: "a number", list: "a list", dict: "an object",
    bool: "true or false", type(None): "null",
}  # fmt: skip


class DamagedError(InputError):
    """A file of ours that differs from the one that was written."""


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


@dataclasses.dataclass(frozen=True)
class Rule:
    """A value with a property: the expectation in words, and the predicate of any value."""

    expected: str
    passes: Callable


@dataclasses.dataclass(frozen=True)
class Each:
    """An object of values that follow one schema, under any names."""

    schema: Any


@dataclasses.dataclass(frozen=True)
class Absent:
    """A key that may be missing, and whose value follows a schema."""

    schema: Any


def optional(kind):
    """Return the schema of a value of a type, or null."""
    return (kind, type(None))


def one_of(*choices):
    """Return the `Rule` of a value that is one of some texts."""
    return Rule(f"one of {', '.join(choices)}", lambda value: value in choices)


def between(low, high, kind=int):
    """Return the `Rule` of a number from `low` to `high`."""
    return Rule(
        f"{_WORDS[kind]} from {low} to {high}",
        lambda value: fits(value, kind) and low <= value <= high,
    )


def names():
    """Return the `Rule` of a list of different names."""

    def passes(value):
        texts = isinstance(value, list) and all(fits(name, str) and name for name in value)
        return texts and len(set(value)) == len(value)

    return Rule("a list of different names", passes)


def fits(value, kind) -> bool:
    """Return whether a value of JSON is of a type that can be worked with.

    Text can be encoded and has no NUL; a number is finite, and a whole one may stand for a float;
    true and false are no numbers.
    """
    if isinstance(value, bool):
        return kind is bool
    if kind in (int, float):
        return isinstance(value, (int, kind)) and -(2**63) <= value < 2**63
    if kind is str and isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    return isinstance(value, kind)


def problem(value, schema, place="") -> tuple | None:
    """Return (place, value, expectation) of the first part that breaks a schema, or None.

    The value of a part that is missing is `MISSING`.
    """
    if isinstance(schema, Absent):
        return problem(value, schema.schema, place)
    if isinstance(schema, Rule):
        return None if schema.passes(value) else (place, value, schema.expected)
    if not isinstance(schema, (dict, list, Each)):
        kinds = schema if isinstance(schema, tuple) else (schema,)
        if any(fits(value, kind) for kind in kinds):
            return None
        return place, value, " or ".join(_WORDS[kind] for kind in kinds)
    whole = list if isinstance(schema, list) else dict
    if not isinstance(value, whole):
        return place, value, _WORDS[whole]
    parts = _parts(value, schema)
    return next(filter(None, (_part(value, key, kind, place) for key, kind in parts)), None)


def _parts(value, schema):
    """Return (key, schema) pairs of a list's or an object's parts."""
    if isinstance(schema, list):
        return [(number, schema[0]) for number in range(len(value))]
    if isinstance(schema, Each):
        return [(key, schema.schema) for key in value]
    return schema.items()


def _part(value, key, schema, place):
    place = f"{place}[{key}]" if isinstance(key, int) else f"{place}.{key}".lstrip(".")
    if isinstance(value, list) or key in value:
        return problem(value[key], schema, place)
    return None if isinstance(schema, Absent) else (place, MISSING, "")


MISSING = object()


def read_json(file, schema, remedy):
    """Return the object in a JSON file of ours.

    Args:
      file: its path.
      schema: of the object, see above.
      remedy: what the reader of the message is to do.

    Raises:
      InputError, DamagedError: as `read_text`; no JSON, or a part missing or of another kind.
    """
    return parsed(read_text(file, remedy), schema, file, remedy)


def parsed(text, schema, source, remedy):
    """Return the object in a text of JSON; arguments and errors as of `read_json`.

    Args:
      text: JSON.
      source: name of the text in a message, such as its file.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(source, f"not JSON ({error})", remedy) from None
    if not isinstance(content, dict):
        raise _damaged(source, "not a JSON object", remedy)
    if found := problem(content, schema):
        place, value, expected = found
        if value is MISSING:
            raise _damaged(source, f"{place!r} is missing", remedy)
        raise _damaged(source, f"{place!r} is {str(value)[:80]!r}, expected {expected}", remedy)
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
    """Return the rows of a CSV file that grows, without an unfinished last line.

    Arguments and errors are those of `read_table`. A kill leaves such a line, and so does a run
    that is still going on.
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
