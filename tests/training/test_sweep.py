"""The protocol: a grid, the choice by validation alone, seeds, and the test split once, last."""

import csv
import json
import pathlib
import shutil

import flag_files
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, answers_here
from kill_runs import weights

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.errors import DivergedError, InputError, RunError
from simclr_med.evaluation.sweep_table import SweepTable
from simclr_med.modes import evaluate
from simclr_med.serving import export
from simclr_med.serving.formats import saved_model
from simclr_med.training.heads import train_head
from simclr_med.training.loop import trainer
from simclr_med.training.sweep import finetuned_runs, train_sweep

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16, "steps": 20}
PROBES = {
    "learning_rates": ("0.001", "0.1", "3"),
    "weight_decays": ("0", "0.01"),
    "label_fractions": ("0.5", "1"),
    "seeds": 2,
    "bootstrap_replicates": 40,
}
TUNED = {
    "head": "finetune",
    "steps": 2,
    "learning_rates": ("0.1", "1e30"),
    "weight_decays": ("0",),
    "seeds": 2,
    "warmup_fraction": 0.0,
    "bootstrap_replicates": 40,
}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def swept(data_dir, work_dir, **more):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL}
    train_sweep.run(make_config("sweep", given | more))
    return work_dir


def rows(work_dir, name="sweep.csv"):
    with open(work_dir / name, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def probes(data_dir, tmp_path_factory):
    return swept(data_dir, tmp_path_factory.mktemp("probes") / "sweep", **PROBES)


@pytest.fixture(scope="module")
def tuned(data_dir, tmp_path_factory):
    return swept(data_dir, tmp_path_factory.mktemp("tuned") / "sweep", **TUNED)


def test_every_setting_has_a_row_and_the_best_on_validation_is_repeated_with_seeds(probes):
    found = rows(probes)
    grid = [row for row in found if row["stage"] == "grid"]
    chosen = [row for row in found if row["stage"] == "chosen"]
    assert len(grid) == 2 * 3 * 2 and len(chosen) == 2 * 2
    for fraction in ("0.5", "1.0"):
        some = [row for row in grid if row["label_fraction"] == fraction]
        best = max(some, key=lambda row: float(row["validation_auc"]))
        again = [row for row in chosen if row["label_fraction"] == fraction]
        assert [row["seed"] for row in again] == ["0", "1"]
        for name in ("learning_rate", "weight_decay"):
            assert {row[name] for row in again} == {best[name]}
    assert all(row["test_auc"] and not row["validation_auc"] for row in chosen)
    assert not any(row["test_auc"] for row in grid)
    assert (probes / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_has_mean_and_spread_over_the_seeds(probes):
    chosen = pd.DataFrame(rows(probes)).query("stage == 'chosen' and label_fraction == '1.0'")
    values = chosen["test_top1_accuracy"].astype(float)
    (row,) = (
        row
        for row in rows(probes, "summary.csv")
        if (row["label_fraction"], row["split"], row["metric"]) == ("1", "test", "top1_accuracy")
    )
    assert float(row["mean"]) == pytest.approx(values.mean(), rel=1e-5)
    assert float(row["sd"]) == pytest.approx(values.std(ddof=1), rel=1e-5) and row["runs"] == "2"
    assert row["start"] == "Random Initialization"


def folders(work_dir):
    return sorted((work_dir / "chosen").iterdir())


def test_a_chosen_probe_is_that_of_an_ordinary_run(probes, data_dir, tmp_path):
    """Trained with others at once, or alone by its own command: the same but for rounding."""
    (folder,) = (
        f for f in folders(probes) if f.name.startswith("labels_50") and "seed_1" in f.name
    )
    stored = json.loads((folder / "config.json").read_text())
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "run"), **SMALL, "seed": 1}
    given |= {name: stored["optimizer"][name] for name in ("learning_rate", "weight_decay")}
    train_head.run(make_config("linear_probe", given | {"label_fraction": 0.5}))
    alone, together = weights(tmp_path / "run"), weights(folder)
    assert set(together) == {name for name in alone if not name.startswith("optimizer/")}
    for name, value in together.items():
        np.testing.assert_allclose(value, alone[name], atol=1e-4, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", ["probes", "tuned"])
def test_a_chosen_run_can_be_evaluated_and_exported(kind, request, monkeypatch):
    folder = folders(request.getfixturevalue(kind))[0]
    result = json.loads((folder / "metrics.json").read_text())["splits"]["test"]
    before, start = result["metrics"], result["start"]
    assert start == "Random Initialization"
    evaluate(for_existing_run("evaluate", str(folder), {"bootstrap_replicates": 40}))
    after = json.loads((folder / "metrics.json").read_text())["splits"]["test"]["metrics"]
    assert before["auc"] == after["auc"]
    if kind == "probes":  # the other's folder is one that finetune.run made
        monkeypatch.setattr(saved_model, "answers_alone", answers_here)
        export.run(for_existing_run("export", str(folder), {}))
        assert (folder / "export" / "1" / "saved_model.pb").exists()


def relabelled(data_dir, folder):
    """A copy of a data set whose test labels are shuffled."""
    shutil.copytree(data_dir, folder)
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    test = table["split"] == "test"
    labels = table[test].groupby("case_id")["labels"].first()
    shuffled = dict(zip(labels.index, np.random.default_rng(0).permutation(labels), strict=True))
    table.loc[test, "labels"] = table.loc[test, "case_id"].map(shuffled)
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def test_shuffled_test_labels_change_nothing_but_test_figures(probes, data_dir, tmp_path):
    other = swept(relabelled(data_dir, tmp_path / "data"), tmp_path / "sweep", **PROBES)
    for here, there in zip(rows(probes), rows(other), strict=True):
        differing = {name for name in here if here[name] != there[name]}
        assert all(name.startswith("test_") for name in differing)
        assert bool(differing) == (here["stage"] == "chosen")


@pytest.mark.parametrize("given", [PROBES, TUNED], ids=["probes", "tuned"])
def test_the_test_split_is_not_opened_before_all_is_chosen_and_trained(
    given, data_dir, tmp_path, monkeypatch
):
    asked, original = [], manifest.Manifest.cases

    def spy(self, splits):
        finished = list((tmp_path / "sweep" / "chosen").glob("*/checkpoints/*"))
        asked.append((tuple(splits), len(finished)))
        return original(self, splits)

    monkeypatch.setattr(manifest.Manifest, "cases", spy)
    few = {"label_fractions": ("1",), "learning_rates": ("0.1",), "seeds": 1}
    swept(data_dir, tmp_path / "sweep", **given | few)
    assert {splits for splits, _ in asked} == {("train",), ("validation",), ("test",)}
    assert all(finished == 1 for splits, finished in asked if splits == ("test",))


def test_a_setting_that_diverges_is_told_and_does_not_stop_the_sweep(tuned):
    status = {row["learning_rate"]: row["status"] for row in rows(tuned) if row["stage"] == "grid"}
    assert status == {"0.1": "done", "1e+30": "diverged"}


def test_where_all_diverge_it_says_so(data_dir, tmp_path):
    given = PROBES | {"learning_rates": ("1e38",), "weight_decays": ("9",)}
    with pytest.raises(RunError, match="no setting came to an end with 50 % .* --learning_rates"):
        swept(data_dir, tmp_path / "sweep", **given)


def test_a_sweep_that_was_killed_goes_on_and_ends_in_the_same_table(
    tuned, data_dir, tmp_path, monkeypatch
):
    """What each run trained is there already; that runs go on by themselves, others show."""
    trained = []
    (diverged,) = (row for row in rows(tuned) if row["status"] == "diverged")

    class KilledError(Exception):
        pass

    def killed(config, until=None):
        trained.append(config.work_dir)
        if len(trained) in (2, 5):  # in the grid, and in the seeds
            raise KilledError
        if config.optimizer.learning_rate > 1:
            raise DivergedError("the loss is nan", int(diverged["step"]))
        folder = pathlib.Path(config.work_dir)
        if not folder.exists():
            shutil.copytree(tuned / "chosen" / folder.name, folder)
            (folder / "metrics.json").unlink()

    monkeypatch.setattr(finetuned_runs.train_head, "run", killed)
    for _ in range(2):
        with pytest.raises(KilledError):
            swept(data_dir, tmp_path / "sweep", **TUNED)
    swept(data_dir, tmp_path / "sweep", **TUNED)
    assert len(trained) == 7  # those in the table are not tried again
    assert (tmp_path / "sweep" / "sweep.csv").read_bytes() == (tuned / "sweep.csv").read_bytes()
    assert (tmp_path / "sweep" / "summary.csv").read_bytes() == (tuned / "summary.csv").read_bytes()


def test_a_sweep_that_is_done_trains_nothing(probes, data_dir, monkeypatch):
    before = (probes / "sweep.csv").read_bytes()
    monkeypatch.setattr(trainer, "train", None)
    monkeypatch.setattr("simclr_med.training.sweep.probed_runs.train_probes", None)
    swept(data_dir, probes, **PROBES)
    assert (probes / "sweep.csv").read_bytes() == before
    with pytest.raises(InputError, match="--learning_rates: there .*, now"):
        swept(data_dir, probes, **PROBES | {"learning_rates": ("0.1",)})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"learning_rate": 0.1},
            "--learning_rate has no effect with --mode=sweep: give --learning_r",
        ),
        ({"learning_rates": ("0.1", "a")}, "--learning_rates=0.1,a: expected numbers above 0"),
        ({"learning_rates": ("0.1", "1e-1")}, "none twice"),
        ({"weight_decays": ("0.1234567", "0.1234568")}, "none twice in six digits"),
        ({"weight_decays": ("-1",)}, "--weight_decays=-1: expected numbers 0 or more"),
        (
            {"label_fractions": ("1.5",)},
            "--label_fractions=1.5: expected numbers above 0, at most 1",
        ),
        ({"head": "pretrain"}, "--head=pretrain: expected one of linear_probe, finetune"),
        ({"temperature": 0.5}, "--temperature has no effect with --mode=sweep"),
        ({"augmentation": "none"}, "--augmentation has no effect"),
        ({"optimizer": "adam"}, "--optimizer=adam"),
        ({"validate_every": 5}, "--validate_every=5 has no effect with --head=linear_probe"),
        ({"seeds": 0}, "--seeds=0"),
        (
            {"seed": 2**32 - 1, "seeds": 2},
            "with --seeds=2 the last is 4294967296; expected",
        ),
    ],
)
def test_what_a_sweep_cannot_do_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        make_config("sweep", {"data_dir": "a", "work_dir": "b"} | given)


