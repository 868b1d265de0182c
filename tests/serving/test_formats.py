"""ONNX, TFLite and the model card of one head: checked, measured, escaped."""

import json
import shutil

import numpy as np
import pytest

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.errors import InputError, RunError
from simclr_med.modes import evaluate
from simclr_med.runs import layout
from simclr_med.serving import export, model_card, sample
from simclr_med.serving.formats import evidence, onnx_model, saved_model, tflite_models
from simclr_med.serving.trained import load
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("shortest_encoder")
NAME = "<b>Set</b> | *one*"


@pytest.fixture(scope="module")
def probe(data_dir, tmp_path_factory):
    """A head on a data set with a name to be escaped, and the data set."""
    folder = tmp_path_factory.mktemp("formats")
    shutil.copytree(data_dir, folder / "data")
    info = json.loads((folder / "data" / "dataset.json").read_text())
    (folder / "data" / "dataset.json").write_text(json.dumps(info | {"name": NAME}))
    given = {"data_dir": str(folder / "data"), "work_dir": str(folder / "probe"), "steps": 30}
    given |= {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16}
    train_head.run(make_config("linear_probe", given))
    return folder / "probe", folder / "data"


@pytest.fixture(scope="module")
def drawn(probe):
    trained = load(probe[0])
    return trained, sample.draw(trained, str(probe[1]))


def test_onnx_says_what_evaluation_says(probe, drawn, monkeypatch):
    pytest.importorskip("tf2onnx", reason="the extra onnx is missing")
    runtime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(export.trained, "load", lambda work_dir: drawn[0])
    monkeypatch.setattr(export.sample, "draw", lambda trained, data_dir: drawn[1])
    export.run(for_existing_run("export", str(probe[0]), {"export_format": "onnx"}))
    folder = probe[0] / "onnx" / "1"
    assert {path.name for path in folder.iterdir()} == {
        onnx_model.FILE, evidence.FILE, layout.INPUT, *model_card.FILES,
    }  # fmt: skip
    session = runtime.InferenceSession(str(folder / onnx_model.FILE))
    found = session.run(["probabilities"], {"images": np.zeros([3, 32, 32, 3], np.float32)})[0]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert len(json.loads((folder / evidence.FILE).read_text())["largest_difference"]) == 4


def test_onnx_that_says_something_else_is_refused(drawn, tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx", reason="the extra onnx is missing")
    monkeypatch.setattr(evidence, "largest_difference", lambda found, expected: 2e-5)
    with pytest.raises(RunError, match="probabilities, batch of 1: 2e-05"):
        onnx_model.write(tmp_path, *drawn)


def test_a_missing_extra_is_named(drawn, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    with pytest.raises(
        InputError, match=r"(?s)--export_format=onnx needs tf2onnx.*pip install .*\[on"
    ):
        onnx_model.write(tmp_path, *drawn)


def test_tflite_float_agrees_and_the_others_losses_are_written(drawn, tmp_path, capfd):
    notes = tflite_models.write(tmp_path, *drawn)
    assert not capfd.readouterr().err
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.tflite")}
    assert sizes[tflite_models.INT8] < sizes[tflite_models.HALF] < sizes[tflite_models.FLOAT]
    found = json.loads((tmp_path / evidence.FILE).read_text())
    assert found["largest_difference"]["probabilities"] <= 1e-5
    half, eighth = (found["quantised"][name] for name in (tflite_models.HALF, tflite_models.INT8))
    assert 0 < half["probabilities"] < 0.01 and half["features"] < eighth["features"] < 0.5
    accuracies = found["validation"]
    assert set(accuracies) == {"evaluation", tflite_models.HALF, tflite_models.INT8}
    assert accuracies["evaluation"].keys() == accuracies[tflite_models.INT8].keys()
    assert len(notes) == 2 and "top1_accuracy" in notes[0] and "(" in notes[0]


def test_a_card_says_what_is_known_and_escapes_what_it_is_given(probe, drawn, tmp_path):
    trained, images = drawn
    model_card.write(tmp_path, trained, images.data, probe[0], saved_model.usage(trained))
    text, page = ((tmp_path / name).read_text(encoding="utf-8") for name in model_card.FILES)
    assert "Not evaluated" in text and "Not evaluated" in page
    assert "<b>Set" not in page and "&lt;b&gt;Set" in page and "# \\<b\\>Set" in text
    assert str(probe[1]) not in text + page  # nor any folder
    front = text.split("---")[1].strip().splitlines()
    fields = dict(line.split(": ", 1) for line in front)
    assert json.loads(fields["datasets"]) == [NAME]
    assert json.loads(fields["pipeline_tag"]) == "image-classification"
    rows = (manifest.read(probe[1]).table["split"] == "train").sum()
    assert f"| train | {rows} |" in text
    assert "exif rotation" in text and "serving_default" in page and "curl" in page


def test_a_card_of_an_evaluated_run_has_its_metrics_with_intervals(probe, drawn, tmp_path):
    shutil.copytree(probe[0], tmp_path / "run")
    given = {"bootstrap_replicates": 40, "data_dir": str(probe[1])}
    evaluate(for_existing_run("evaluate", str(tmp_path / "run"), given))
    usage = onnx_model.usage(drawn[0])
    model_card.write(tmp_path, drawn[0], drawn[1].data, tmp_path / "run", usage)
    text = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["splits"]["test"]
    value = metrics["metrics"]["top1_accuracy"]
    shown = f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
    assert f"| top-1 accuracy | {shown} |" in text
    assert "Not evaluated" not in text and "test, by " in text
