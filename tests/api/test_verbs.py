"""The Python API: names and defaults, objects, silence, and a process that is left as it was."""

import ast
import dataclasses
import inspect
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from absl import flags
from absl.testing import flagsaver
from conftest import ROOT
from PIL import Image

import simclr_med
from simclr_med.api import keyword_arguments, results
from simclr_med.command import verbs
from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import LISTS, MODES, default_in
from simclr_med.errors import InputError
from tools import write_api_types

SHORT = {"image_size": 32, "width": 0.125, "steps": 2, "batch_size": 4, "log_every": 1}


@pytest.fixture
def images(tmp_path):
    """A folder of twelve images of two classes, in folders by class."""
    random = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "images" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.parametrize("mode", MODES)
def test_names_and_defaults_are_those_of_the_flags(mode):
    found = inspect.signature(getattr(simclr_med, mode)).parameters
    modes = {"sweep": ("sweep", "linear_probe", "finetune")}.get(mode, (mode,))
    own = {"work_dir", "seed", "verbose", "data_dir", "runs", "model", "images"}
    for name, (_, field) in FIELDS.items():
        acts = set(modes) & set(field.metadata["modes"])
        if acts and not (mode == "sweep" and name in LISTS):
            assert name in found, name
            if name not in own:
                assert found[name].default == default_in(modes[-1], field), name
        else:
            assert name not in set(found) - own, name


def test_the_types_are_those_of_the_settings():
    text = write_api_types.FILE.read_text(encoding="utf-8")
    assert text == write_api_types.text()
    for mode in MODES:
        name = "".join(word.capitalize() for word in mode.split("_"))
        (kind,) = [n for n in ast.parse(text).body if getattr(n, "name", "") == name]
        typed = {line.target.id for line in kind.body if isinstance(line, ast.AnnAssign)}
        assert typed == keyword_arguments.of_mode(mode).keys()


def test_every_verb_has_a_docstring_with_an_example():
    for name in simclr_med.VERBS:
        assert ">>> " in getattr(simclr_med, name).__doc__, name
        assert name in dir(simclr_med)


@pytest.mark.usefixtures("shortest_encoder")
def test_from_pictures_to_answers(images, tmp_path, capfd):
    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), os.environ.copy()  # noqa: NPY002

    before = state()
    data = simclr_med.prepare(
        images, tmp_path / "data", splits="train=0.5,validation=0.25,test=0.25"
    )
    assert set(data.manifest["split"]) == {"train", "validation", "test"}
    run = simclr_med.pretrain(data, work_dir=tmp_path / "run", encoder="resnet18", **SHORT)
    assert state() == before
    assert run.step == 2 and run.log["step"].tolist() == [1, 2]
    assert run.settings["steps"] == 2 and run.settings["mode"] == "pretrain"
    pictures = np.zeros([2, 32, 32, 3], np.float32)
    assert run.encoder(pictures).shape == (2, run.encoder.output_shape[-1])
    with pytest.raises(InputError, match="has no head"):
        run.head  # noqa: B018
    head = simclr_med.linear_probe(
        data, work_dir=tmp_path / "head", init=run, steps=2, batch_size=4
    )
    assert head.settings["image_size"] == run.settings["image_size"] == 32
    assert head.classes == ("a", "b") and head.head(pictures).shape == (2, 2)
    found = simclr_med.evaluate(head, bootstrap_replicates=40)
    assert isinstance(found, results.Evaluation)
    tested = data.manifest.query("split == 'test'")
    assert sorted(found.predictions["case_id"]) == sorted(tested["case_id"])
    before = state()
    metrics = found.metrics.loc[("test", "top1_accuracy")]
    right = found.predictions.apply(
        lambda row: row[f"probability:{row['truth']}"] > 0.5, axis=1
    ).mean()
    assert metrics["value"] == pytest.approx(right)
    page = simclr_med.report({"Probe": head}, work_dir=tmp_path / "page", bootstrap_replicates=40)
    assert "Probe" in page.page.read_text(encoding="utf-8")
    answers = simclr_med.predict(head, images, work_dir=tmp_path / "answers")
    assert len(answers.predictions) == 12 and answers.skipped.empty
    embedded = simclr_med.embed(run, images, work_dir=tmp_path / "features")
    assert embedded.features.shape[0] == len(embedded.images) == 12
    folder = simclr_med.export(head)
    assert (folder.folder / "saved_model.pb").exists()
    said = capfd.readouterr()
    assert not said.out and not said.err
    assert state() == before
    again = simclr_med.load_run(tmp_path / "run")
    assert again == run and again.log.equals(run.log)


