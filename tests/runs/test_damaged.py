"""Own JSON files with any value of another type are refused by name, or read; nothing else happens.

Every place of every file takes every kind of value, and is left out.
"""

import copy
import json

import numpy as np
import pytest
from predictions_made import fake
from runs_made import head_folder, run_folder

from simclr_med.config.storage import load_config
from simclr_med.data.info import read_info
from simclr_med.data.seen_cases import Record, Source
from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError
from simclr_med.evaluation.evaluate import former_results, notes_on
from simclr_med.runs import input_contract, layout, training_record
from simclr_med.runs.checkpoints import saved_shapes
from simclr_med.runs.task import Task

KINDS = (
    None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", "x", "\ud800", "a\0b", [], {},
    [None], [[]], [1], {"x": None}, {"x": []}, ["x", "x"],
)  # fmt: skip
DATASET = {
    "name": "a", "task": "multilabel", "classes": ["b", "c"], "image_root": "images",
    "groups": ["age"], "other_class": "b", "uncertain": {"b": "ones"}, "not_mentioned": "masked",
    "licence": "", "source": "", "shards": "shards",
    "preparation": {"images": "rewritten", "shortest_side": 256, "rendered": "x"},
}  # fmt: skip
RESULT = {
    "cases": 3, "metrics": {"auc": {"value": 0.5, "low": None, "high": 1}}, "mixed": {"age": 1},
    "learnt_from": {"cases": 1, "by": {"case": 1}, "unknown": ["x"]}, "thresholds": {"a": 0.5},
}  # fmt: skip


def of_config(folder):
    return run_folder(folder) / layout.CONFIG, lambda: load_config(folder)


def of_task(folder):
    Task("multiclass", ("a", "b"), "b").save(folder)
    return folder / layout.TASK, lambda: Task.load(folder)


def of_contract(folder):
    input_contract.of_run(load_config(run_folder(folder))).save(folder)
    return folder / layout.INPUT, lambda: input_contract.load(folder)


def of_record(folder):
    names = {kind: ["a"] for kind in training_record.KINDS}
    record = Record((Source.of(names, "salt"),), ("bit",))
    training_record.save(record, folder / layout.LEARNT_FROM)
    return folder / layout.LEARNT_FROM, lambda: training_record.load(folder)


def of_metrics(folder):
    (folder / layout.METRICS).write_text(json.dumps({"splits": {"test": RESULT}}))
    return folder / layout.METRICS, lambda: [*map(notes_on, former_results(folder).values())]


def of_dataset(folder):
    (folder / "dataset.json").write_text(json.dumps(DATASET))
    return folder / "dataset.json", lambda: read_info(folder / "dataset.json")


def of_weights(folder):
    checkpoint.save(folder, {"a": np.zeros([2, 3])}, 1, keep=1)
    path = layout.checkpoint(folder, 1)
    return path / layout.SHAPES, lambda: saved_shapes(path)


FILES = {
    "config": of_config, "task": of_task, "contract": of_contract, "record": of_record,
    "metrics": of_metrics, "dataset": of_dataset, "weights": of_weights,
}  # fmt: skip


def places(value, path=()):
    """The path of each part of a value of JSON."""
    yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from places(value[key], (*path, key))


def changed(content, path, kind):
    """The content with another value at a path; of `KINDS` itself, without that part."""
    if not path:
        return kind if kind is not KINDS else {}
    made = copy.deepcopy(content)
    *before, last = path
    parent = made
    for key in before:
        parent = parent[key]
    if kind is KINDS:
        del parent[last]
    else:
        parent[last] = kind
    return made


@pytest.mark.parametrize("name", FILES)
def test_a_part_of_another_kind_is_refused_by_name(name, tmp_path):
    file, read = FILES[name](tmp_path)
    read()
    content = json.loads(file.read_text())
    refused = 0
    for path in places(content):
        for kind in (*KINDS, KINDS):
            file.write_text(json.dumps(changed(content, path, kind)))
            try:
                read()
            except InputError as error:
                # A checkpoint is named by its folder.
                assert str(file) in str(error) or str(file.parent) in str(error)
                assert len(str(error)) < 2000
                refused += 1
    assert refused > len(KINDS)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ["", "{", "null", "[" * 10**5, "\ufeff{}", '{"a": NaN}', "\0"])
def test_what_is_no_object_is_refused_by_name(text, name, tmp_path):
    file, read = FILES[name](tmp_path)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=str(tmp_path)):
        read()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_runs_that_started_from_each_other_are_refused(length, tmp_path):
    from simclr_med.evaluation.evaluated_runs import read_run
    from simclr_med.runs.lineage import stages_before, start_of

    folders = [tmp_path / f"{number}" for number in range(length)]
    for folder, other in zip(folders, folders[1:] + folders[:1], strict=True):
        head_folder(folder, fake())
        file = folder / layout.CONFIG
        content = json.loads(file.read_text())
        content["head"]["init"] = f"run:{other}"
        file.write_text(json.dumps(content))
    for folder in folders:
        with pytest.raises(InputError, match="init leads back to"):
            read_run("a", folder)
        with pytest.raises(InputError, match="init leads back to"):
            stages_before(load_config(folder))
        assert start_of(load_config(folder)) is None
