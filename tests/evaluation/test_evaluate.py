"""What an evaluation leaves in a work folder."""

import json

import numpy as np
from sklearn.metrics import accuracy_score

from simclr_med.config.fields import EvaluateConfig
from simclr_med.evaluation import predictions
from simclr_med.evaluation.evaluate import summary, write_evaluation

CLASSES = ("a", "b", "c")


def made(seed, cases=30):
    draw = np.random.default_rng(seed)
    truth = np.eye(3, dtype=np.float32)[draw.integers(0, 3, cases)]
    scores = draw.random([cases, 3]).astype(np.float32)
    return predictions.Predictions(
        case_ids=np.array([f"case{i}" for i in range(cases)]),
        patient_ids=np.array([""] * cases),
        truth=truth,
        probabilities=scores / scores.sum(1, keepdims=True),
        classes=CLASSES,
        task="multiclass",
    )


def test_splits_are_added_to_those_of_former_evaluations(tmp_path):
    settings = EvaluateConfig(bootstrap_replicates=20)
    write_evaluation(tmp_path, {"test": made(0)}, settings, 0, {"data_sha256": "one"})
    results = write_evaluation(
        tmp_path,
        {"external": made(1), "validation": made(2)},
        settings,
        0,
        {"data_sha256": "two"},
    )
    there = json.loads((tmp_path / "metrics.json").read_text())["splits"]
    assert list(there) == ["test", "external", "validation"]
    assert {name: split["data_sha256"] for name, split in there.items()} == {
        "test": "one", "external": "two", "validation": "two",
    }  # fmt: skip
    assert there["external"] == json.loads(json.dumps(results["external"]))
    read = predictions.read(tmp_path / "predictions" / "external.csv")
    np.testing.assert_array_equal(read.probabilities, made(1).probabilities)
    expected = accuracy_score(read.truth.argmax(1), read.probabilities.argmax(1))
    found = there["external"]["metrics"]["top1_accuracy"]
    np.testing.assert_allclose(found["value"], expected)
    lines = summary("run", "external", results["external"]).splitlines()
    assert lines[0] == "run, external: 30 cases"
    assert any(line.split()[:2] == ["top1_accuracy", f"{expected:.3f}"] for line in lines)