@pytest.mark.usefixtures("shortest_encoder")
def test_images_of_every_kind_are_taken(images, tmp_path, capsys):
    files = sorted(images.rglob("*.png"))
    table = pd.DataFrame({
        "image": [str(file) for file in files],
        "case_id": [file.stem for file in files],
        "labels": [file.parent.name for file in files],
    })  # fmt: skip
    table.to_csv(tmp_path / "table.csv", index=False)
    given = {
        "folder": images, "csv": tmp_path / "table.csv", "list": files, "table": table,
    }  # fmt: skip
    logs = {}
    for name, each in given.items():
        work_dir = tmp_path / name
        run = simclr_med.pretrain(each, work_dir=work_dir, encoder="resnet18", **SHORT)
        assert len(pd.read_csv(work_dir / "data_set" / "manifest.csv")) == 12
        again = simclr_med.pretrain(each, work_dir=work_dir, encoder="resnet18", **SHORT)
        logs[name] = run.log["loss"].tolist()
        assert again == run and again.log.equals(run.log)
    (images / "a" / "new.png").write_bytes(files[0].read_bytes())
    with pytest.raises(InputError, match="made of other images"):
        simclr_med.pretrain(images, work_dir=tmp_path / "folder", encoder="resnet18", **SHORT)
    assert not capsys.readouterr().out


def test_a_wrong_name_is_answered_with_the_right_one(tmp_path):
    with pytest.raises(InputError, match=r"pretrain\(\) takes no step; did you mean steps\?"):
        simclr_med.pretrain("x", work_dir=tmp_path / "a", step=3)
    with pytest.raises(InputError, match="steps='3': expected int"):
        simclr_med.pretrain("x", work_dir=tmp_path / "a", steps="3")
    with pytest.raises(InputError, match="nowhere not found"):
        simclr_med.pretrain(tmp_path / "nowhere", work_dir=tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("shortest_encoder")
def test_bootstrap_is_the_tool_s(tmp_path):
    from predictions_made import fake

    from simclr_med.evaluation import predictions
    from simclr_med.evaluation.comparisons import paired
    from simclr_med.evaluation.intervals.bootstrap import Settings

    made = {name: fake(60, skill=skill) for name, skill in (("a", 3.0), ("b", 0.5))}
    for name, each in made.items():
        predictions.write(tmp_path / f"{name}.csv", each)
    models = {name: tmp_path / f"{name}.csv" for name in made}
    found = simclr_med.bootstrap(models, replicates=100)
    read = {name: predictions.read(path) for name, path in models.items()}
    assert found.result == paired.compare(read, Settings(100))
    assert found.differences["metric"].nunique() > 3 and "a minus b" in str(found)
    several = simclr_med.bootstrap(
        {"A": [models["a"], models["b"]], "B": [models["b"], models["b"]]}, replicates=50
    )
    assert several.result["models"]["A"]["runs"] == 2


@pytest.mark.usefixtures("shortest_encoder")
def test_it_runs_outside_the_main_thread_and_leaves_the_caller_s_signals(images, tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("mine"))
    try:
        given = {"encoder": "resnet18", **SHORT}
        run = simclr_med.pretrain(images, work_dir=tmp_path / "a", **given)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == ["mine"] and run.step == 2
        found = []
        thread = threading.Thread(
            target=lambda: found.append(
                simclr_med.pretrain(images, work_dir=tmp_path / "b", **given)
            )
        )
        thread.start()
        thread.join()
        assert found[0].step == 2
        assert found[0].log["loss"].tolist() == run.log["loss"].tolist()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_importing_the_package_takes_no_tensorflow():
    code = "import sys, simclr_med; assert 'tensorflow' not in sys.modules; simclr_med.load_run"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.usefixtures("shortest_encoder")
def test_settings_are_fitted_to_the_images_and_the_time(images, tmp_path, monkeypatch, capsys):
    from simclr_med.training import pretrain

    clock = iter(range(100))
    monkeypatch.setattr(
        "simclr_med.training.fit_to_machine.time.perf_counter", lambda: 1.5 * next(clock)
    )
    seen, original = [], pretrain.run

    def run(config):
        seen.append(config)
        original(dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2)))

    monkeypatch.setattr(pretrain, "run", run)
    given = {"work_dir": tmp_path / "a", "hours": 0.05, "width": 0.125, "verbose": True}
    simclr_med.pretrain(images, **given)
    (config,) = seen
    assert config.train.steps == (180 - 30) / 1.5 and config.train.batch_size == 4
    assert config.optimizer.optimizer == "adam" and config.pretrain.temperature == 0.5
    said = capsys.readouterr().out
    assert "12 images of 12 cases" in said and "folders that may be labels: a, b" in said
    assert "--steps=100" in said and "a step takes 1.5 s here" in said
    reasons = json.loads((tmp_path / "a" / "fitted.json").read_text())
    assert reasons["batch_size"]["value"] == 4
    with pytest.raises(InputError, match="--hours=0: expected above 0"):
        simclr_med.pretrain(images, work_dir=tmp_path / "b", hours=0)


