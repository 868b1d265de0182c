"""Exports that are damaged, or lie below folders of odd names: named, or served like any other."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from originals import picture, untrained

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.encoders import checkpoint, networks
from simclr_med.errors import InputError
from simclr_med.files.glob_signs import without_signs
from simclr_med.modes import compute
from simclr_med.serving.bulk import models, run
from simclr_med.serving.formats import saved_model
from simclr_med.serving.rest.exported import Exported, loaded

NAMES = ("run [v1]", "a[", "a\\b", "a*b", "a?b", "{x,y}", "a\\[b]")


@pytest.fixture
def export(exported_probe, tmp_path):
    """A copy of an export, and what it predicts."""
    shutil.copytree(exported_probe / "export", tmp_path / "export")
    return tmp_path / "export"


def doubled(lines):
    return [lines[0], *lines[:-1]]


LABELS = {
    "a line fewer": lambda lines: lines[:-1],
    "a line more": lambda lines: [*lines, "another"],
    "a blank line": lambda lines: [lines[0], "", *lines[2:]],
    "a blank line more": lambda lines: ["", *lines],
    "a line doubled": lambda lines: [lines[0], *lines],
    "a name doubled": doubled,
    "another order": lambda lines: lines[::-1],
    "nothing": lambda lines: [],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_not_the_graph_s_are_named(export, name, monkeypatch):
    module = loaded(export / "3")
    monkeypatch.setattr("simclr_med.serving.rest.exported.loaded", lambda version: module)
    monkeypatch.setattr(models, "loaded", lambda version: module)
    file = export / "3" / "assets" / "labels.txt"
    lines = file.read_text().splitlines()
    file.write_text("".join(f"{line}\n" for line in LABELS[name](lines)))
    for read in (
        lambda: Exported.load(export, "a"),
        lambda: models.OfExport(export / "3", models.PROBABILITIES),
    ):
        with pytest.raises(InputError, match=r"labels.txt is damaged: .* line \d+ is"):
            read()
    file.write_text("\r\n".join(lines))  # as a Windows editor leaves it
    assert models.OfExport(export / "3", models.PROBABILITIES).classes == tuple(lines)
    file.unlink()
    with pytest.raises(InputError, match="labels.txt not found"):
        Exported.load(export, "a")


@pytest.fixture
def damaged(data_dir, tmp_path):
    """A run whose weights are NaN."""
    work_dir = untrained("linear_probe", data_dir, tmp_path / "nan")
    classes = tuple(json.loads((data_dir / "dataset.json").read_text())["classes"])
    networks.Task("multiclass", classes, None).save(work_dir)
    shutil.rmtree(work_dir / "checkpoints")
    config = make_config("linear_probe", {
        "encoder": "resnet18", "width": 0.125, "image_size": 32, "work_dir": str(work_dir),
        "data_dir": str(data_dir),
    })  # fmt: skip
    values = checkpoint.values_of(networks.build(config, len(classes)).variables())
    values = {
        n: np.full_like(v, np.nan) if n.startswith("head/logits") else v for n, v in values.items()
    }
    checkpoint.save(work_dir, values, step=1, keep=1)
    return work_dir


def test_weights_that_are_not_finite_answer_for_no_image(damaged, data_dir, tmp_path):
    (tmp_path / "images").mkdir()
    picture(1).save(tmp_path / "images" / "a.png")
    given = {"model": str(damaged), "images": str(tmp_path / "images")}
    with pytest.raises(InputError, match="a.png,the model's answer is not finite"):
        run.run(make_config("predict", given | {"work_dir": str(tmp_path / "out")}))
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="not finite for .* images of test"):
        given = {"data_dir": str(data_dir), "allow_seen": True}
        compute(for_existing_run("evaluate", str(damaged), given))
    assert not (damaged / "metrics.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_s_signs_mean_nothing_to_readers(exported_probe, tmp_path, name):
    shutil.copytree(exported_probe / "export", tmp_path / name / "export")
    (tmp_path / name / "images").mkdir()
    picture(1).save(tmp_path / name / "images" / "a[1]*.png")
    given = {"model": str(tmp_path / name / "export"), "images": str(tmp_path / name / "images")}
    run.run(make_config("predict", given | {"work_dir": str(tmp_path / name / "out")}))
    assert "a[1]*.png" in (tmp_path / name / "out" / "predictions.csv").read_text()
    assert Exported.load(tmp_path / name / "export", "a").version == "3"


def test_an_export_below_a_folder_with_signs_is_checked_and_written(exported_probe, tmp_path):
    work_dir = tmp_path / NAMES[-1] / "run [v1]"
    shutil.copytree(exported_probe, work_dir, ignore=shutil.ignore_patterns("export"))
    compute(for_existing_run("export", str(work_dir), {}))  # in a process of its own
    assert (work_dir / "export" / "1" / saved_model.evidence.FILE).exists()


@pytest.mark.parametrize("name", NAMES)
def test_records_and_files_take_signs_as_they_are(tmp_path, name):
    """TensorFlow's other readers and writers, which need no link."""
    (tmp_path / name).mkdir()
    (tmp_path / name.replace("*", "x").replace("?", "y")).mkdir(exist_ok=True)
    record, file = (str(tmp_path / name / f"{name[0]}.{end}") for end in ("tfrecord", "png"))
    with tf.io.TFRecordWriter(record) as writer:
        writer.write(b"one")
    assert list(tf.data.TFRecordDataset([record]).as_numpy_iterator()) == [b"one"]
    (tmp_path / name / f"{name[0]}.png").write_bytes(b"two")
    assert tf.io.read_file(file).numpy() == b"two"


def test_a_path_without_signs_stays_and_others_are_links(tmp_path):
    assert without_signs(tmp_path) == tmp_path
    (tmp_path / "a[b]").mkdir()
    link = without_signs(tmp_path / "a[b]")
    assert link.resolve() == (tmp_path / "a[b]").resolve() and "[" not in str(link)
    assert without_signs(tmp_path / "a[b]") == link
