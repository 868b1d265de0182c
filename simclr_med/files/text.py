"""Files of text as people keep them: UTF-8 or UTF-16, older code pages, compressed by gzip.

And what separates the columns of a table in one.
"""

import csv
import gzip
import io
import os
import pathlib
import re
import unicodedata
import zlib

import charset_normalizer

from simclr_med.errors import InputError
from simclr_med.files import paths

# By the file's first bytes; UTF-32's mark begins with UTF-16's.
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
WORKBOOKS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # Excel's, now and before 2007
GZIP = b"\x1f\x8b"
SHOWN = 8  # signs in a sentence
SAMPLE = 65_536  # bytes that an encoding is judged by
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
WESTERN = "cp1252"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
EXCEL_LINE = re.compile(r'"?sep=(.)"?\r?\n')  # Excel's own way to name the separator
FIELD = 131_072  # characters of a cell, at most: csv's own limit
NO_WIDTH = "\ufeff\u200b\u200c\u200d\u2060"  # that cells begin or end with
# Signs that show nothing: Unicode's Default_Ignorable_Code_Point.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # but for the plain one
BRACKETS = "()", "[]", "<>", "{}"
REPLACED = "\ufffd"  # what is not right in UTF-8

# What only says that something is not known; compared without spaces and capitals.
UNKNOWN = (
    "", "nan", "na", "n/a", "n.a.", "<na>", "#n/a", "nat", "none", "null", "nil", "unknown", "unk",
    "unknown patient", "not known", "not available", "not specified", "unspecified", "missing",
    "anonymous", "anonymized", "anonymised", "not recorded", "not reported", "not provided",
    "unlabeled", "unlabelled", "not labeled", "not labelled", "no label", "tbd",
    "?", "-", "--", ".",
)  # fmt: skip


def read_text(file: str | os.PathLike, encoding: str = "") -> tuple[str, str]:
    """Return the text of a file, and a sentence on the assumed encoding, or "".

    UTF-8 and what has a byte order mark are certain. The encoding of anything else is a guess,
    which the sentence says, with some of the signs to judge it by.

    Args:
      file: its path; gzip is undone.
      encoding: its encoding, "" to find out.

    Raises:
      InputError: no such file, or it holds no text of that encoding.
    """
    file = pathlib.Path(file)
    data = _bytes(file)
    if data.startswith(WORKBOOKS):
        raise InputError(f"{file} is a workbook or an archive: save the table as CSV (UTF-8)")
    known = encoding or _certain(data)
    found = known or _guessed(file, data)
    try:
        text = data.decode(found)
    except LookupError:
        raise InputError(f"{file}: {encoding!r} is no encoding, such as utf-8 or cp1252") from None
    except UnicodeError as error:
        raise InputError(f"{file} is not text in {found}: {error}") from None
    control = CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise InputError(f"{file}, line {line}: holds the byte {control[0]!r}, which is no text")
    if not paths.is_utf8(text):  # of utf-7 and the like
        raise InputError(f"{file} is not text in {found}: it holds half a character")
    if known:
        return text.removeprefix("\ufeff"), ""
    signs = ", ".join(sorted(set(re.findall(r"[^\x00-\x7f]", text)))[:SHOWN])
    said = f"{file.name}: its encoding was taken for {found}"
    return text, f"{said}, with {signs}" if signs else said


def _bytes(path):
    try:
        data = paths.file_to_read(path).read_bytes()
        return gzip.decompress(data) if data.startswith(GZIP) else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _refuse_damaged_utf8(file, data):
    """Raise `InputError` where more characters are right in UTF-8 than wrong, but not all."""
    text = data.decode("utf-8", "replace")
    wrong = text.count(REPLACED)
    right = len(re.findall(f"[^\x00-\x7f{REPLACED}]", text)) if wrong else 0
    if wrong and (right >= wrong or text.index(REPLACED) == len(text) - 1):
        line = text.count("\n", 0, text.index(REPLACED)) + 1
        raise InputError(f"{file}, line {line}: is UTF-8 but for a byte; is it damaged, or cut?")


def _certain(data):
    """Return the encoding that a mark or valid UTF-8 proves, or ""."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    # Text of one script in UTF-16 may be valid UTF-8 too, every second byte of it zero.
    return "" if _wide(data) else "utf-8"


def _wide(data):
    """Return UTF-16 or UTF-32 in the one order of bytes or the other, or "" for other data."""
    if b"\0" not in data[:SAMPLE]:
        return ""
    found = charset_normalizer.from_bytes(data[:SAMPLE]).best()
    return found.encoding if found and found.encoding.startswith(("utf_16", "utf_32")) else ""


def _guessed(file, data):
    """Return the likeliest encoding of bytes that are not certainly UTF-8, or raise."""
    if b"\0" in data[:SAMPLE]:
        found = _wide(data)
    else:
        _refuse_damaged_utf8(file, data)
        found = _code_page(data)
    if not found:
        raise InputError(f"{file} holds no text: neither UTF-8 nor any other encoding fits")
    return found


def _code_page(data):
    """Return the likeliest encoding of those before Unicode, or "" where none fits."""
    lines = b"\n".join(line for line in data.splitlines() if NOT_ASCII.search(line))[:SAMPLE]
    runs = NOT_ASCII.findall(lines)
    # Few letters of a western language are not ASCII, and they stand alone: in a short table too
    # few for what charset-normalizer looks at.
    if len(b"".join(runs)) < 1.5 * len(runs) and _fits(data, WESTERN):
        return WESTERN
    found = charset_normalizer.from_bytes(lines).best()
    if found and WESTERN in found.could_be_from_charset:
        return WESTERN
    return found.encoding if found and _fits(data, found.encoding) else ""


def _fits(data, encoding):
    try:
        data.decode(encoding)
    except UnicodeError:
        return False
    return True


def as_seen(text: str) -> str:
    """Return a text as it is seen: without blanks around it and marks of no width.

    Letters of one character or two are one, and a space of any width is a space.
    """
    if text.isascii():
        return text.strip()
    text = SPACES.sub(" ", UNSEEN.sub("", text))
    return unicodedata.normalize("NFC", text).strip()


def is_unknown(text: str, words: tuple = UNKNOWN) -> bool:
    """Return true where a text only says that something is unknown; in brackets, too."""
    text = as_seen(text).casefold()
    inner = text[1:-1] if text[:1] + text[-1:] in BRACKETS else text
    return text == "" or text in words or (inner != "" and inner in words)


def excel_separator(text):
    """Return (the separator that a table's first line names for Excel, or "", the other lines)."""
    named = EXCEL_LINE.match(text)
    return (named[1], text[named.end() :]) if named else ("", text)


def likeliest_separator(text, columns):
    """Return the separator under which the first row has most of `columns`, then most cells."""
    lines = io.StringIO(text, newline="")
    first = next((line for line in lines if line.strip()), "")[:FIELD]

    def fit(separator):
        cells = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
        return len(set(columns) & set(cells)), len(cells)

    return max(SEPARATORS.values(), key=fit)


def separator_said(file, separator):
    """Return the sentence on a table's separator that was guessed."""
    return f"{pathlib.Path(file).name}: {separator!r} was taken for what separates its columns"
