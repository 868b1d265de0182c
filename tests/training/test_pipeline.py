"""The whole way at small size: pretrain, heads, evaluate, export, report; resumption; errors."""

import dataclasses
import json
import pathlib
import re
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import answers_here
from kill_runs import weights

from simclr_med import modes
from simclr_med.config import architectures
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.encoders import networks, recompute
from simclr_med.encoders.encoder import build_encoder
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.serving import export
from simclr_med.serving.formats import saved_model
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("shortest_encoder")
SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32}


def pretraining(data_dir, work_dir, **more):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL}
    return make_config("pretrain", given | {"steps": 4, "batch_size": 16, "save_every": 2} | more)


@pytest.fixture(scope="module")
def pretrained(data_dir, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("runs") / "micle"
    pretrain.run(pretraining(data_dir, work_dir, positives="case"))
    return work_dir


def logged(work_dir):
    """log.csv without the one column that tells of time."""
    lines = (work_dir / "log.csv").read_text().splitlines()
    assert lines[0].endswith(",input_wait")
    return [line.rpartition(",")[0] for line in lines]


def test_positives_are_two_images_of_one_case_and_no_case_meets_itself(data_dir):
    cases = manifest.read(data_dir).cases(["train", "unlabelled"])
    owner = np.repeat(np.arange(len(cases)), np.diff(cases.offsets))
    config = pretraining(data_dir, "unused", positives="case", steps=12)
    several = 0
    for batch in pretrain.batches(config, pretrain.positions_of(config, cases)):
        first, second = batch["image1"].numpy(), batch["image2"].numpy()
        assert (owner[first] == owner[second]).all()
        sizes = np.diff(cases.offsets)[owner[first]]
        assert ((first != second) == (sizes > 1)).all()
        assert len(set(owner[first])) == len(first)
        several += (sizes > 1).sum()
    assert several > 50


def test_simclr_pairs_are_views_of_one_image(data_dir):
    cases = manifest.read(data_dir).cases(["train"])
    config = pretraining(data_dir, "unused")
    batch = next(iter(pretrain.batches(config, pretrain.positions_of(config, cases))))
    assert (batch["image1"].numpy() == batch["image2"].numpy()).all()
    assert (np.abs(batch["view1"] - batch["view2"]).max(axis=(1, 2, 3)) > 0.01).all()


def test_stopped_and_resumed_equals_uninterrupted(data_dir, tmp_path, pretrained):
    copy = tmp_path / "resumed"
    shutil.copytree(pretrained, copy)
    shutil.rmtree(copy / "checkpoints" / "4")
    pretrain.run(pretraining(data_dir, copy, positives="case"))
    there, again = weights(pretrained), weights(copy)
    assert all(np.array_equal(there[name], again[name]) for name in there)
    assert logged(copy) == logged(pretrained)


def evaluated(mode, data_dir, work_dir, pretrained):
    """Train a head and evaluate it; return the predictions of test."""
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), "init": f"run:{pretrained}"}
    given |= {"image_size": 32, "steps": 3, "batch_size": 16, "label_fraction": 0.5}
    train_head.run(make_config(mode, given))
    before = {n: v for n, v in weights(pretrained).items() if "encoder" in n}
    after = weights(work_dir)
    same = all(np.array_equal(before[name], after[name]) for name in before)
    assert same == (mode == "linear_probe")

    given = {"eval_splits": ("test", "external"), "bootstrap_replicates": 50}
    modes.evaluate(for_existing_run("evaluate", str(work_dir), given))
    made = predictions.read(work_dir / "predictions" / "test.csv")
    assert len(made.case_ids) == 40
    np.testing.assert_allclose(made.probabilities.sum(1), 1, atol=1e-5)
    results = json.loads((work_dir / "metrics.json").read_text())["splits"]
    assert set(results) == {"test", "external"}
    return made


def test_a_probe_is_evaluated(data_dir, tmp_path, pretrained):
    """That it is exported, too, test_export shows."""
    evaluated("linear_probe", data_dir, tmp_path / "head", pretrained)


def test_a_finetuned_head_is_evaluated_exported_and_reported(
    data_dir, tmp_path, pretrained, monkeypatch
):
    work_dir = tmp_path / "head"
    made = evaluated("finetune", data_dir, work_dir, pretrained)

    monkeypatch.setattr(saved_model, "answers_alone", answers_here)
    export.run(for_existing_run("export", str(work_dir), {}))
    cases = manifest.read(data_dir).cases(["test"])
    case = int(np.argmax(np.diff(cases.offsets)))
    paths = cases.paths[cases.offsets[case] : cases.offsets[case + 1]]
    served = tf.saved_model.load(str(work_dir / "export" / "1")).signatures["serving_default"]
    answer = served(images=tf.constant([pathlib.Path(path).read_bytes() for path in paths]))
    np.testing.assert_allclose(
        answer["probabilities"].numpy().mean(0), made.probabilities[case], atol=1e-5
    )

    report = tmp_path / "report"
    given = {"work_dir": str(report), "runs": (f"A={work_dir}", f"<b>={work_dir}")}
    modes.report(make_config("report", given))
    page = (report / "report.html").read_text()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "no difference shown" in page and "http" not in page


