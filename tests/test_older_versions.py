"""Files of older versions are read: each folder of tests/known/version_*, through the commands.

Modules move and functions are renamed; commands, files and `simclr_med.load_encoder` stay. What the
files hold, and how they were made, is in the README.md beside them.
"""

import json
import os
import pathlib
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from absl import flags
from absl.testing import flagsaver
from conftest import ROOT
from shell import run_here

import simclr_med
from simclr_med import run
from simclr_med.evaluation.metrics.records import KINDS

VERSIONS = sorted((ROOT / "tests" / "known").glob("version_*"))
MADE_IN = "/made/here"  # what config.json has for the folder of the version's files
SMALL = ("--image_size=32", "--batch_size=16")
PRETRAIN = (
    "--mode=pretrain", "--data_dir=data", "--positives=case", "--encoder=resnet18",
    "--width=0.03125", "--image_size=32", "--precision=float32", "--projection_dim=16",
    "--batch_size=8", "--save_every=2", "--keep_checkpoints=1", "--optimizer=adam",
    "--learning_rate=0.001", "--schedule=constant",
)  # fmt: skip
FINETUNE = (
    "--mode=finetune", "--data_dir=data", "--init=run:pretrain", "--image_size=32",
    "--precision=float32", "--batch_size=4", "--steps=4", "--save_every=2", "--keep_checkpoints=1",
    "--validate_every=1", "--keep=best", "--choose_by=loss", "--weight_averaging=ema",
    "--bag=attention", "--bag_images=2", "--head_rate=10",
)  # fmt: skip
PROBE = ("--mode=linear_probe", "--data_dir=data", "--init=run:pretrain", *SMALL, "--steps=20")
SWEEP = (
    "--mode=sweep", "--data_dir=data", "--init=run:pretrain", *SMALL, "--steps=10",
    "--learning_rates=0.01,0.1", "--weight_decays=0", "--label_fractions=0.5,1", "--seeds=2",
    "--bootstrap_replicates=100",
)  # fmt: skip


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda folder: folder.name)
def old(request, tmp_path_factory):
    """The folder of a version's files; the tests are in a copy of it, as if made there."""
    place = tmp_path_factory.mktemp("old") / "files"
    shutil.copytree(request.param, place)
    for file in place.rglob("config.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(MADE_IN, str(place)), "utf-8")
    if "mode" not in flags.FLAGS:
        run.define_flags()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield request.param


def command(*words):
    """Run simclr-med in this process, and expect that it is done."""
    with (
        pytest.MonkeyPatch.context() as patch,
        flagsaver.flagsaver(),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr("sys.argv", ["simclr-med", *words])
        run.entry_point()
    assert not ended.value.code, words


def bytes_below(folder):
    """Return the content of a folder's files, but for hidden ones, by path."""
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if not path.name.startswith(".")}


def assert_same_numbers(found, expected, where=""):
    """Compare the numbers of two JSON values; names that were added and words are free."""
    if isinstance(expected, dict):
        withheld = "low" in expected and expected["low"] == expected["high"] is not None
        for name, value in expected.items():
            assert name in found, f"{where}/{name}"
            if withheld and name in ("low", "high") and found[name] is None:
                continue  # an interval without width is none, where a split was evaluated anew
            assert_same_numbers(found[name], value, f"{where}/{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected) or isinstance(expected[0], str), where
        for place, pair in enumerate(zip(found, expected, strict=False)):
            assert_same_numbers(*pair, f"{where}/{place}")
    elif isinstance(expected, (int, float)):
        assert found == pytest.approx(expected, abs=1e-5), where


def without_intervals(found):
    """Return metrics.json without the "low" and "high" of metrics whose intervals have changed.

    They are exact for shares near 0 and 1 (29 of 29 right was "1.000 [1.000, 1.000]"), and on the
    log odds for mean AUCs.
    """
    if isinstance(found, list):
        return [without_intervals(each) for each in found]
    if not isinstance(found, dict):
        return found
    kept = {name: without_intervals(each) for name, each in found.items()}
    for name, each in found.items():
        if isinstance(each, dict) and {"value", "low"} <= each.keys() and changed(name):
            kept[name] = {key: part for key, part in each.items() if key not in ("low", "high")}
    return kept


def changed(name):
    """True of a metric, or a level of a group, whose interval is another one now."""
    kind = KINDS.get(name.partition(":")[0] + ":" * (":" in name))
    if kind is None:
        return True
    return kind.share is not None or kind.reading is not None or kind.name.startswith("auc")


def assert_same_predictions(file, expected):
    """Compare two predictions files case by case, in the columns that both have."""
    found = pd.read_csv(file, index_col="case_id")
    expected = pd.read_csv(expected, index_col="case_id").loc[found.index]
    expected = expected[[column for column in found if column in expected]]
    assert [*found.columns.difference(expected.columns)] in ([], ["predicted"])
    found = found[expected.columns]
    numbers = expected.select_dtypes("number").columns
    np.testing.assert_allclose(found[numbers], expected[numbers], atol=1e-5)
    pd.testing.assert_frame_equal(found.drop(columns=numbers), expected.drop(columns=numbers))


def test_every_version_has_its_files():
    assert VERSIONS and all((folder / "README.md").exists() for folder in VERSIONS)


@pytest.mark.parametrize("name", ["probe", "findings_probe", "finetune"])
def test_a_head_is_evaluated_to_the_same_numbers(old, name):
    """The thresholds of findings come from the old predictions of validation."""
    shutil.copytree(name, f"{name}_again")
    files = sorted(path.name for path in (old / name / "predictions").glob("[te]*.csv"))
    for file in files:
        os.remove(f"{name}_again/predictions/{file}")
    command(
        "--mode=evaluate", f"--work_dir={name}_again", "--eval_splits=test,external",
        "--bootstrap_replicates=100",
    )  # fmt: skip
    for file in files:
        assert_same_predictions(
            f"{name}_again/predictions/{file}", old / name / "predictions" / file
        )
    found, expected = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        for folder in (pathlib.Path(f"{name}_again"), old / name)
    )
    assert_same_numbers(without_intervals(found), without_intervals(expected))


@pytest.mark.parametrize("data", ["data", "data_in_shards"])
def test_a_head_is_trained_on_a_data_set_folder(old, data):
    """Files and shards hold the same images."""
    work_dir = f"probe_on_{data}"
    command(*PROBE, f"--data_dir={data}", f"--work_dir={work_dir}")
    command("--mode=evaluate", f"--work_dir={work_dir}", "--bootstrap_replicates=40")
    assert_same_predictions(f"{work_dir}/predictions/test.csv", old / "probe/predictions/test.csv")


def test_a_data_set_folder_is_inspected(old, monkeypatch):
    for name in ("data", "data_in_shards", "findings"):
        words = ["tools/inspect_data.py", name, f"--output={name}_inspection.html"]
        assert not run_here(words, monkeypatch)


@pytest.mark.parametrize("init", ["imported:imported", "run:finetune"])
def test_a_head_starts_from_an_encoder(old, init):
    work_dir = f"from_{init.partition(':')[2]}"
    command(*PROBE, f"--init={init}", f"--work_dir={work_dir}")
    if init != "run:finetune":  # its encoder is another than the probe's
        command("--mode=evaluate", f"--work_dir={work_dir}", "--bootstrap_replicates=40")
        expected = old / "probe/predictions/test.csv"
        assert_same_predictions(f"{work_dir}/predictions/test.csv", expected)


@pytest.mark.parametrize("init", ["run:pretrain", "imported:imported"])
@pytest.mark.slow  # the probes read the same files, and need no trace of a training step
def test_a_network_is_fine_tuned_from_an_encoder(old, init):
    command(
        "--mode=finetune", "--data_dir=data", f"--init={init}", f"--work_dir=tuned_{init[:3]}",
        *SMALL, "--steps=1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pretrain", (*PRETRAIN, "--steps=4")),
        ("probe", PROBE),
        ("finetune", FINETUNE),
        ("sweep", SWEEP),
    ],
)
def test_a_run_that_is_done_stays_as_it_is(old, name, words):
    before = bytes_below(name)
    command(*words, f"--work_dir={name}")
    after = bytes_below(name)
    assert before.keys() <= after.keys()
    assert [path for path in before if after[path] != before[path]] == []


