"""Copies for other people name nobody, and say what they lack."""

import json
import os
import shutil

import numpy as np
import pytest

from simclr_med.config.checked_config import for_existing_run
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.modes import compute
from simclr_med.serving import share, trained

SECRET = "Mueller"


@pytest.fixture(scope="module")
def run(exported_probe, data_dir, tmp_path_factory):
    """An evaluated run in a folder that names somebody, with a file of each kind."""
    work_dir = tmp_path_factory.mktemp(SECRET) / "probe"
    shutil.copytree(exported_probe, work_dir)
    given = {"data_dir": str(data_dir), "gradcam": 1, "bootstrap_replicates": 40}
    compute(for_existing_run("evaluate", str(work_dir), given))
    config = json.loads((work_dir / "config.json").read_text())
    config["data"]["data_dir"] = f"/home/{SECRET}/data"
    config["head"]["init"] = f"run:{SECRET}"
    config["data"]["features_dir"] = f"/home/{SECRET}/features"
    config["data"]["cases"] = f"(?P<case>{SECRET}[^/]+)"
    (work_dir / "config.json").write_text(json.dumps(config))
    for name in ("notes.txt", "report.html", "skipped.csv", "views.png", "learnt_from.json"):
        (work_dir / name).write_text(SECRET)
    for name in ("tensorboard", "features", "gradcam"):
        (work_dir / name).mkdir(exist_ok=True)
        (work_dir / name / SECRET).write_text(SECRET)
    file = work_dir / "predictions" / "test.csv"
    file.write_text(file.read_text().replace("case", SECRET).replace(f"{SECRET}_id", "case_id"))
    return work_dir


def test_a_copy_names_nobody_and_says_what_it_lacks(run, tmp_path):
    said = share.write(run, tmp_path / "shared")
    ids = set(predictions.read(run / "predictions" / "test.csv").case_ids)
    for file in (tmp_path / "shared").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert SECRET.encode() not in content and str(tmp_path).encode() not in content, file
            if file.suffix == ".csv":
                assert not ids & set(content.decode().replace("\n", ",").split(","))
    assert not list((tmp_path / "shared").glob("*.png"))
    assert (tmp_path / "shared" / "left_out.txt").read_text().splitlines() == said
    for name in ("notes.txt", "report.html", "gradcam", "tensorboard", "features", "views.png"):
        assert f"left out: {name}" in said
    assert any(sentence.startswith("left out: columns group:") for sentence in said)


def test_a_copy_s_numbers_and_networks_are_the_run_s(run, tmp_path):
    share.write(run, tmp_path / "shared")
    before, after = (
        predictions.read(folder / "predictions" / "test.csv")
        for folder in (run, tmp_path / "shared")
    )
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.truth, after.truth)
    # Rows are of one patient there where they are here.
    same = [ids[:, None] == ids for ids in (before.patient_ids, after.patient_ids)]
    np.testing.assert_array_equal(*same)
    assert trained.load(tmp_path / "shared").task == trained.load(run).task


def test_what_cannot_be_shared_is_named(run, tmp_path):
    with pytest.raises(InputError, match="lies inside"):
        share.write(run, run / "shared")
    with pytest.raises(InputError, match="is there already"):
        share.write(run, tmp_path)
    with pytest.raises(InputError):
        share.write(tmp_path, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("name", ["log.csv", "predictions/test.csv", "export/*/input.json"])
def test_a_pipe_among_the_files_is_refused(run, tmp_path, name):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (file,) = copy.glob(name)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputError, match="is a pipe; expected a file"):
        share.write(copy, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


def test_checksums_of_images_stay_behind(run, tmp_path):
    assert list(run.glob("export/*/evidence.json"))
    share.write(run, tmp_path / "shared")
    assert not list((tmp_path / "shared").rglob("evidence.json"))
