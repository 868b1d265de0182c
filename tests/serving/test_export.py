"""What is served is what was trained: signatures, originals of every kind, checks, bad images."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import answers_here
from originals import prepared, trained, untrained
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from simclr_med.config.checked_config import for_existing_run
from simclr_med.data import manifest
from simclr_med.errors import InputError, RunError
from simclr_med.evaluation import predictions
from simclr_med.modes import evaluate
from simclr_med.runs import input_contract
from simclr_med.serving import export
from simclr_med.serving.formats import evidence, saved_model, signatures

pytestmark = pytest.mark.usefixtures("shortest_encoder")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("prepared"), shortest_side=48)


@pytest.fixture(scope="module")
def answered():
    """What exports said in processes of their own, in order."""
    return []


@pytest.fixture(scope="module")
def probe(originals, answered, tmp_path_factory):
    """The work folder of an evaluated head, exported once."""
    work_dir = trained(originals[1], tmp_path_factory.mktemp("runs") / "probe")
    evaluate(for_existing_run("evaluate", str(work_dir), {"bootstrap_replicates": 40}))
    original = saved_model.answers_alone

    def ask(folder, sample):
        answered.append(original(folder, sample))
        return answered[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "answers_alone", ask)
        export.run(for_existing_run("export", str(work_dir), {}))
    return work_dir


@pytest.fixture(scope="module")
def served(probe):
    return tf.saved_model.load(str(probe / "export" / "1")).signatures


@pytest.fixture(scope="module")
def evaluated(probe):
    """Each test case's probabilities, by its name."""
    made = predictions.read(probe / "predictions" / "test.csv")
    return dict(zip(made.case_ids.tolist(), made.probabilities, strict=True))


def test_originals_of_every_kind_are_served_as_evaluation_saw_them(originals, served, evaluated):
    folder = originals[0] / "test" / "bright"
    tops = set()
    for case, expected in evaluated.items():
        contents = [path.read_bytes() for path in sorted(folder.glob(f"{case}_*"))]
        found = served["serving_default"](images=tf.constant(contents))
        assert set(found["error"].numpy()) == {b""}
        probabilities = found["probabilities"].numpy().mean(axis=0)
        # The files on disk went through JPEG; what is left of it is a value here and there.
        np.testing.assert_allclose(probabilities, expected, atol=2e-3, err_msg=case)
        assert probabilities.argmax() == expected.argmax()
        tops.add(int(expected.argmax()))
    assert len(evaluated) == 15 and tops == {0, 1}  # or equal classes would say nothing


def test_prepared_files_are_served_as_evaluation_saw_them(originals, served, evaluated):
    cases = manifest.read(originals[1]).cases(["test"])
    contents = tf.constant([pathlib.Path(path).read_bytes() for path in cases.paths])
    by_image = served["serving_default"](images=contents)["probabilities"].numpy()
    means = predictions.average_over_images(cases, by_image, cases_task(served)).probabilities
    expected = np.stack([evaluated[case] for case in cases.case_ids])
    np.testing.assert_allclose(means, expected, atol=1e-5)
    by_case = served["cases"](
        images=contents,
        cases=tf.constant(np.repeat(100 + np.arange(len(cases)), np.diff(cases.offsets))),
    )
    np.testing.assert_allclose(by_case["probabilities"], expected, atol=1e-5)
    assert by_case["cases"].numpy().tolist() == list(range(100, 100 + len(cases)))


def cases_task(served):
    names = served["serving_default"](images=tf.constant([b""]))["classes"].numpy()[0]

    class Task:
        task, other_class, classes = "multiclass", None, [name.decode() for name in names]

    return Task


def test_a_bad_image_is_answered_by_itself(originals, served):
    good = (originals[0] / "test" / "bright" / "plain_0.png").read_bytes()
    bad = {
        b"": "is empty",
        b"nothing of an image": "is not JPEG or PNG",
        good[:200]: "cannot be decoded",
        b"\xff\xd8\xff\xe0": "cannot be decoded",
    }
    alone = served["serving_default"](images=tf.constant([good]))
    found = served["serving_default"](images=tf.constant([good, *bad, good]))
    assert found["error"].numpy().astype(str).tolist() == ["", *bad.values(), ""]
    for row in (0, -1):
        np.testing.assert_allclose(
            found["probabilities"][row], alone["probabilities"][0], atol=1e-6
        )
    assert (found["probabilities"].numpy()[1:-1] == signatures.NO_ANSWER).all()
    assert set(found["top_classes"].numpy()[1:-1].ravel()) == {b""}
    features = served["features"](images=tf.constant([good, *bad]))
    assert (features["features"].numpy()[1:] == 0).all() and features["features"].numpy()[0].any()


