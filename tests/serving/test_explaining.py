"""Where a head looked and which training cases are alike: closed forms, NumPy, sanity."""

import csv
import shutil
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from originals import picture
from PIL import Image

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.data.batches import evaluation_batches
from simclr_med.encoders import networks
from simclr_med.errors import InputError
from simclr_med.evaluation import report
from simclr_med.evaluation.evaluated_runs import read_run
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.report.mistakes import confident_mistakes
from simclr_med.modes import compute
from simclr_med.serving import trained
from simclr_med.serving.bulk import run
from simclr_med.serving.bulk.nearest import Bank
from simclr_med.serving.explain.gradcam import GradCam, beside
from simclr_med.training import features

K = 3


@pytest.fixture(scope="module")
def head(exported_probe):
    return trained.load(exported_probe)


def explaining(found):
    """Return the `GradCam` of a `Trained`."""
    return GradCam(found.task.task, found.nets, found.config.head.head_input)


@pytest.fixture(scope="module")
def explain(head):
    return explaining(head)


@pytest.fixture(scope="module")
def views():
    return np.random.default_rng(0).random([K, 32, 32, 3]).astype(np.float32)


def test_of_a_linear_head_on_the_average_it_is_the_class_activation_map(head, explain, views):
    """Zhou et al. 2016: the weights of a class, times the channels."""
    classes = np.array([0, 1, 2], np.int32)
    maps, probabilities = explain(views, classes)
    encoder = head.nets.encoder
    features_map = tf.keras.Model(encoder.inputs[0], encoder.get_layer("features").input)(views)
    kernel = np.asarray(head.nets.head.get_layer("logits").kernel)  # [D, K]
    deviation = np.sqrt(np.array(head.nets.head.get_layer("normalization").variance)).ravel()
    weights = (kernel / deviation[:, None]).T[classes]  # [B, D]
    expected = np.maximum(np.einsum("bhwd,bd->bhw", features_map, weights), 0)
    expected = tf.image.resize(expected[..., None], [32, 32])[..., 0].numpy()
    expected /= np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    assert maps.numpy().max() == pytest.approx(1) and maps.numpy().std() > 0.01
    np.testing.assert_allclose(probabilities, tf.nn.softmax(head.nets.logits(views)), atol=1e-5)


def test_without_a_class_it_is_the_first_one_s(head, explain, views):
    first = np.argmax(head.nets.logits(views), axis=1).astype(np.int32)
    np.testing.assert_array_equal(
        explain(views, np.full(K, -1, np.int32))[0], explain(views, first)[0]
    )


def test_of_random_weights_the_map_is_another(exported_probe, views):
    """Adebayo et al. 2018: a map that survives this says nothing of what was learnt."""
    found, rng = trained.load(exported_probe), np.random.default_rng(1)
    explain, classes = explaining(found), np.zeros(K, np.int32)
    before = explain(views, classes)[0].numpy()
    for part in (found.nets.head.get_layer("logits"), found.nets.encoder):
        kept = part.get_weights()
        for weight in part.trainable_weights:
            weight.assign(rng.permutation(np.asarray(weight).ravel()).reshape(weight.shape))
        after = explain(views, classes)[0].numpy()
        alike = np.corrcoef(before.ravel(), after.ravel())[0, 1]
        assert not alike > 0.9, part.name
        part.set_weights(kept)
    np.testing.assert_array_equal(explain(views, classes)[0], before)


@pytest.mark.parametrize("read", ["stage2", "projection2"])
def test_other_layers_that_a_head_reads(views, read):
    given = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "head_input": read}
    config = make_config("linear_probe", given | {"data_dir": "d", "work_dir": "w"})
    explain = GradCam("multiclass", networks.build(config, K), read)
    maps, _ = explain(views, np.zeros(K, np.int32))
    assert maps.shape == (K, 32, 32) and np.isfinite(maps).all()


def compared_with_all(queries, bank, owners, count):
    """Return cosines `[Q, count]` of the most similar cases, best first, by NumPy written out."""
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(bank, axis=1)
    cosines = np.where(lengths > 0, queries @ bank.T / np.maximum(lengths, 1e-30), 0)
    by_case = np.stack([cosines[:, owners == case].max(axis=1) for case in np.unique(owners)], 1)
    return by_case, -np.sort(-by_case, axis=1)[:, :count]


def test_the_nearest_are_those_of_every_image_compared(head, data_dir):
    bank = Bank.of(head)
    cases = manifest.read(data_dir).cases(["test"])
    queries = features.extract(head.nets.inputs, cases.paths, head.config)
    found, cosines = bank.nearest(queries, 5)
    owners = np.repeat(np.arange(len(bank.cases)), np.diff(bank.cases.offsets))
    assert len(bank.features) > len(bank.cases)  # or a case's most similar image would say nothing
    by_case, expected = compared_with_all(queries, bank.features, owners, 5)
    np.testing.assert_allclose(cosines, expected, atol=1e-5)
    # Ties may change places.
    np.testing.assert_allclose(np.take_along_axis(by_case, found, axis=1), expected, atol=1e-5)
    assert all(len(set(row)) == 5 for row in found)