def test_multilabel_head(data_dir, tmp_path):
    folder = tmp_path / "findings"
    shutil.copytree(data_dir, folder)
    info = json.loads((folder / "dataset.json").read_text())
    info |= {"task": "multilabel", "classes": ["Edema", "Effusion"], "other_class": None}
    (folder / "dataset.json").write_text(json.dumps(info))
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    number = pd.factorize(table["case_id"])[0]
    table["Edema"] = np.where(number % 5 == 0, "-1", (number % 2).astype(str))
    table["Effusion"] = np.where(number % 3 == 0, "", "1")
    table.to_csv(folder / "manifest.csv", index=False)
    work_dir = tmp_path / "head"
    given = {"data_dir": str(folder), "work_dir": str(work_dir), **SMALL}
    train_head.run(make_config("linear_probe", given | {"steps": 3, "batch_size": 16}))
    config = make_config("evaluate", {"data_dir": str(folder), "work_dir": str(work_dir)})
    modes.evaluate(config)
    result = json.loads((work_dir / "metrics.json").read_text())["splits"]["test"]
    assert {"auc", "auc:Edema", "auc:Effusion"} <= set(result["metrics"])
    images = predictions.read(work_dir / "predictions" / "test_by_image.csv")
    assert result["by_image"]["cases"] == len(images.case_ids) > result["cases"]
    assert len(images.case_ids) == (table["split"] == "test").sum()


@pytest.mark.parametrize(
    ("encoder", "statistics", "independent"),
    [("resnet18", "batch", False), ("resnet18", "frozen", True), ("bit_resnet50", "batch", True)],
)
def test_in_training_an_output_depends_on_the_batch_by_its_statistics_alone(
    encoder, statistics, independent, monkeypatch
):
    """Group normalisation and frozen statistics look at each image by itself."""
    row = dataclasses.replace(architectures.ENCODERS[encoder], blocks=(1, 1))
    monkeypatch.setitem(architectures.ENCODERS, encoder, row)
    keras.utils.set_random_seed(0)
    model = build_encoder(encoder, 1 / 16, 32)
    images = np.random.default_rng(0).random([6, 32, 32, 3], np.float32)
    infer = recompute.forward(model, "none", statistics)
    together, alone = (np.asarray(infer(part, training=True)) for part in (images, images[:1]))
    apart = np.abs(together[:1] - alone).max() / np.abs(alone).max()
    assert apart < 1e-3 if independent else apart > 1e-2


def test_restore_lists_what_differs(data_dir, tmp_path, pretrained):
    config = pretraining(data_dir, tmp_path / "x", width=0.25)
    with pytest.raises(InputError, match="encoder/stem_conv/kernel.* in the checkpoint"):
        networks.initialise(networks.build(config), f"run:{pretrained}")


def test_bad_input_names_itself_and_writes_nothing(data_dir, tmp_path):
    def broken(change):
        folder = tmp_path / f"data{len(list(tmp_path.iterdir()))}"
        shutil.copytree(data_dir, folder)
        change(folder)
        return folder

    def edit(old, new):
        def change(folder):
            file = folder / "manifest.csv"
            file.write_text(file.read_text().replace(old, new, 1))

        return change

    first = "train/train_00000_0.jpg"
    cases = [
        (lambda f: (f / "images" / first).unlink(), f"row 2, column image: '{first}' is missing"),
        (lambda f: (f / "images" / first).write_bytes(b""), "is an empty file"),
        (lambda f: (f / "images" / first).write_bytes(b"no"), f"{first}: "),
        (edit("train/train", "../train"), "leaves the image root"),
        (edit(",train,", ",trian,"), "'trian' is not one of"),
        (edit("Other", "Otter"), "'Otter' is not in dataset.json's classes"),
    ]
    for change, message in cases:
        config = pretraining(broken(change), tmp_path / "run", splits=("train",), steps=8)
        with pytest.raises(InputError, match=re.escape(message)):
            pretrain.run(config)
        assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="batch_size"):
        pretrain.run(pretraining(data_dir, tmp_path / "big", batch_size=5000))
    assert not (tmp_path / "big").exists()


def test_a_patient_in_two_splits_is_refused(data_dir, tmp_path):
    folder = tmp_path / "leak"
    shutil.copytree(data_dir, folder)
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[table["split"] == "test", "patient_id"] = table["patient_id"][0]
    table.to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(InputError, match="this patient stands in two splits: train and test"):
        manifest.read(folder)


def test_another_configuration_in_the_work_folder_is_refused(data_dir, pretrained):
    with pytest.raises(InputError, match="--temperature: there 0.1, now 0.5"):
        pretrain.run(pretraining(data_dir, pretrained, positives="case", temperature=0.5))
