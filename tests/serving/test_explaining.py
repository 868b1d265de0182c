"""Where a head looked and which training cases are alike: closed forms, a library, sanity."""

import csv
import shutil

import numpy as np
import pytest
import tensorflow as tf
from originals import picture
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from simclr_med.config.making import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.data.batches import evaluation_batches
from simclr_med.errors import InputError
from simclr_med.evaluation import report
from simclr_med.evaluation.bootstrap import Settings
from simclr_med.evaluation.report.mistakes import confident_mistakes
from simclr_med.evaluation.runs import read_run
from simclr_med.run import compute
from simclr_med.serving import trained
from simclr_med.serving.bulk import run
from simclr_med.serving.bulk.nearest import Bank
from simclr_med.serving.bulk.overlays import beside
from simclr_med.serving.saliency import GradCam
from simclr_med.training import features

K = 3


@pytest.fixture(scope="module")
def head(exported_probe):
    return trained.load(exported_probe)


@pytest.fixture(scope="module")
def views():
    return np.random.default_rng(0).random([K, 32, 32, 3]).astype(np.float32)


def test_of_a_linear_head_on_the_average_it_is_the_class_activation_map(head, views):
    """Zhou et al. 2016: the weights of a class, times the channels."""
    classes = np.array([0, 1, 2], np.int32)
    maps, probabilities = GradCam(head)(views, classes)
    encoder = head.nets.encoder
    features_map = tf.keras.Model(encoder.inputs, encoder.get_layer("features").input)(views)
    kernel = np.array(head.nets.head.get_layer("logits").kernel)  # [D, K]
    deviation = np.sqrt(np.array(head.nets.head.get_layer("normalization").variance)).ravel()
    weights = (kernel / deviation[:, None]).T[classes]  # [B, D]
    expected = np.maximum(np.einsum("bhwd,bd->bhw", features_map, weights), 0)
    expected = tf.image.resize(expected[..., None], [32, 32])[..., 0].numpy()
    expected /= np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    assert maps.numpy().max() == pytest.approx(1) and maps.numpy().std() > 0.01
    np.testing.assert_allclose(probabilities, tf.nn.softmax(head.nets.logits(views)), atol=1e-5)


def test_without_a_class_it_is_the_first_one_s(head, views):
    first = np.argmax(head.nets.logits(views), axis=1).astype(np.int32)
    explain = GradCam(head)
    np.testing.assert_array_equal(
        explain(views, np.full(K, -1, np.int32))[0], explain(views, first)[0]
    )


def test_of_random_weights_the_map_is_another(exported_probe, head, views):
    """Adebayo et al. 2018: a map that survives this says nothing of what was learnt."""
    classes = np.zeros(K, np.int32)
    before = GradCam(head)(views, classes)[0].numpy()
    for part in ("logits", "encoder"):
        other = trained.load(exported_probe)
        rng = np.random.default_rng(1)
        model = other.nets.head.get_layer("logits") if part == "logits" else other.nets.encoder
        for weight in model.trainable_weights:
            weight.assign(rng.permutation(np.array(weight).ravel()).reshape(weight.shape))
        after = GradCam(other)(views, classes)[0].numpy()
        alike = np.corrcoef(before.ravel(), after.ravel())[0, 1]
        assert not alike > 0.9, part


@pytest.mark.parametrize("read", ["stage2", "projection2"])
def test_other_layers_that_a_head_reads(data_dir, tmp_path, views, read):
    from simclr_med.training import finetune

    given = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "steps": 5, "batch_size": 16}
    given |= {"data_dir": str(data_dir), "work_dir": str(tmp_path / "a"), "head_input": read}
    finetune.run(make_config("linear_probe", given))
    maps, _ = GradCam(trained.load(tmp_path / "a"))(views, np.zeros(K, np.int32))
    assert maps.shape == (K, 32, 32) and np.isfinite(maps).all()


def test_the_nearest_are_a_library_s(head, data_dir):
    bank = Bank.of(head)
    cases = manifest.read(data_dir).cases(["test"])
    queries = features.extract(head.nets.inputs, cases.paths, head.config)
    found, cosines = bank.nearest(queries, 5)
    index = NearestNeighbors(metric="cosine", algorithm="brute").fit(bank.units)
    distances, images = index.kneighbors(queries, len(bank.units))
    owner = np.repeat(np.arange(len(bank.cases)), np.diff(bank.cases.offsets))
    assert len(bank.units) > len(bank.cases)  # or a case's most similar image would say nothing
    for row in range(len(queries)):
        of_cases, first = np.unique(owner[images[row]], return_index=True)
        order = np.argsort(first)[:5]
        np.testing.assert_allclose(cosines[row], 1 - distances[row][first[order]], atol=1e-5)
        assert np.mean(found[row] == of_cases[order]) >= 0.6  # ties may change places


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
    exported_probe, data_dir, tmp_path
):
    head = tmp_path / "head"
    shutil.copytree(exported_probe, head, ignore=shutil.ignore_patterns("export", "gradcam"))
    asked = for_existing_run("evaluate", str(head), {"data_dir": str(data_dir), "gradcam": 2})
    compute(asked)
    shown = table(head / "gradcam" / "test.csv")
    made = read_run("head", str(head))
    wrong = confident_mistakes(made, "test", 3).mistakes
    assert [m.spoke_for for m in wrong] == [wrong[0].said, wrong[1].said, ""]
    assert {row["case_id"] for row in shown} == {m.case_id for m in wrong[:2]}
    # Beside the view is the map of the class that was said, not of the best one.
    first = manifest.read(data_dir).cases(["test"])
    path = first.paths[first.offsets[first.case_ids.tolist().index(shown[0]["case_id"])]]
    (view,) = evaluation_batches([path], batch_size=1, size=32)
    found = trained.load(head)
    k = found.task.classes.index(shown[0]["class"])
    maps, _ = GradCam(found)(view, np.array([k], np.int32))
    with Image.open(head / "gradcam" / "test" / "000000.png") as picture_:
        np.testing.assert_array_equal(picture_, beside(view[0].numpy(), maps[0].numpy()))
    options = report.Options("A page", Settings(replicates=20))
    page, *_ = report.write_report([("head", str(head))], tmp_path / "page", options)
    assert page.read_text().count("(Grad-CAM)") == 2
    # Of other weights they are of no use.
    file = head / "gradcam" / "test.csv"
    file.write_text(file.read_text().replace(",0.", ",1."))
    assert not any(m.spoke_for for m in confident_mistakes(made, "test", 3).mistakes)
