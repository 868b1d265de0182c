"""Runs as they are found: work folders, folders of predictions, single files."""

import shutil

import pytest
from predictions_made import fake
from runs_made import head_folder, run_folder

from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.evaluation.evaluated_runs import named, read_methods, read_run


def test_what_a_head_started_from_is_followed_to_its_beginning(tmp_path):
    simclr = run_folder(tmp_path / "simclr", "pretrain")
    micle = run_folder(tmp_path / "micle", "pretrain", positives="case", init=f"run:{simclr}")
    head = head_folder(tmp_path / "head", fake(), init=f"run:{micle}")
    run = read_run("a", head)
    assert [stage.folder for stage in run.stages] == [micle, simclr]
    assert run.pretraining.folder == micle and run.lost == ""
    shutil.rmtree(simclr)
    run = read_run("a", head)
    assert [stage.folder for stage in run.stages] == [micle] and run.lost == str(simclr)


def test_predictions_made_elsewhere_are_a_run(tmp_path):
    predictions.write(tmp_path / "theirs" / "external.csv", fake(other_class=None))
    predictions.write(tmp_path / "theirs" / "test.csv", fake(20))
    run = read_run("theirs", tmp_path / "theirs")
    assert list(run.predictions) == ["test", "external"] and run.config is None
    assert len(run.predictions["test"].case_ids) == 20
    assert list(read_run("a", tmp_path / "theirs" / "external.csv").files) == ["external"]
    (tmp_path / "theirs" / "test.csv").rename(tmp_path / "resnet.csv")
    assert list(read_run("a", tmp_path / "resnet.csv").files) == ["test"]


def test_names_are_given_or_the_paths():
    found = named(["a=work/x", "work/y/", "b=c=d"])
    assert found == [("a", "work/x"), ("y", "work/y/"), ("b=c", "d")]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_run("a", tmp_path / "nowhere")
    with pytest.raises(InputError, match="has no predictions: run --mode=evaluate"):
        read_run("a", run_folder(tmp_path / "head"))
    with pytest.raises(InputError, match="two runs of one name: a; use NAME=PATH"):
        named(["x/a", "y/a"])


def test_paths_of_one_name_are_runs_of_one_method(tmp_path):
    paths = [head_folder(tmp_path / name, fake()) for name in "abc"]
    found = read_methods([("A", paths[0]), ("B", paths[1]), ("A", paths[2])])
    assert {name: [(run.name, run.path) for run in runs] for name, runs in found.items()} == {
        "A": [("A, run 1", paths[0]), ("A, run 2", paths[2])],
        "B": [("B", paths[1])],
    }
    with pytest.raises(InputError, match="is given twice as a run of A"):
        read_methods([("A", paths[0]), ("A", tmp_path / "b" / ".." / "a")])


def test_a_sweeps_folder_stands_for_its_chosen_runs(tmp_path):
    sweep = run_folder(tmp_path / "sweep", "sweep", head="linear_probe")
    with pytest.raises(InputError, match="has no chosen runs: the sweep is not done"):
        read_methods([("A", sweep)])
    for seed in (0, 1):
        head_folder(sweep / "chosen" / f"labels_10_seed_{seed}", fake(), label_fraction=0.1)
    (runs,) = read_methods([("A", sweep)]).values()
    assert [run.name for run in runs] == ["A, run 1", "A, run 2"]
    head_folder(sweep / "chosen" / "labels_100_seed_0", fake())
    found = read_methods([("A", sweep)])
    assert {name: len(runs) for name, runs in found.items()} == {
        "A, 10 % of the labels": 2,
        "A, 100 % of the labels": 1,
    }
