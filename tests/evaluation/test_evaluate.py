"""What an evaluation leaves in a work folder."""

import dataclasses
import json

import numpy as np
import pytest
from predictions_made import fake
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from simclr_med.config.sections.results import EvaluateConfig
from simclr_med.data.cases import Cases
from simclr_med.data.info import DatasetInfo
from simclr_med.evaluation import by_image, predictions
from simclr_med.evaluation.evaluate import summary, write_evaluation
from simclr_med.evaluation.intervals.resampling import units_of

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


def cases_of_images(sizes, patients):
    """Cases of findings with several images each, and the probabilities of their images."""
    random = np.random.default_rng(0)
    count, images = len(sizes), sum(sizes)
    cases = Cases(
        case_ids=np.array([f"c{i}" for i in range(count)]),
        patient_ids=np.array(patients),
        paths=np.array([f"{i}.png" for i in range(images)]),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        targets=random.integers(0, 2, (count, 2)).astype(np.float32),
        groups={"sex": np.array(["f", "m"] * count)[:count]},
    )
    return cases, random.random((images, 2)).astype(np.float32)


FINDINGS = DatasetInfo("d", "multilabel", ("a", "b"))


def test_findings_are_scored_by_image_beside_by_case(tmp_path):
    cases, probabilities = cases_of_images([1, 3, 2] * 20, ["p0", "p0", ""] * 20)
    by_case = predictions.average_over_images(cases, probabilities, FINDINGS)
    images = by_image.of_images(cases, probabilities, FINDINGS)
    assert images.case_ids[:5].tolist() == [
        "c0 image 1", "c1 image 1", "c1 image 2", "c1 image 3", "c2 image 1",
    ]  # fmt: skip
    assert units_of(images, "auto").count == 1 + 20  # p0, and the cases that nobody knows
    results = write_evaluation(
        tmp_path, {"test": by_case}, SETTINGS, 0, ORIGIN, by_image={"test": images}
    )
    truth = np.repeat(cases.targets, [1, 3, 2] * 20, axis=0)
    found = results["test"]["by_image"]
    assert found["cases"] == 120 and found["units"]["count"] == 21
    for k, name in enumerate("ab"):
        expected = roc_auc_score(truth[:, k], probabilities[:, k])
        assert found["metrics"][f"auc:{name}"]["value"] == pytest.approx(expected)
        assert results["test"]["metrics"][f"auc:{name}"]["value"] != pytest.approx(expected)
    assert "  by image, 120 images:" in summary("run", "test", results["test"])
    file = tmp_path / "predictions" / "test_by_image.csv"
    np.testing.assert_array_equal(predictions.read(file).probabilities, probabilities)
    write_evaluation(tmp_path, {"test": by_case}, SETTINGS, 0, ORIGIN)
    assert not file.exists()


def test_by_image_is_for_findings_of_several_images_alone():
    cases, probabilities = cases_of_images([1] * 5, ["p"] * 5)
    assert by_image.of_images(cases, probabilities, FINDINGS) is None
    cases, probabilities = cases_of_images([2] * 5, ["p"] * 5)
    assert by_image.of_images(cases, probabilities, FINDINGS) is not None
    diagnoses = dataclasses.replace(FINDINGS, task="multiclass")
    assert by_image.of_images(cases, probabilities, diagnoses) is None


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