def test_a_run_goes_on(old):
    """The weights, the optimizer's moments and the log are taken up where they ended."""
    shutil.copytree("pretrain", "longer")
    command(*PRETRAIN, "--steps=5", "--work_dir=longer")
    log = pd.read_csv("longer/log.csv")
    assert log["step"].tolist() == [1, 2, 3, 4, 5] and np.isfinite(log["loss"]).all()
    assert [path.name for path in pathlib.Path("longer/checkpoints").iterdir()] == ["5"]


def test_an_encoder_is_loaded(old):
    images = np.random.default_rng(0).uniform(size=(2, 32, 32, 3)).astype(np.float32)
    features = [
        np.asarray(simclr_med.load_encoder(folder)(images, training=False))
        for folder in ("pretrain", "imported", "probe")
    ]
    for others in features[1:]:
        np.testing.assert_array_equal(others, features[0])
    assert simclr_med.load_encoder("finetune")(images, training=False).shape == features[0].shape


@pytest.fixture(scope="module")
def asked(old):
    """The name of a table of the test split's images."""
    rows = pd.read_csv("data/manifest.csv").query("split == 'test'")
    rows["image"] = "data/images/" + rows["image"]
    rows[["image", "case_id", "patient_id"]].to_csv("asked.csv", index=False)
    return "asked.csv"


