"""The CSV of predictions: what goes in comes out, and what is wrong is named."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from simclr_med.errors import InputError
from simclr_med.evaluation import predictions as predictions_lib
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.predictions_table import clean
from simclr_med.files.tables import is_unknown

GOOD = """\
case_id,patient_id,truth,group:skin,probability:Acne,probability:Other
a,p1,Acne,light,0.75,0.25
b,,Acne|Other,,0.5,0.5
"""

TEXT = st.text(string.ascii_letters + string.digits + " ,;\"'\n<>:äπ中", max_size=8)
CELLS = TEXT.map(clean).filter(lambda text: not is_unknown(text) or not text)
NAMES = CELLS.filter(bool)


@st.composite
def any_predictions(draw):
    cases, classes = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    task = draw(st.sampled_from(["multiclass", "multilabel"]))
    values = [0, 1, np.nan] if task == "multilabel" else [0, 1]
    truth = draw(stnp.arrays(np.float32, (cases, classes), elements=st.sampled_from(values)))
    if task == "multiclass":
        truth[:, draw(st.integers(0, classes - 1))] = 1
    names = draw(st.lists(NAMES, min_size=classes, max_size=classes, unique=True))
    probabilities = draw(
        stnp.arrays(np.float32, (cases, classes), elements=st.floats(0, 1, width=32))
    )
    if task == "multiclass":
        probabilities = probabilities + np.float32(0.01)
        probabilities = (probabilities / probabilities.sum(1, keepdims=True)).clip(0, 1)
    column = st.lists(CELLS, min_size=cases, max_size=cases).map(np.array)
    return Predictions(
        case_ids=np.array(draw(st.lists(NAMES, min_size=cases, max_size=cases, unique=True))),
        patient_ids=draw(column),
        truth=truth,
        probabilities=probabilities,
        classes=tuple(names),
        task=task,
        other_class="Other" if task == "multiclass" and "Other" in names else None,
        groups=draw(st.dictionaries(NAMES, column, max_size=2)),
    )


@given(any_predictions())
@settings(deadline=None)  # it writes a file, which a busy disk delays
def test_round_trip_keeps_every_bit(tmp_path_factory, predictions):
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    predictions_lib.write(path, predictions)
    again = predictions_lib.read(path)
    assert (again.task, again.classes) == (predictions.task, predictions.classes)
    assert again.other_class == predictions.other_class
    assert again.probabilities.dtype == again.truth.dtype == np.float32
    for name in ("case_ids", "patient_ids", "truth", "probabilities"):
        np.testing.assert_array_equal(getattr(again, name), getattr(predictions, name))
    assert list(again.groups) == list(predictions.groups)
    for name in predictions.groups:
        np.testing.assert_array_equal(again.groups[name], predictions.groups[name])


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(GOOD)
    predictions = predictions_lib.read(path)
    assert predictions.task == "multiclass"
    assert predictions.other_class == "Other"
    assert predictions.patient_ids.tolist() == ["p1", ""]
    assert predictions.truth.tolist() == [[1, 0], [1, 1]]
    assert predictions.groups["skin"].tolist() == ["light", ""]


def test_other_class_is_the_readers_to_choose(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(GOOD)
    assert predictions_lib.read(path, other_class=None).other_class is None
    assert predictions_lib.read(path, other_class="Acne").other_class == "Acne"
    with pytest.raises(InputError, match="no class 'Othr'"):
        predictions_lib.read(path, other_class="Othr")


@pytest.mark.parametrize(
    "old, new, message",
    [
        (GOOD, "", "file is empty"),
        (GOOD, GOOD.splitlines()[0], "no rows below the header"),
        ("patient_id,", "patient,", "column patient_id is missing"),
        ("case_id,", "case,", "column case_id is missing"),
        ("probability:", "p:", "expected a column probability:<class>"),
        ("group:skin", "truth", "column truth stands there twice"),
        ("Acne|Other", "Acne|Cyst", "row 3, column truth: 'Acne|Cyst' has a name without a column"),
        ("Acne|Other", "", "row 3, column truth: '' names no class"),
        ("0.75", "high", "row 2, column probability:Acne: 'high' is not a number from 0 to 1"),
        ("0.75", "nan", "'nan' is not a number from 0 to 1"),
        ("0.75", "1.5", "'1.5' is not a number from 0 to 1"),
        ("0.5,0.5", "-1,0.5", "row 3, column probability:Acne: '-1' is not"),
        ("b,,", "a,,", "row 3, column case_id: 'a' stands in an earlier row"),
        ("0.75,0.25", "0.75", "row 2: 5 values; expected 6"),
        ("light", '"light', "not a CSV file"),
        ("a,p1", ",p1", "row 2, column case_id: '' is empty"),
        ("b,,", "a\u00a0,,", "row 3, column case_id: 'a' stands in an earlier row"),
        ("b,,", " a,,", "row 3, column case_id: 'a' stands in an earlier row"),
        ("b,,", "\u2060a\u200b,,", "row 3, column case_id: 'a' stands in an earlier row"),
        ("0.75,0.25", "0.75,0.75", "row 2, column probability:Acne to Other: they sum to 1.5"),
        ("0.75,0.25", "0,0", "they sum to 0; expected 1"),
        ("0.75", "inf", "'inf' is not a number from 0 to 1"),
        ("0.75", "\u0661", "is not a number from 0 to 1"),
        ("0.75", "0_1", "'0_1' is not a number from 0 to 1"),
        ("0.75", '"0,75"', "'0,75' is not a number from 0 to 1"),
        ("0.75", "1.0001", "'1.0001' is not a number from 0 to 1"),
        ("probability:Other", "Probability:Other", "was probability:<name> meant?"),
        (
            "probability:Other",
            "probability:Acne\u00a0",
            "column probability:Acne stands there twice",
        ),
        ("probability:Acne", "probability:Acne|Cyst", "holds a |"),
        ("group:skin", "Group: skin", "was group:<name> meant?"),
        ("group:skin", "group: ", "column 'group:' has no name"),
        ("truth", "label", "column truth is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, message):
    path = tmp_path / "test.csv"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        predictions_lib.read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_looks_the_same_is_the_same(tmp_path):
    path = tmp_path / "test.csv"
    text = GOOD.replace("a,p1,Acne,", "\u00a0a\u200b , p1, Acne\u00a0,").replace(
        "Acne|Other", "Acne | Other"
    )
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n\r\n").encode())
    mended = predictions_lib.read(path)
    path.write_text(GOOD)
    plain = predictions_lib.read(path)
    assert mended.case_ids.tolist() == ["a", "b"] and mended.patient_ids.tolist() == ["p1", ""]
    np.testing.assert_array_equal(mended.truth, plain.truth)
    assert mended.classes == plain.classes


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
def test_a_spreadsheet_s_own_kind_of_file_is_taken_and_said(encoding, separator, tmp_path, capsys):
    path, text = tmp_path / "test.csv", GOOD.replace("Acne", "Nävus")
    path.write_text(text, encoding="utf-8")
    plain = predictions_lib.read(path)
    assert capsys.readouterr().err == ""
    turned = text.replace(",", separator).replace("0.", "0,")
    path.write_bytes(turned.encode(encoding))
    found = predictions_lib.read(path)
    said = capsys.readouterr().err.splitlines()
    guessed = encoding in ("utf-16-le", "cp1252")  # the others are certain
    assert len(said) == 1 + guessed
    assert said[-1] == f"test.csv: {separator!r} was taken for what separates its columns"
    if guessed:
        assert "its encoding was taken for" in said[0] and "ä" in said[0]
    assert found.classes == plain.classes == ("Nävus", "Other")
    for name in ("case_ids", "patient_ids", "truth", "probabilities"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_a_workbook_is_no_table(tmp_path):
    path = tmp_path / "test.csv"
    path.write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(InputError, match="is a workbook .*: save the table as CSV"):
        predictions_lib.read(path)


def test_blank_rows_count_as_rows(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(GOOD.replace("b,,", "\n,,,,,\nb,,").replace("0.5,0.5", "2,0.5"))
    with pytest.raises(InputError, match="row 5, column probability:Acne"):
        predictions_lib.read(path)


@pytest.mark.parametrize("name", ["NA", "nan", "Unknown", "none", "N/A", "-", " "])
def test_who_is_not_known_is_nobody(tmp_path, name):
    path = tmp_path / "test.csv"
    path.write_text(GOOD.replace("p1", name))
    assert predictions_lib.read(path).patient_ids.tolist() == ["", ""]
    path.write_text(GOOD.replace("light", name))
    assert predictions_lib.read(path).groups["skin"].tolist() == ["", ""]


def test_patients_and_levels_that_look_the_same_are_one(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(
        GOOD.replace("a,p1", "a,\u00e91").replace("b,,Acne|Other,,", "b,e\u03011,Acne,l,")
    )
    found = predictions_lib.read(path)
    assert found.patient_ids.tolist() == ["\u00e91"] * 2


def test_rounded_probabilities_are_taken(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(GOOD.replace("0.75,0.25", "0.74,0.24"))
    assert predictions_lib.read(path).probabilities[0].tolist() == pytest.approx([0.74, 0.24])


def test_findings_need_not_sum_to_1(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("case_id,patient_id,truth,masked,probability:A,probability:B\na,,A,B,0.9,0.8\n")
    read = predictions_lib.read(path)
    assert read.task == "multilabel"
    np.testing.assert_array_equal(read.truth, [[1, np.nan]])


def test_other_wrong_rows_are_counted(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(GOOD.replace("0.75", "2").replace("0.5,0.5", "3,0.5"))
    with pytest.raises(InputError, match=r"and 1 more wrong row\b"):
        predictions_lib.read(path)


def test_a_finding_is_not_both_present_and_masked(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("case_id,patient_id,truth,masked,probability:Edema\na,,Edema,Edema,0.5\n")
    with pytest.raises(InputError, match="row 2, column masked: 'Edema' is in truth as well"):
        predictions_lib.read(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="test.csv not found; expected a file"):
        predictions_lib.read(tmp_path / "test.csv")


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "test.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text in utf-16"):
        predictions_lib.read(path)