def test_a_fraction_smaller_than_a_batch_is_refused_before_anything_is_trained(data_dir, tmp_path):
    for given in (PROBES, TUNED):
        few = given | {"label_fractions": ("1", "0.05")}
        with pytest.raises(InputError, match="--batch_size=16 exceeds the"):
            swept(data_dir, tmp_path / "sweep", **few)
        assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("given", [PROBES, TUNED], ids=["probes", "tuned"])
@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (("test", "external"), "external.* is an empty split"),
        (("test", "train"), "--eval_splits=test,train: the heads learn from train"),
    ],
)
def test_splits_that_cannot_be_evaluated_are_refused_before_anything_is_trained(
    given, splits, message, data_dir, tmp_path
):
    folder = shutil.copytree(data_dir, tmp_path / "data")
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table[table["split"] != "external"].to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(InputError, match=message):
        swept(folder, tmp_path / "sweep", **given, eval_splits=splits)
    assert not (tmp_path / "sweep").exists()


def test_the_first_of_equal_settings_is_taken(tmp_path):
    table = SweepTable(tmp_path)
    config = make_config("sweep", {"data_dir": "a", "work_dir": "b"})
    trials = train_sweep.sweeping.grid(config)
    done = {t: train_sweep.Outcome("done", 1, {"validation_loss": 0.5}) for t in trials}
    table.add("grid", done)
    assert len(trials) == 28 and SweepTable(tmp_path).best(trials, "loss") == trials[0]


@pytest.mark.parametrize("file", sorted((ROOT / "flags").glob("sweep_*.cfg")), ids=lambda f: f.stem)
def test_the_files_of_flags_are_sweeps_with_the_paper_s_grid(file):
    texts = flag_files.texts(file)
    assert texts.pop("mode") == "sweep"
    given = {name: flag_files.value(name, text) for name, text in texts.items()}
    begins = {"data_dir": "a", "work_dir": "b", "init": "random"}  # its weights are not here
    config = make_config("sweep", given | begins)
    assert config.train.steps == 30000 and config.train.batch_size == 256
    grid = train_sweep.sweeping.grid(config)
    rates = sorted({np.log10(trial.learning_rate) for trial in grid})
    np.testing.assert_allclose(rates, np.linspace(-3.5, -0.5, 7), atol=0.001)
    assert sorted({trial.weight_decay for trial in grid}) == [0, 1e-5, 1e-4, 1e-3]
    assert config.optimizer.optimizer == "sgd" and config.optimizer.momentum == 0.9
