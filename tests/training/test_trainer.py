"""Stopping, killing, resuming; files that are never half-written."""

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import kill_runs
import numpy as np
import pandas as pd
import pytest
import short_run
from kill_runs import STEPS, same, start, weights
from PIL import Image

from simclr_med.config.checked_config import make_config
from simclr_med.data import manifest
from simclr_med.encoders import checkpoint
from simclr_med.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, InputError, RunError, run_main
from simclr_med.files import atomic
from simclr_med.runs.claim import claimed_work_dir
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head
from simclr_med.training.loop import trainer
from simclr_med.training.models.bag_model import BagModel
from simclr_med.training.models.contrastive import ContrastiveModel
from simclr_med.training.models.supervised import SupervisedModel
from simclr_med.training.sweep import train_sweep

pytestmark = pytest.mark.usefixtures("shortest_encoder")
SHORT = (short_run.__file__,)


def given(data_dir, work_dir, **more):
    return {
        "data_dir": str(data_dir), "work_dir": str(work_dir), "encoder": "resnet18",
        "width": 0.125, "image_size": 32, "batch_size": 8, "steps": 2, **more,
    }  # fmt: skip


def pretrained(data_dir, work_dir, **more):
    pretrain.run(make_config("pretrain", given(data_dir, work_dir, **more)))
    return work_dir


TWO = {"optimizer": "lamb", "schedule": "constant", "warmup_fraction": 0.0, "save_every": 1}
FOUR = TWO | {"steps": 4, "save_every": 2}


@pytest.fixture(scope="module")
def of_two_steps(data_dir, tmp_path_factory):
    return pretrained(data_dir, tmp_path_factory.mktemp("two") / "run", **TWO)


@pytest.fixture(scope="module")
def of_four_steps(data_dir, tmp_path_factory):
    return pretrained(data_dir, tmp_path_factory.mktemp("four") / "run", **FOUR)


@pytest.fixture
def ended(of_two_steps, tmp_path):
    """A copy of the run of two steps."""
    return shutil.copytree(of_two_steps, tmp_path / "run")


def test_a_stopped_and_a_killed_run_go_on_as_if_nothing_had_happened(data_dir, tmp_path):
    """Stopped, then killed, in processes; ended, and compared, in this one."""
    work_dir, reached = tmp_path / "run", 0
    for sent in (signal.SIGTERM, signal.SIGKILL):
        process = start(data_dir, work_dir, SHORT)
        while process.poll() is None and max(checkpoint.steps(work_dir), default=0) <= reached:
            time.sleep(0.02)
        os.kill(process.pid, sent)
        _, error = process.communicate(timeout=60)
        reached, before = max(checkpoint.steps(work_dir)), reached
        assert before < reached < STEPS
        if sent == signal.SIGTERM:
            assert process.returncode == EXIT_TERMINATED
            assert f"saved step {reached}" in error
    assert process.returncode == -signal.SIGKILL
    same_flags = {"steps": STEPS, "save_every": 5, "precision": "float32"}
    whole = pretrained(data_dir, tmp_path / "whole", **same_flags)
    assert same(weights(whole), weights(pretrained(data_dir, work_dir, **same_flags)))


@pytest.mark.parametrize("mode", ["pretrain", "finetune", "linear_probe", "sweep"])
def test_ctrl_c_saves_the_step_and_the_same_command_goes_on(
    mode, data_dir, tmp_path, monkeypatch, capsys
):
    run = {"pretrain": pretrain, "sweep": train_sweep}.get(mode, train_head).run
    work_dir, more, folder = tmp_path / "run", {}, ""
    if mode == "sweep":
        more = {"head": "finetune", "learning_rates": ("0.1",), "weight_decays": ("0",), "seeds": 1}
        more |= {"label_fractions": ("1",), "bootstrap_replicates": 40}
        folder = "settings/*/"
    config = make_config(mode, given(data_dir, work_dir, steps=4, **more))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    original = trainer.Loop._one_step

    def one_step(self, batches, done):
        if done == 0:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, batches, done)

    try:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(trainer.Loop, "_one_step", one_step)
            run(config)
    finally:
        signal.signal(signal.SIGINT, usual)
    saved = [int(path.name) for path in work_dir.glob(f"{folder}checkpoints/*")]
    assert saved == [1]
    assert "interrupted: saved step 1; the same command goes on" in capsys.readouterr().err
    run(config)
    (done,) = work_dir.glob("chosen/*") if mode == "sweep" else [work_dir]
    assert max(checkpoint.steps(done)) == 4