@pytest.mark.parametrize("model", ["probe", "probe/export"])
def test_images_are_predicted(old, asked, model):
    work_dir = f"predicted_by_{model.replace('/', '_')}"
    command("--mode=predict", f"--model={model}", f"--images={asked}", f"--work_dir={work_dir}")
    assert_same_predictions(f"{work_dir}/predictions.csv", old / "probe/predictions/test.csv")


def test_features_are_those_of_the_encoder(old, asked):
    found = []
    for model in ("imported", "probe/export"):
        work_dir = f"embedded_by_{pathlib.Path(model).name}"
        command("--mode=embed", f"--model={model}", f"--images={asked}", f"--work_dir={work_dir}")
        with np.load(f"{work_dir}/features.npz") as saved:
            found.append(saved["features"])
    np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.parametrize(
    "runs",
    [
        {"probe": "probe", "tuned": "finetune"},
        {"half": "sweep/chosen/labels_50_*", "whole": "sweep/chosen/labels_100_*"},
    ],
)
def test_runs_are_reported(old, runs):
    """Single runs, and methods with the runs of a sweep's seeds."""
    here = pathlib.Path()
    named = [f"{name}={path}" for name, found in runs.items() for path in sorted(here.glob(found))]
    work_dir = "report_of_" + "_".join(runs)
    command(
        "--mode=report", f"--runs={','.join(named)}", f"--work_dir={work_dir}",
        "--bootstrap_replicates=100",
    )  # fmt: skip
    page = pathlib.Path(work_dir, "report.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{name}\b", page) for name in runs)


def test_predictions_are_compared(old, monkeypatch):
    words = [f"{name}={old / name}/predictions/test.csv" for name in ("probe", "finetune")]
    words += ["--replicates=100", "--json=compared.json"]
    assert not run_here(["tools/bootstrap.py", *words], monkeypatch)
    compared = json.loads(pathlib.Path("compared.json").read_text(encoding="utf-8"))
    for name in ("probe", "finetune"):
        stored = json.loads((old / name / "metrics.json").read_text(encoding="utf-8"))
        auc = stored["splits"]["test"]["metrics"]["auc"]["value"]
        assert compared["models"][name]["metrics"]["auc"]["value"] == pytest.approx(auc, abs=1e-5)


def test_runs_and_sweeps_fill_the_paper_s_tables(old, monkeypatch, capsys):
    assert not run_here(["tools/paper_tables.py", "probe", "finetune", "sweep"], monkeypatch)
    assert "MICLe" in capsys.readouterr().out
