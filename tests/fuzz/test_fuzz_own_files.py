"""Our own files, edited or damaged in every part: read as they are, or refused by name and place.

Each example changes one file of a folder that version 0.1 wrote, and reads the folder by all that
reads such a file.
"""

import csv
import io
import json
import pathlib
import shutil
import tempfile

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from strategies import CELL, JSON, fuzz, outcome

from simclr_med.config.storage import load_config
from simclr_med.data import manifest
from simclr_med.encoders import checkpoint
from simclr_med.evaluation import evaluated_runs
from simclr_med.evaluation.evaluate import former_results
from simclr_med.evaluation.report.training import training_charts
from simclr_med.evaluation.sweep_table import SweepTable
from simclr_med.runs import input_contract, lineage, training_record
from simclr_med.runs.task import Task

OLD = ROOT / "tests" / "known" / "version_0_1"


def _run(folder):
    return evaluated_runs.read_run("a", folder)


# A file of a folder, and what reads it back.
READERS = {
    ("probe", "config.json"): (load_config, _run),
    ("probe", "metrics.json"): (former_results, _run),
    ("probe", "task.json"): (Task.load, _run),
    ("probe", "learnt_from.json"): (training_record.load,),
    ("probe", "input.json"): (input_contract.load,),
    ("probe", "predictions/test.csv"): (_run,),
    ("probe", "log.csv"): (lambda folder: training_charts([_run(folder)]),),
    ("findings_probe", "metrics.json"): (former_results, _run),
    ("imported", "input.json"): (input_contract.load,),
    ("imported", "config.json"): (load_config, lambda f: lineage.stages_before(load_config(f))),
    ("sweep", "sweep.csv"): (SweepTable,),
    ("data", "dataset.json"): (manifest.read,),
    ("data", "manifest.csv"): (manifest.read,),
}
SMALL = ("*.npz", "*.png", "*.jpg", "images", "checkpoints", "export", "chosen")
NUMBERS = st.sampled_from([0, -1, 1e400, float("nan"), 2**70, 0.5, True])
DEEP = st.just("[" * 100_000)


def places(value, place=()):
    """Every place in a value of JSON, as the keys that lead to it."""
    yield place
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*place, key))


def changed(value, place, new):
    """A value of JSON with another part in one place; without the part where `new` is `places`."""
    if not place:
        return new
    first, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    if rest or new is not places:
        copy[first] = changed(copy[first], rest, new)
    else:
        del copy[first]
    return copy


def damaged_json(draw, text):
    """JSON text with one part of another type, missing, or nested deeper than any reader goes."""
    value = json.loads(text)
    place = draw(st.sampled_from(list(places(value))))
    new = draw(st.one_of(JSON, NUMBERS, st.just(places) if place else JSON))
    return json.dumps(changed(value, place, new)) if draw(st.integers(0, 20)) else draw(DEEP)


def damaged_table(draw, text):
    """A CSV with one cell changed, one added or taken away, or one row doubled."""
    rows = list(csv.reader(io.StringIO(text)))
    row = draw(st.integers(0, len(rows) - 1))
    column = draw(st.integers(0, len(rows[row]) - 1))
    how = draw(st.sampled_from(["cell", "cell", "more", "fewer", "doubled"]))
    if how == "cell":
        rows[row][column] = draw(CELL)
    elif how == "more":
        rows[row].append(draw(CELL))
    elif how == "fewer":
        del rows[row][column]
    else:
        rows.insert(row, list(rows[row]))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(("folder", "name"), READERS)
@given(data=st.data())
@fuzz(25)
def test_a_file_of_ours_is_read_or_refused(folder, name, data):
    with tempfile.TemporaryDirectory() as beside:
        copy = pathlib.Path(beside) / folder
        shutil.copytree(OLD / folder, copy, ignore=shutil.ignore_patterns(*SMALL))
        text = (copy / name).read_text(encoding="utf-8")
        change = damaged_json if name.endswith(".json") else damaged_table
        (copy / name).write_text(
            change(data.draw, text), encoding="utf-8", errors="surrogatepass", newline=""
        )
        before = sorted(copy.rglob("*"))
        for read in READERS[folder, name]:
            _, refused = outcome(read, copy)
            if refused:
                assert name.rpartition("/")[2] in str(refused) or str(copy) in str(refused)
        assert sorted(copy.rglob("*")) == before  # a reader writes nothing


@given(data=st.data())
@fuzz(25)
def test_a_checkpoint_s_shapes_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as beside:
        path = pathlib.Path(beside) / "1"
        shutil.copytree(next((OLD / "probe" / "checkpoints").iterdir()), path)
        file = path / "variables.json"
        file.write_text(damaged_json(data.draw, file.read_text()), errors="surrogatepass")
        outcome(checkpoint.saved_shapes, path)