def test_a_case_is_the_mean_of_its_readable_images(originals, served):
    folder = originals[0] / "test" / "bright"
    a, b = ((folder / f"several_{i}.jpg").read_bytes() for i in range(2))
    found = served["cases"](
        images=tf.constant([a, b"x", b, b"", a]), cases=tf.constant([9, 9, 9, 4, 7], tf.int64)
    )
    each = served["serving_default"](images=tf.constant([a, b]))["probabilities"].numpy()
    assert found["cases"].numpy().tolist() == [9, 4, 7]
    assert found["images"].numpy().tolist() == [2, 0, 1]
    expected = [each.mean(axis=0), [signatures.NO_ANSWER] * 2, each[0]]
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    errors = found["error"].numpy().astype(str).tolist()
    assert errors == ["image 1 is not JPEG or PNG", "image 3 is empty", ""]


def test_labels_stand_in_outputs_and_assets(probe, served, originals):
    folder = probe / "export" / "1"
    labels = (folder / "assets" / "labels.txt").read_text().splitlines()
    assert labels == ["bright", "dark"]
    image = (originals[0] / "test" / "bright" / "plain_0.png").read_bytes()
    found = served["serving_default"](images=tf.constant([image]))
    assert found["classes"].numpy().astype(str).tolist() == [labels]
    order = np.argsort(-found["probabilities"].numpy()[0])
    assert found["top_classes"].numpy()[0].astype(str).tolist() == [labels[i] for i in order]
    np.testing.assert_array_equal(
        found["top_probabilities"][0], found["probabilities"].numpy()[0][order]
    )


def test_the_graph_has_what_tensorflow_serving_asks_for(probe):
    folder = probe / "export" / "1"
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]
    classify = model.signature_def["classify"]
    assert classify.method_name == "tensorflow/serving/classify"
    assert set(classify.inputs) == {"inputs"} and set(classify.outputs) == {"classes", "scores"}
    functions = [
        node for function in model.graph_def.library.function for node in function.node_def
    ]
    assert not [node.op for node in functions if "Py" in node.op]


def test_warm_up_requests_hold_no_one_s_image(probe):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    file = probe / "export" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        apis.PredictionLog.FromString(record)
        for record in tf.compat.v1.python_io.tf_record_iterator(str(file))
    ]
    requests = [log.predict_log.request for log in logs]
    assert {r.model_spec.signature_name for r in requests} == {"serving_default", "features"}
    for request in requests:
        (image,) = set(tf.make_ndarray(request.inputs["images"]).ravel())
        assert len(set(tf.io.decode_png(image).numpy().ravel())) == 1


def test_the_evidence_names_images_by_their_checksums(probe, originals):
    text = (probe / "export" / "1" / evidence.FILE).read_text()
    found = json.loads(text)
    assert set(found["largest_difference"].values()) and len(found["images"]) >= 8
    assert max(found["largest_difference"].values()) <= found["tolerance"] == 1e-5
    assert "bright" not in text and str(originals[1]) not in text
    contract = input_contract.load(probe / "export" / "1")
    assert contract.preparation.images == "rewritten" and contract.preparation.shortest_side == 48


def copied(work_dir, tmp_path):
    shutil.copytree(work_dir, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    return tmp_path / "run"


def test_an_export_that_says_something_else_leaves_nothing(probe, answered, tmp_path, monkeypatch):
    work_dir, (found,) = copied(probe, tmp_path), answered
    wrong = found | {"cases/probabilities": found["cases/probabilities"] + 2e-5}

    def save(folder, trained):
        shutil.copy(probe / "export" / "1" / "saved_model.pb", folder)

    monkeypatch.setattr(saved_model, "save", save)
    monkeypatch.setattr(saved_model, "answers_alone", lambda folder, sample: wrong)
    with pytest.raises(RunError, match=r"(?s)nothing was exported.*probabilities: [12]\S*e-05$"):
        export.run(for_existing_run("export", str(work_dir), {}))
    assert list((work_dir / "export").iterdir()) == []


def test_data_that_are_gone_are_named(probe, tmp_path):
    work_dir = copied(probe, tmp_path)
    given = {"data_dir": str(tmp_path / "gone")}
    with pytest.raises(InputError, match="gone"):
        export.run(for_existing_run("export", str(work_dir), given))
    assert not (work_dir / "export").exists()


def test_pretraining_alone_exports_its_features(originals, tmp_path, monkeypatch):
    work_dir = untrained("pretrain", originals[1], tmp_path / "pre")
    monkeypatch.setattr(saved_model, "answers_alone", answers_here)
    export.run(for_existing_run("export", str(work_dir), {"export_version": 5}))
    content = (work_dir / "export" / "5" / "saved_model.pb").read_bytes()
    found = set(SavedModel.FromString(content).meta_graphs[0].signature_def)
    assert found - {"__saved_model_init_op"} == {"serving_default", "features", "images"}
    assert json.loads((work_dir / "export" / "5" / evidence.FILE).read_text())["cases"] >= 8


def test_a_difference_is_the_largest_and_shapes_count():
    assert evidence.largest_difference([1, 2, 3], [1, 2, 3.3]) == pytest.approx(0.1 / 1.1)
    assert evidence.largest_difference([0.5], [0.25]) == 0.25
    assert evidence.largest_difference([1, np.nan], [1, 2]) == np.inf
    assert evidence.largest_difference([1], [1, 2]) == np.inf
    assert evidence.largest_difference([], []) == 0