def test_cases_of_many_images_hide_no_other():
    """Of 7 cases two have 40 images each, all nearer than any other's."""
    rng = np.random.default_rng(0)
    sizes = np.array([1, 40, 2, 1, 40, 3, 1])
    owners = np.repeat(np.arange(7), sizes)
    direction = np.where(np.isin(owners, (1, 4)), 1.0, 0.0)[:, None]
    images = (rng.normal(size=(len(owners), 6)) * 0.1 + direction * np.eye(6)[0]).astype(np.float32)
    images[owners == 3] = 0  # of nothing the cosine is 0
    cases = types.SimpleNamespace(offsets=np.concatenate([[0], np.cumsum(sizes)]))
    queries = np.float32([[1, 0, 0, 0, 0, 0], [0, 1, 2, 0, 0, 0]])
    for count in (1, 3, 7, 9):
        found, cosines = Bank(cases, (), images).nearest(queries, count)
        by_case, expected = compared_with_all(queries, images, owners, count)
        np.testing.assert_allclose(cosines, expected, atol=1e-6)
        np.testing.assert_array_equal(found, np.argsort(-by_case, axis=1)[:, :count])


def test_a_missing_extra_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    given = {"model": "m", "images": "i", "work_dir": str(tmp_path / "a"), "nearest": 1}
    with pytest.raises(InputError, match=r"(?s)--nearest needs .*pip install .*\[nearest\]"):
        run.run(make_config("predict", given))
    assert not list(tmp_path.iterdir())


def table(file):
    return list(csv.DictReader(file.read_text().splitlines()))


def test_predict_writes_both(exported_probe, head, data_dir, tmp_path):
    (tmp_path / "images").mkdir()
    train = manifest.read(data_dir).cases(["train"])
    Image.open(train.paths[0]).save(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "b.png").write_bytes(b"none")
    picture(1).save(tmp_path / "images" / "c.jpg")
    picture(2).save(tmp_path / "images" / "d.jpg")
    given = {"model": str(exported_probe), "images": str(tmp_path / "images"), "eval_batch": 2}
    run.run(make_config("predict", given | {"work_dir": str(tmp_path / "plain")}))
    given |= {"nearest": 3, "gradcam": 2}
    run.run(make_config("predict", given | {"work_dir": str(tmp_path / "a")}))
    plain, both = (tmp_path / name / "predictions.csv" for name in ("plain", "a"))
    assert plain.read_bytes() == both.read_bytes()
    rows = table(tmp_path / "a" / "nearest.csv")
    assert [row["image"] for row in rows] == [n for n in ("a.png", "c.jpg", "d.jpg") for _ in "123"]
    assert rows[0]["similar_case"] == train.case_ids[0] and float(rows[0]["similarity"]) > 0.9999
    names = manifest.read(data_dir).info.classes
    assert rows[0]["labels"] == "|".join(
        name for name, there in zip(names, train.targets[0] == 1, strict=True) if there
    )
    shown = table(tmp_path / "a" / "gradcam.csv")
    assert [row["image"] for row in shown] == ["a.png", "c.jpg"]
    assert {path.name for path in (tmp_path / "a" / "gradcam").iterdir()} == {
        "000000.png", "000002.png",
    }  # fmt: skip
    with Image.open(tmp_path / "a" / shown[0]["picture"]) as seen:
        assert seen.size == (64, 32)
    for flag in ("nearest", "gradcam"):
        with pytest.raises(InputError, match=f"--{flag}: .* is an export"):
            given = {"model": str(exported_probe / "export"), "images": str(tmp_path / "images")}
            given |= {flag: 1, "work_dir": str(tmp_path / "b")}
            run.run(make_config("predict", given))


def test_the_report_shows_where_the_head_looked_in_its_most_confident_errors(
    exported_probe, head, explain, data_dir, tmp_path
):
    work_dir = tmp_path / "head"
    shutil.copytree(exported_probe, work_dir, ignore=shutil.ignore_patterns("export", "gradcam"))
    given = {"data_dir": str(data_dir), "gradcam": 2, "bootstrap_replicates": 40}
    compute(for_existing_run("evaluate", str(work_dir), given))
    shown = table(work_dir / "gradcam" / "test.csv")
    made = read_run("head", str(work_dir))
    wrong = confident_mistakes(made, "test", 3).mistakes
    assert [m.spoke_for for m in wrong] == [wrong[0].said, wrong[1].said, ""]
    assert {row["case_id"] for row in shown} == {m.case_id for m in wrong[:2]}
    # Beside the view is the map of the class that was said, not of the best one.
    first = manifest.read(data_dir).cases(["test"])
    path = first.paths[first.offsets[first.case_ids.tolist().index(shown[0]["case_id"])]]
    (view,) = evaluation_batches([path], batch_size=1, size=32)
    k = head.task.classes.index(shown[0]["class"])
    maps, _ = explain(view, np.array([k], np.int32))
    with Image.open(work_dir / "gradcam" / "test" / "000000.png") as picture_:
        np.testing.assert_array_equal(picture_, beside(view[0].numpy(), maps[0].numpy()))
    options = report.Options("A page", Settings(replicates=20))
    page, *_ = report.write_report([("head", str(work_dir))], tmp_path / "page", options)
    assert page.read_text().count("; right: Grad-CAM of ") == 2
    # Of other weights they are of no use.
    file = work_dir / "gradcam" / "test.csv"
    file.write_text(file.read_text().replace(",0.", ",1."))
    assert not any(m.spoke_for for m in confident_mistakes(made, "test", 3).mistakes)