def test_the_command_fits_and_a_file_of_settings_does_not(images, tmp_path, monkeypatch):
    from simclr_med import modes, run

    asked = []
    config = make_config("pretrain", {"data_dir": "d", "work_dir": "w"})

    def noted(*given):
        asked.append(given[1:] if given[0] != "pretrain" else given[2])
        return config

    monkeypatch.setattr(modes, "fitted", noted)
    monkeypatch.setattr(modes, "planned", noted)
    monkeypatch.setattr(modes, "run", lambda config: None)
    base = ["simclr-med", "pretrain", str(images), f"--work_dir={tmp_path}"]
    (tmp_path / "a.yaml").write_text("steps: 3\n")
    for words in (base, [*base, "--hours=2", "--steps", "5"], [*base, "--preset=paper"],
                  [*base, f"--config={tmp_path / 'a.yaml'}"]):  # fmt: skip
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
            for name in list(flags.FLAGS):
                if name in ("mode", "preset", "hours", "config", "work_dir", *FIELDS):
                    flags.FLAGS[name].unparse()
            monkeypatch.setattr(sys, "argv", words)
            run.entry_point()
        assert not ended.value.code
    work_dir = {"work_dir": str(tmp_path)}
    assert asked == [
        (work_dir, 1.0), (work_dir | {"steps": 5}, 2.0), work_dir, work_dir | {"steps": 3},
    ]  # fmt: skip


def test_compare_goes_from_a_table_to_reports(images, tmp_path, monkeypatch, capsys):
    """What it trains is test_compare's and the demo's; here each run leaves a page alone."""
    from simclr_med.command import compare

    asked = []

    def ran(mode, work_dir, *files, **flags):
        asked.append((mode, flags))
        if mode == "report":
            work_dir.mkdir(parents=True, exist_ok=True)
            for kind in ("html", "md"):
                (work_dir / f"report.{kind}").write_text("**Metrics**\n| a |\n")

    monkeypatch.setattr(compare, "in_own_process", ran)
    table = pd.DataFrame({"image": sorted(images.rglob("*.png"))})
    table["labels"] = [path.parent.name for path in table["image"]]
    table["split"] = ["train", "train", "train", "validation", "test", "test"] * 2
    (page,) = simclr_med.compare(
        table, work_dir=tmp_path / "all", arms=["Random", "SimCLR"], batch_size=4, seeds=1,
        head_batch_size=4,
    )  # fmt: skip
    assert page.page == tmp_path / "all" / "report" / "report.html"
    assert [mode for mode, _ in asked] == ["sweep", "pretrain", "sweep", "report"]
    made = str(tmp_path / "all" / "data_set")
    assert {flags["data_dir"] for mode, flags in asked if mode != "report"} == {made}
    said = capsys.readouterr()
    assert not said.out and not said.err
    with pytest.raises(InputError, match="--arms: 'MoCo'"):
        simclr_med.compare(images, work_dir=tmp_path / "no", arms="MoCo")
    assert not (tmp_path / "no").exists()


def test_a_child_that_fails_is_an_error_of_the_caller(tmp_path):
    from simclr_med import progress
    from simclr_med.command import compare

    with progress.asked(False), pytest.raises(InputError, match="--steps=0: expected"):
        compare.in_own_process("pretrain", tmp_path / "a", data_dir=tmp_path, steps="0")


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("pretrain", {"data_dir": "d"}, "linear_probe /.*/d --work_dir=w_probe --init=run:w "),
        ("finetune", {"data_dir": "d"}, "simclr-med evaluate w$"),
        ("linear_probe", {"data_dir": "d"}, "simclr-med evaluate w$"),
        ("sweep", {"data_dir": "d"}, r"report w/chosen/\* "),
        ("report", {"runs": ("a",)}, "^$"),
    ],
)
def test_what_comes_next(mode, given, said):
    config = make_config(mode, {"work_dir": "w", **given})
    assert re.search(said, verbs.what_next(config))


@pytest.mark.usefixtures("shortest_encoder")
def test_ctrl_c_is_keyboard_interrupt_after_saving_and_the_same_call_goes_on(
    images, tmp_path, monkeypatch, capsys
):
    from simclr_med.training.loop import trainer

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    original = trainer.Loop._one_step

    def one_step(self, batches, done):
        if done == 0:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, batches, done)

    given = {"work_dir": tmp_path / "a", "encoder": "resnet18", **SHORT, "steps": 3}
    try:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="saved step 1"):
            patch.setattr(trainer.Loop, "_one_step", one_step)
            simclr_med.pretrain(images, **given)
        assert simclr_med.load_run(tmp_path / "a").step == 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        run = simclr_med.pretrain(images, **given)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert run.step == 3 and run.log["step"].tolist() == [1, 2, 3]
    said = capsys.readouterr()
    assert not said.out and not said.err


@pytest.mark.usefixtures("shortest_encoder")
def test_all_is_told_where_it_is_asked_for(images, tmp_path, capsys):
    given = {"encoder": "resnet18", **SHORT, "monitor": "none"}
    simclr_med.pretrain(images, work_dir=tmp_path / "a", verbose=True, **given)
    said = capsys.readouterr()
    assert "12 images of 12 cases" in said.out and "a: step 2 of 2" in said.err