def test_ctrl_c_elsewhere_has_the_same_exit_code(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert run_main(interrupted) == EXIT_INTERRUPTED == 128 + signal.SIGINT
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(("steps", "every", "rows"), [(2, 5, [2]), (3, 2, [2, 3]), (4, 2, [2, 4])])
@pytest.mark.parametrize("mode", ["pretrain", "linear_probe"])
def test_the_last_step_is_logged_whatever_log_every_is(
    mode, steps, every, rows, data_dir, tmp_path
):
    work_dir = tmp_path / "run"
    config = make_config(mode, given(data_dir, work_dir, log_every=every, steps=steps))
    (pretrain if mode == "pretrain" else train_head).run(config)
    log = (work_dir / "log.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in log[1:]] == rows


def test_micle_logs_its_share_of_true_pairs(data_dir, tmp_path):
    more = {"positives": "case", "steps": 12}  # of more than one epoch
    work_dir = pretrained(data_dir, tmp_path / "run", **more)
    data = manifest.read(data_dir)
    config = make_config("pretrain", given(data_dir, work_dir, **more))
    positions = pretrain.positions_of(config, data.cases(data.pretraining_splits()))
    drawn = [images for _, images in positions.drawn(0, 12).as_numpy_iterator()]
    expected = [np.mean([one != two for one, two in drawn[8 * k :][:8]]) for k in range(12)]
    with open(work_dir / "log.csv", newline="") as file:
        found = [float(row["true_pairs"]) for row in csv.DictReader(file)]
    assert found == expected and len(set(found)) > 1
    simclr = pretrained(data_dir, tmp_path / "simclr")
    assert "true_pairs" not in (simclr / "log.csv").read_text()


@pytest.mark.parametrize(("several", "outcome"), [(0, "refused"), (1, "told"), (None, "")])
def test_micle_without_pairs_is_refused_and_with_few_told(
    several, outcome, data_dir, tmp_path, capsys
):
    """`several`: how many cases keep their images; None is all."""
    folder, work_dir = shutil.copytree(data_dir, tmp_path / "data"), tmp_path / "run"
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    if several is not None:
        training = table[table["split"].isin(["train", "unlabelled"])]
        kept = training["case_id"].value_counts().index[:several]
        table = table[~table["case_id"].duplicated() | table["case_id"].isin(kept)]
        table.to_csv(folder / "manifest.csv", index=False)
    if outcome == "refused":
        with pytest.raises(InputError, match="--positives=case: none of the 90 cases of train, un"):
            pretrained(folder, work_dir, positives="case")
        assert not work_dir.exists()
        pretrained(folder, work_dir)  # SimCLR needs none
        return
    pretrained(folder, work_dir, positives="case")
    told = "--positives=case: 1 of 90 cases have two images or more" in capsys.readouterr().err
    assert told == (outcome == "told")


def test_a_run_that_has_ended_goes_on_as_if_it_had_been_longer(ended, of_four_steps, data_dir):
    pretrained(data_dir, ended, **FOUR)
    assert same(weights(of_four_steps), weights(ended))
    logs = [(folder / "log.csv").read_text().splitlines() for folder in (of_four_steps, ended)]
    assert len(logs[1]) == 5 and logs[0][0] == logs[1][0]


def test_a_run_that_has_ended_says_so_before_it_reads_an_image(ended, data_dir, tmp_path, capsys):
    folder = shutil.copytree(data_dir, tmp_path / "data")
    for image in (folder / "images").rglob("*.*"):
        image.write_bytes(b"no image any more")
    pretrained(folder, ended, **TWO)
    assert "run: its 2 steps were done already" in capsys.readouterr().out


@pytest.mark.slow
def test_runs_that_are_killed_at_random_end_with_the_same_weights():
    done = subprocess.run(
        [sys.executable, kill_runs.__file__, "--runs=2"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("its weights are equal") == 2


def test_a_corrupt_image_leaves_nothing_behind(data_dir, tmp_path):
    folder, work_dir = tmp_path / "data", tmp_path / "run"
    shutil.copytree(data_dir, folder)
    for image in (folder / "images" / "unlabelled").iterdir():
        image.write_bytes(b"\xff\xd8 no image")
    with pytest.raises(InputError, match=r"cannot decode image .*unlabelled_\d+_\d.jpg"):
        pretrained(folder, work_dir)
    assert not work_dir.exists()
    work_dir.mkdir()
    (work_dir / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds notes.txt and is no run's"):
        pretrained(folder, work_dir)
    assert (work_dir / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("mode", "optimizer"),
    [
        ("finetune", "adam"),
        ("linear_probe", "lamb"),
        # Of LARS, test_pipeline shows it in pretraining.
        pytest.param("finetune", "lars", marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_head_resumes_exactly(mode, optimizer, data_dir, tmp_path):
    work_dir = tmp_path / "run"
    flags = {"optimizer": optimizer, "steps": 4, "save_every": 2}
    config = make_config(mode, given(data_dir, work_dir, **flags))
    train_head.run(config)
    whole = weights(work_dir)
    shutil.rmtree(work_dir / "checkpoints" / "4")
    train_head.run(config)
    assert checkpoint.steps(work_dir) == [2, 4] and same(whole, weights(work_dir))


def test_a_damaged_checkpoint_and_an_unfinished_run_are_named(ended, data_dir, tmp_path):
    head = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "head"), "batch_size": 8}
    head["init"] = f"run:{ended}"
    file = ended / "checkpoints" / "2" / "variables.npz"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        train_head.run(make_config("linear_probe", head))
    shutil.rmtree(ended / "checkpoints" / "2")
    with pytest.raises(InputError, match="stopped at step 1 of 2"):
        train_head.run(make_config("linear_probe", head))
    assert not (tmp_path / "head").exists()


def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_used(
    ended, of_two_steps, data_dir, capsys
):
    newest = ended / "checkpoints" / "2"
    content = bytearray((newest / "variables.npz").read_bytes())
    content[len(content) // 2] ^= 1  # one bit
    (newest / "variables.npz").write_bytes(content)
    pretrained(data_dir, ended, **TWO)
    told = capsys.readouterr().err
    assert "checkpoints/2 is damaged: variables.npz has another checksum" in told
    assert "goes on from step 1" in told
    assert same(weights(of_two_steps), weights(ended))
    assert (ended / "checkpoints" / "2.damaged").exists()
    for step in (1, 2):
        (ended / "checkpoints" / str(step) / "variables.json").write_text("{")
    with pytest.raises(InputError, match=r"no checkpoint is whole.*\n.*variables.json is not what"):
        pretrained(data_dir, ended, **TWO)
    assert checkpoint.steps(ended) == [1, 2]


@pytest.fixture
def small_disk():
    """No file may grow beyond 50 kB: a checkpoint does, and fails as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_disk_that_is_full_stops_the_run_which_resumes_exactly(
    of_four_steps, data_dir, tmp_path, small_disk
):
    work_dir = shutil.copytree(of_four_steps, tmp_path / "run")
    shutil.rmtree(work_dir / "checkpoints" / "4")
    small_disk()
    with pytest.raises(RunError, match="step 4 cannot be saved in .*: File too large. Step 2 is"):
        pretrained(data_dir, work_dir, **FOUR)
    assert [path.name for path in (work_dir / "checkpoints").iterdir()] == ["2"]
    resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
    pretrained(data_dir, work_dir, **FOUR)
    assert same(weights(of_four_steps), weights(work_dir))


def test_a_folder_that_cannot_be_written_is_told(capsys):
    def write():
        raise PermissionError(13, "Permission denied", "work/run")

    assert run_main(write) == 1
    assert capsys.readouterr().err == "error: work/run: Permission denied\n"


def test_two_processes_do_not_write_one_folder(data_dir, tmp_path):
    config = make_config("pretrain", given(data_dir, tmp_path / "run"))

    def claimed():
        return claimed_work_dir(config, "data")

    refused = pytest.raises(InputError, match="another process is writing")
    with claimed(), refused, claimed():
        pass
    with claimed():
        pass


def test_a_run_does_not_go_on_with_other_data(ended, data_dir, tmp_path):
    folder = shutil.copytree(data_dir, tmp_path / "data")
    rows = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    (folder / "manifest.csv").write_text("".join(rows[:-1]))
    with pytest.raises(InputError, match="started on other data"):
        pretrained(folder, ended, **TWO)


def test_files_are_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a" / "text"
    atomic.write_text(file, "old")
    with pytest.raises(ZeroDivisionError), atomic.replacing(file) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert file.read_text() == "old" and len(list(file.parent.iterdir())) == 1
    with pytest.raises(ZeroDivisionError), atomic.new_folder(tmp_path / "b") as folder:
        (folder / "text").write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(FileExistsError), atomic.new_folder(tmp_path / "a"):
        pass


@pytest.mark.parametrize(
    ("mode", "kind", "more"),
    [
        ("pretrain", ContrastiveModel, {}),
        ("pretrain", ContrastiveModel, {"micro_batch": 4}),
        ("finetune", SupervisedModel, {}),
        ("finetune", SupervisedModel, {"micro_batch": 4}),
        ("finetune", BagModel, {"bag": "attention"}),
        ("linear_probe", SupervisedModel, {}),
    ],
)
def test_the_command_trains_by_the_models_own_train_step(
    mode, kind, more, data_dir, tmp_path, monkeypatch
):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(kind, "train_step", fail)
    run = pretrain.run if mode == "pretrain" else train_head.run
    with pytest.raises(ZeroDivisionError):
        run(make_config(mode, given(data_dir, tmp_path / "run", **more)))


def test_views_are_drawn_with_their_originals(data_dir, tmp_path, monkeypatch):
    """Pairs of two images of a case: original, view, view, original; of one: original, views."""
    monkeypatch.setattr(trainer, "compiled_step", lambda *settings: lambda parts: None)
    for positives, cells in (("case", 8), ("augmentation", 6)):
        work_dir = pretrained(data_dir, tmp_path / positives, positives=positives)
        sheet = np.asarray(Image.open(work_dir / "views.png"))
        assert sheet.shape == (4 * 32, cells * 32 + 4, 3)
        assert np.unique(sheet).size > 50
