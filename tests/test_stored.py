"""Own files read back: each way of being damaged is told, with the file and what to do."""

import json
import os

import pytest

from simclr_med.errors import InputError
from simclr_med.files import stored

KINDS = {"task": str, "number": (int, float)}
TABLE = 'step,loss,note\n1,0.5,a\n2,nan,"b\nc"\n'


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_an_object_is_read_whole(encoding, tmp_path):
    content = {"task": "ä", "number": 1, "more": [1]}
    file = write(tmp_path / "a.json", json.dumps(content, ensure_ascii=False).encode(encoding))
    assert stored.read_json(file, KINDS, "x") == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not JSON"), ("{", "not JSON"), ('{"task": "a"', "not JSON"), ("[]", "not a JSON obj"),
        ("null", "not a JSON obj"), ("{}", "'task' is missing"), ('{"task": "a"}', "'number'"),
        ('{"task": 1, "number": 1}', "'task' is '1'"), ("[" * 10**5, "not JSON"),
        ('{"task": "a", "number": "1"}', "'number' is '1'"), ("9" * 5000, "not JSON"),
        ('{"task": "a", "number": 1}'.encode("utf-16"), "not UTF-8"), (b"\xff\0", "not UTF-8"),
    ],
)  # fmt: skip
def test_a_damaged_object_is_named_with_a_remedy(content, why, tmp_path):
    file = write(tmp_path / "a.json", content)
    with pytest.raises(stored.DamagedError) as caught:
        stored.read_json(file, KINDS, "put back a copy")
    text = str(caught.value)
    assert text.startswith(f"{file} is damaged: {why}") and text.endswith("; put back a copy")


def test_a_table_is_read_whole(tmp_path):
    rows = stored.read_table(write(tmp_path / "a.csv", TABLE), {"step": int, "loss": float}, "x")
    assert [(row["step"], row["note"]) for row in rows] == [(1, "a"), (2, "b\nc")]
    assert rows[0]["loss"] == 0.5 and rows[1]["loss"] != rows[1]["loss"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (TABLE, "", "not a table"), ("step", "stop", "row 1: no column 'step'"),
        ("2,nan", "x,nan", "row 3, column step: 'x'"), ("2,nan", "2,", "row 3, column loss: ''"),
        ("1,0.5,a", "1,0.5", "row 2: 2 cells, not 3"), ("c\"", "c", "not a table"),
        ("1,0.5,a", "1,0.5,a,b", "row 2: 4 cells, not 3"), ("1,0.5,a", "", "row 2: 0 cells"),
    ],
)  # fmt: skip
def test_a_damaged_table_is_named(old, new, why, tmp_path):
    file = write(tmp_path / "a.csv", TABLE.replace(old, new, 1))
    with pytest.raises(stored.DamagedError, match="is damaged") as caught:
        stored.read_table(file, {"step": int, "loss": float}, "delete it")
    assert why in str(caught.value) and str(caught.value).endswith("; delete it")


def test_a_log_that_was_cut_has_its_whole_rows(tmp_path):
    whole = "step,loss\n1,0.5\n2,0.25\n"
    for cut in range(len("step,loss\n"), len(whole) + 1):
        rows = stored.read_log(write(tmp_path / "a.csv", whole[:cut]), {"step": int}, "x")
        assert [row["step"] for row in rows] == [1, 2][: whole[:cut].count("\n") - 1]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    for path in (tmp_path / "a.json", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=str(path)):
            stored.read_json(path, {}, "x")


SCHEMA = {
    "task": stored.one_of("a", "b"),
    "size": stored.between(1, 9),
    "share": stored.between(0, 1, float),
    "parts": [{"name": str}],
    "by": stored.Each(stored.optional(float)),
    "classes": stored.names(),
    "later": stored.Absent(bool),
}
SOUND = {
    "task": "a", "size": 9, "share": 1, "parts": [{"name": "x"}], "by": {"x": None, "y": 1},
    "classes": ["x", "y"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""), ({"more": []}, ""), ({"later": True}, ""), ({"parts": [], "by": {}}, ""),
        ({"task": "c"}, "'task' is 'c', expected one of a, b"),
        ({"task": ["a"]}, "'task' is \"['a']\", expected one of a, b"),
        ({"size": 10}, "'size' is '10', expected a whole number from 1 to 9"),
        ({"size": 1.0}, "'size' is '1.0', expected a whole number"),
        ({"size": True}, "'size' is 'True', expected a whole number"),
        ({"share": float("nan")}, "'share' is 'nan', expected a number from 0 to 1"),
        ({"parts": {}}, "'parts' is '{}', expected a list"),
        ({"parts": [{"name": "x"}, {}]}, "'parts[1].name' is missing"),
        ({"parts": [1]}, "'parts[0]' is '1', expected an object"),
        ({"parts": [{"name": "\ud800"}]}, "'parts[0].name' is"),
        ({"by": {"x": "1"}}, "'by.x' is '1', expected a number or null"),
        ({"by": {"x": 10**400}}, "'by.x' is"),
        ({"classes": ["x", "x"]}, "'classes' is \"['x', 'x']\", expected a list of different"),
        ({"later": 1}, "'later' is '1', expected true or false"),
    ],
)  # fmt: skip
def test_a_schema_names_the_part_that_breaks_it(change, why, tmp_path):
    file = write(tmp_path / "a.json", json.dumps(SOUND | change))
    if not why:
        assert stored.read_json(file, SCHEMA, "x") == SOUND | change
        return
    with pytest.raises(stored.DamagedError) as caught:
        stored.read_json(file, SCHEMA, "put back a copy")
    assert str(caught.value).startswith(f"{file} is damaged: {why}")


@pytest.mark.parametrize("name", SOUND)
def test_a_part_that_is_missing_is_named(name, tmp_path):
    content = {key: value for key, value in SOUND.items() if key != name}
    with pytest.raises(stored.DamagedError, match=f"{name!r} is missing"):
        stored.read_json(write(tmp_path / "a.json", json.dumps(content)), SCHEMA, "x")
