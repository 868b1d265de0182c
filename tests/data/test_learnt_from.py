"""What a run has learnt from is known to whoever evaluates it, and nobody else."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from simclr_med.data import seen_cases
from simclr_med.data.cases import Cases
from simclr_med.errors import InputError
from simclr_med.runs import layout, training_record

LARGE = 20_000  # bytes of a file of which a sample is taken


@pytest.fixture
def made(tmp_path):
    """A function of (case, patient, content of its image) triples to `Cases`."""

    def cases(*rows):
        paths = []
        for number, (_, _, content) in enumerate(rows):
            paths.append(tmp_path / f"{len(list(tmp_path.iterdir()))}_{number}.jpg")
            paths[-1].write_bytes(content)
        names, patients = (np.array([row[k] for row in rows], str) for k in (0, 1))
        offsets = np.arange(len(rows) + 1)
        return Cases(names, patients, np.array(paths, str), offsets, np.zeros([len(rows), 1]), {})

    return cases


def noted(work_dir, cases, fingerprint="data", init="random"):
    """Write the record of a training that begins, and return it as it is read."""
    seen_cases.note(work_dir, init, cases, fingerprint)
    return training_record.load(work_dir)


def test_cases_patients_and_images_are_told_again(made, tmp_path):
    record = noted(tmp_path / "run", made(("c1", "p1", b"one"), ("c2", "", b"two")))
    asked = made(
        ("c1", "x", b"a"),
        ("c7", "p1", b"b"),
        ("c8", "", b"two"),
        ("c9", "", b"c"),
        ("p1", "c2", b"d"),
    )
    seen = seen_cases.seen_by(record, asked)
    assert seen.rows.tolist() == [True, True, True, False, False]
    assert seen.by == {"case": 1, "patient": 1, "image": 1}


def test_a_case_is_seen_by_any_of_its_images(made, tmp_path):
    record = noted(tmp_path / "run", made(("c1", "", b"one")))
    three = made(("x", "", b"new"), ("x", "", b"one"), ("y", "", b"other"))
    names, offsets = np.array(["x", "y"]), np.array([0, 2, 3])
    cases = dataclasses.replace(three, case_ids=names, patient_ids=names, offsets=offsets)
    assert seen_cases.seen_by(record, cases).rows.tolist() == [True, False]


@pytest.mark.parametrize("place", [0, LARGE // 2, LARGE - 1])
def test_an_image_is_known_by_three_of_its_parts_and_its_length(place, made, tmp_path):
    content = bytearray(np.random.default_rng(0).bytes(LARGE))
    record = noted(tmp_path / "run", made(("c1", "", bytes(content))))
    changed = content.copy()
    changed[place] ^= 1
    files = {"a": content, "b": changed, "c": content + b"x"}
    asked = made(*((name, "", bytes(file)) for name, file in files.items()))
    assert seen_cases.seen_by(record, asked).rows.tolist() == [True, False, False]


def test_a_run_has_learnt_what_it_started_from_had(made, tmp_path):
    first, second = made(("c1", "", b"one")), made(("c2", "", b"two"))
    noted(tmp_path / "first", first, "a")
    record = noted(tmp_path / "second", second, "b", f"run:{tmp_path / 'first'}")
    assert (
        seen_cases.seen_by(record, first).rows.all()
        and seen_cases.seen_by(record, second).rows.all()
    )
    assert not record.unknown


def test_what_others_learnt_from_is_unknown_and_said(made, tmp_path):
    record = noted(tmp_path / "run", made(("c1", "", b"one")), init=f"imported:{tmp_path / 'bit'}")
    assert record.unknown == ("bit, imported weights",)
    head = noted(tmp_path / "head", made(("c2", "", b"two")), init=f"run:{tmp_path / 'run'}")
    assert head.unknown == record.unknown
    (tmp_path / "old").mkdir()
    assert training_record.load(tmp_path / "old").unknown == ("old, a run of an earlier version",)


def test_the_record_of_a_run_that_goes_on_stays(made, tmp_path):
    noted(tmp_path / "run", made(("c1", "", b"one")))
    record = noted(tmp_path / "run", made(("c2", "", b"two")))
    asked = made(("c1", "", b"x"), ("c2", "", b"y"))
    assert seen_cases.seen_by(record, asked).rows.tolist() == [True, False]


def test_the_record_tells_no_name(made, tmp_path):
    noted(tmp_path / "run", made(("case-anna", "anna", b"one")))
    text = (tmp_path / "run" / layout.LEARNT_FROM).read_text()
    assert "anna" not in text and str(tmp_path) not in text
    other = noted(tmp_path / "other", made(("case-anna", "anna", b"one")), "other data")
    mine = training_record.load(tmp_path / "run").sources[0].hashes
    assert all(mine[kind] for kind in training_record.KINDS)
    assert all(
        mine[kind].isdisjoint(other.sources[0].hashes[kind]) for kind in training_record.KINDS
    )


def test_an_image_that_cannot_be_read_is_left_out(made, tmp_path):
    cases = made(("c1", "", b"one"), ("c2", "", b"two"))
    shutil.move(cases.paths[0], tmp_path / "away.jpg")
    record = noted(tmp_path / "run", cases)
    asked = made(("x", "", b"two"))
    assert seen_cases.seen_by(record, asked).rows.tolist() == [True]
    assert len(record.sources[0].hashes["image"]) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sources": [{}], "unknown": []}', "\xff"])
def test_a_damaged_record_is_refused_by_name(text, tmp_path):
    (tmp_path / layout.LEARNT_FROM).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="learnt_from.json is damaged: "):
        training_record.load(tmp_path)


def test_the_record_is_json(made, tmp_path):
    noted(tmp_path / "run", made(("c1", "", b"one")))
    content = json.loads((tmp_path / "run" / layout.LEARNT_FROM).read_text())
    assert set(content) == {"sources", "unknown"}
