"""Tables as people keep them: what is certain is read, a guess is said, the rest is refused."""

import gzip
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclr_med.errors import InputError
from simclr_med.files.tables import UNKNOWN, blank_unknown, read_table, whole_numbers
from simclr_med.files.text import read_text

ROWS = [("id", "dx"), ("007", "Nävus"), ("8", "a, b; c\td|e"), ("9", 'the "big" one')]


def saved(rows, **options):
    text = io.StringIO()
    pd.DataFrame(rows[1:], columns=rows[0]).to_csv(text, index=False, **options)
    return text.getvalue()


def read(tmp_path, data, columns=("id", "dx"), **options):
    file = tmp_path / "t.csv"
    file.write_bytes(data)
    return read_table(file, columns, **options)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encoding_separator_and_line_ends_are_found(encoding, separator, end, tmp_path):
    text = saved(ROWS, sep=separator, lineterminator=end)
    table = read(tmp_path, text.encode(encoding))
    assert [tuple(table.rows)] + list(table.rows.itertuples(index=False, name=None)) == ROWS
    said = " ".join(table.assumed)
    assert ("cp1252, with ä" in said) == (encoding == "cp1252")
    assert (repr(separator) in said) == (separator != ",")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp932", "cp1251"])
def test_other_encodings_are_guessed_and_said(encoding, tmp_path):
    word = {"cp932": "母斑", "cp1251": "меланома"}.get(encoding, "naevus")
    text = "id,dx\n" + "".join(f"{i},{word}\n" for i in range(9))
    table = read(tmp_path, text.encode(encoding))
    assert set(table.rows["dx"]) == {word} and "encoding was taken for" in table.assumed[0]


def test_a_flag_stands_above_a_guess(tmp_path):
    data = "id/dx\n1/Łódź\n".encode("cp1250")
    table = read(tmp_path, data, encoding="cp1250", separator="/")
    assert table.rows["dx"].tolist() == ["Łódź"] and table.assumed == ()
    with pytest.raises(InputError, match="'klingon' is no encoding"):
        read(tmp_path, data, encoding="klingon")
    with pytest.raises(InputError, match="--table_separator=xx: give comma, semicolon"):
        read(tmp_path, b"id,dx\n1,a\n", separator="xx")


def test_excel_s_own_first_line_names_the_separator(tmp_path):
    assert read(tmp_path, b"sep=;\r\nid;dx\r\n1;a,b\r\n").rows["dx"].tolist() == ["a,b"]


def test_a_compressed_table_needs_no_suffix(tmp_path):
    assert len(read(tmp_path, gzip.compress(b"id,dx\n1,a\n")).rows) == 1
    with pytest.raises(InputError, match="damaged gzip"):
        read(tmp_path, gzip.compress(b"id,dx\n1,a\n")[:-3])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"id,dx\n1,a\n2,b,c\n", "row 3: has more cells than the header, which has 2: does one"),
        (b"id,dx\n1,a\n2\n3,c\n", "row 3: has fewer cells than the header, which has 2: is one"),
        (b"id,dx\n1,a\n2", "row 3: has fewer cells than the header.*was it cut"),
        (b'id,dx\n1,a\n2,"b\n3,c\n', "row 3: is no row of a CSV table: unexpected end of data"),
        (b'id,dx\n1,a\n"2"x,b\n', "row 3: is no row of a CSV table"),
        (b"id,dx\n1,a\n2,b\x00\n", "line 3: holds the byte '.x00'"),
        (b"id,dx\n1,\xc3\xa4\n2,\xc3\n3,b\n", "line 3: is UTF-8 but for a byte"),
        (b"\n\nid,label\n1,a\n", "row 3: no column dx; the header is id, label"),
        (bytes(range(256)) * 20, "holds no text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(300), "holds no text|which is no text"),
        (b"PK\x03\x04rest", "is a workbook or an archive: save the table as CSV"),
        (b"", "is empty: expected a header with id, dx"),
        (b"id,dx\n\n,\n", "no rows below its header"),
        (b'id,dx\n1,"' + b"x" * 200_000 + b'"\n', "row 2: .*field larger"),
    ],
)
def test_what_is_no_table_is_named(data, named, tmp_path):
    with pytest.raises(InputError, match=f"t.csv.*{named}"):
        read(tmp_path, data)


def test_all_rows_of_another_width_are_listed_the_first_twenty_by_name(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, b"id,dx\n" + b"1,a,b\n" * 30)
    assert "row 21:" in str(caught.value) and "... and 10 rows more" in str(caught.value)


def test_what_is_no_file_is_named(tmp_path):
    for path, named in ((tmp_path, "is a folder; expected a file"), (tmp_path / "x", "not found"),
                        (tmp_path / ("x" * 300), "too long")):  # fmt: skip
        with pytest.raises(InputError, match=named):
            read_text(path)


@pytest.mark.parametrize(
    ("end", "said"), [("mela", True), ("mela\n", False), ("melanoma", False), ("nv", False)]
)
def test_a_last_cell_that_may_have_been_cut_is_said(end, said, tmp_path):
    table = read(tmp_path, f"id,dx\n1,melanoma\n2,other\n3,{end}".encode())
    assert len(table.rows) == 3 and bool(table.assumed) == said
    if said:
        assert table.assumed == (
            "t.csv: 'mela' ends the file within its line, and begins another cell of column dx: "
            "was it cut?",
        )


def test_blank_rows_are_counted_but_not_kept_and_cells_may_hold_lines(tmp_path):
    table = read(tmp_path, b'\nid,dx\n\n1,"a\nb"\n , \n2,c\n')
    assert table.rows.index.tolist() == [2, 4]  # rows 4 and 6 of a spreadsheet
    assert table.rows["dx"].tolist() == ["a\nb", "c"]


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=9),
       st.sampled_from([",", ";", "\t", "|"]),
       st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_what_pandas_writes_comes_back(tmp_path_factory, rows, separator, encoding):
    rows = [["x" + first, *rest] for first, *rest in rows]
    header = ("id", "dx", "note")
    data = saved([header, *rows], sep=separator).encode(encoding)
    table = read(tmp_path_factory.mktemp("t"), data, header)
    assert table.rows.to_numpy().tolist() == rows


def test_what_only_says_unknown_is_blank():
    said = pd.Series(["NA", "nan", " Unknown ", "None", "N/A", "null", "?", "-", "<NA>"])
    assert set(blank_unknown(said)) == {""}
    known = pd.Series(["Nan Li", "0", "naevus", "no", "unknown primary"])
    assert blank_unknown(known).tolist() == known.tolist()
    assert blank_unknown(pd.Series(["0", "NA"]), ("0",)).tolist() == ["", "NA"]
    assert all(word == word.strip().casefold() for word in UNKNOWN)


def test_numbers_lose_their_empty_decimals_and_their_comma():
    written = pd.Series(["3.0", "3,0", "-1.00", "4,5", "007", "1.5e3", "v1.0", ""])
    assert whole_numbers(written).tolist() == ["3", "3", "-1", "4.5", "007", "1.5e3", "v1.0", ""]
