"""What an evaluation leaves in a work folder."""

import json

import numpy as np
import pytest
from predictions_made import fake
from sklearn.metrics import accuracy_score, recall_score

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


def findings(split, **changes):
    seed = ("validation", "test", "external").index(split)
    return fake(90, 3, task="multilabel", seed=seed, **changes)


def by_hand(validation, made, k):
    """Sensitivity and specificity of finding k at the threshold by a loop (Youden)."""

    def rates(part, threshold):
        known = ~np.isnan(part.truth[:, k])
        truth, called = part.truth[known, k], part.probabilities[known, k] >= threshold
        return recall_score(truth, called), recall_score(truth, called, pos_label=0)

    candidates = np.unique(validation.probabilities[:, k])
    best = max(candidates, key=lambda threshold: round(sum(rates(validation, threshold)), 9))
    return best, *rates(made, best)


SETTINGS = EvaluateConfig(bootstrap_replicates=40)
ORIGIN = {"data_sha256": "one", "weights": {"step": 3}}


@pytest.mark.parametrize("together", [True, False])
def test_findings_have_rates_at_the_thresholds_of_validation(tmp_path, together):
    validation, test = findings("validation"), findings("test")
    splits = {"test": test, "validation": validation} if together else {"test": test}
    if not together:
        write_evaluation(tmp_path, {"validation": validation}, SETTINGS, 0, ORIGIN)
    results = write_evaluation(tmp_path, splits, SETTINGS, 0, ORIGIN)
    for k in range(3):
        threshold, sensitivity, specificity = by_hand(validation, test, k)
        assert results["test"]["thresholds"][f"k{k}"] == pytest.approx(threshold)
        metrics = results["test"]["metrics"]
        assert metrics[f"sensitivity:k{k}"]["value"] == pytest.approx(sensitivity)
        assert metrics[f"specificity:k{k}"]["value"] == pytest.approx(specificity)
    there = json.loads((tmp_path / "metrics.json").read_text())["splits"]
    assert there["test"] == json.loads(json.dumps(results["test"]))
    assert "thresholds" not in there["validation"]  # they were chosen there: rates would flatter
    shown = summary("run", "test", results["test"])
    assert "  k0, from 0." in shown and f"sensitivity {sensitivity:.3f} [" in shown
    assert "no thresholds" not in summary("run", "validation", there["validation"])


def test_validation_of_other_weights_or_data_chooses_nothing(tmp_path):
    for origin in (ORIGIN | {"weights": {"step": 2}}, ORIGIN | {"data_sha256": "two"}):
        write_evaluation(tmp_path, {"validation": findings("validation")}, SETTINGS, 0, origin)
        results = write_evaluation(tmp_path, {"test": findings("test")}, SETTINGS, 0, ORIGIN)
        assert "thresholds" not in results["test"]
        assert "no thresholds: --eval_splits=validation,test" in summary(
            "run", "test", results["test"]
        )
