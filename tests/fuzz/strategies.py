"""Odd inputs by kind, and the outcomes that are allowed."""

import collections
import contextlib
import csv
import functools
import io
import os
import tempfile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from simclr_med.errors import InputError

TRIED = collections.Counter()  # inputs of this process, by test

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def fuzz(examples):
    """Try so many examples, times the factor of `make fuzz`; seeded unless it asks; all counted."""
    chosen = settings(
        max_examples=examples * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test):
        @functools.wraps(test)
        def counted(*arguments, **named):
            TRIED[test.__name__] += 1
            return test(*arguments, **named)

        return chosen(counted)

    return decorate


@contextlib.contextmanager
def file_of(content, name):
    """Yield the path of a file of bytes, in a folder of its own that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, name)
        with open(file, "wb") as out:
            out.write(content)
        yield file


def outcome(function, *arguments):
    """Return (what a function returns, None), or (None, its `InputError`), which can be printed."""
    try:
        return function(*arguments), None
    except InputError as error:
        assert str(error).strip() and "Traceback" not in str(error)
        str(error).encode("utf-8", "backslashreplace")
        return None, error


TEXT = st.text(max_size=12)
ODD = st.sampled_from(
    [
        "",
        " ",
        "nan",
        "-1",
        "0",
        "1",
        "1e999",
        "a|b",
        "|",
        "../x",
        "/x",
        "x\0y",
        "\r\n",
        '"',
        ",",
        ";",
    ]
    + ["\ufeff", "\u2028", "train", "test", "É", "9" * 25]
)
CELL = ODD | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | CELL,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(CELL, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw, contents):
    """Bytes of `contents`, some of them cut, turned, doubled, or in another encoding."""
    content = draw(contents)
    kind = draw(st.sampled_from(["whole", "whole", "cut", "turned", "doubled", "utf-16", "bom"]))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if kind == "turned" and content:
        place = draw(st.integers(0, len(content) - 1))
        return content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
    if kind == "doubled":
        return content + content
    if kind == "utf-16":
        return content.decode("utf-8", "replace").encode("utf-16")
    return b"\xef\xbb\xbf" + content if kind == "bom" else content


def table(header, rows):
    """A CSV of these cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


def text_of(content):
    """Return the text of UTF-8 or, where it says so, UTF-16; None where an encoding is guessed."""
    try:
        return content.decode(
            "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        )
    except UnicodeDecodeError:
        return None
