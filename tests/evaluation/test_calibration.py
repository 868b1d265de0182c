"""Brier score, reliability, confusion and kappa against scikit-learn and by hand."""

import functools
import json

import numpy as np
import pytest
from predictions_made import fake, two_diagnoses
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from simclr_med.evaluation.comparisons import comparison_tables, over_seeds, paired
from simclr_med.evaluation.intervals.settings import Settings
from simclr_med.evaluation.metrics import agreement, calibration


def no_ties():
    drawn = np.random.default_rng(5).dirichlet(np.ones(5), 200).astype(np.float32)
    return fake(200, probabilities=drawn)


def test_brier_is_scikit_learns_by_finding():
    predictions = fake(task="multilabel")
    each = []
    for truth, scores in zip(predictions.truth.T, predictions.probabilities.T, strict=True):
        known = ~np.isnan(truth)
        each.append(oracle.brier_score_loss(truth[known], scores[known]))
    assert calibration.brier(predictions, np.ones(60)) == pytest.approx(np.mean(each))


def test_brier_of_two_classes_is_that_of_one():
    scores = np.random.default_rng(0).random(50)
    both = fake(50, 2, probabilities=np.stack([1 - scores, scores], axis=1))
    expected = oracle.brier_score_loss(both.truth[:, 1], scores)
    assert calibration.brier(both, np.ones(50)) == pytest.approx(expected)


def test_reliability_is_scikit_learns_curve():
    predictions = fake(
        300, task="multilabel", probabilities=np.random.default_rng(1).random((300, 5))
    )
    found = calibration.reliability(predictions)
    known = ~np.isnan(predictions.truth)
    frequency, confidence = calibration_curve(
        predictions.truth[known], predictions.probabilities[known], n_bins=calibration.BINS
    )
    np.testing.assert_allclose([b["frequency"] for b in found["bins"]], frequency)
    np.testing.assert_allclose([b["confidence"] for b in found["bins"]], confidence)
    cases = np.array([b["cases"] for b in found["bins"]])
    assert cases.sum() == known.sum()
    assert found["error"] == pytest.approx(
        (cases * abs(frequency - confidence)).sum() / cases.sum()
    )


def findings_with(scale, shift, n=400, seed=3):
    """Findings whose probabilities' logits are `scale` and `shift` off the truth's."""
    random = np.random.default_rng(seed)
    x = random.normal(-1, 1.5, (n, 2))
    truth = (random.random((n, 2)) < expit(x)).astype(np.float32)
    return fake(n, 2, "multilabel", truth=truth, probabilities=expit(x * scale + shift))


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (0.3, 0), (3, 1), (1, -4)])
def test_slope_and_intercept_are_those_of_logistic_regression(scale, shift):
    predictions = findings_with(scale, shift)
    found = calibration.reliability(predictions)["findings"]
    for k, name in enumerate(predictions.classes):
        truth = predictions.truth[:, k]
        p = np.clip(predictions.probabilities[:, k].astype(float), 1e-7, 1 - 1e-7)
        regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        slope = regression.fit(logit(p)[:, None], truth).coef_[0, 0]
        missing = functools.partial(lambda x, y, a: (y - expit(a + x)).sum(), logit(p), truth)
        intercept = brentq(missing, -20, 20)
        assert found[name]["slope"] == pytest.approx(slope, rel=1e-4)
        assert found[name]["intercept"] == pytest.approx(intercept, abs=1e-9)
        assert found[name]["observed_expected"] == pytest.approx(truth.sum() / p.sum())
        assert (found[name]["cases"], found[name]["positives"]) == (len(p), truth.sum())
        assert sum(b["cases"] for b in found[name]["bins"]) == len(p)


def test_the_mean_error_sees_a_finding_that_the_pooled_one_hides():
    """Two findings that are wrong in opposite directions look right together."""
    truth = np.zeros((100, 2), np.float32)
    truth[:80, 0], truth[:20, 1] = 1, 1
    found = calibration.reliability(
        fake(100, 2, "multilabel", truth=truth, probabilities=np.full((100, 2), 0.5))
    )
    assert found["error"] == pytest.approx(0) and found["mean_error"] == pytest.approx(0.3)
    ratios = [each["observed_expected"] for each in found["findings"].values()]
    assert ratios == pytest.approx([1.6, 0.4])


@pytest.mark.parametrize(
    ("truth", "probabilities", "undefined"),
    [
        ([np.nan] * 4, [0.1, 0.2, 0.3, 0.4],
         {"error", "slope", "intercept", "observed_expected"}),
        ([0, 0, 0, np.nan], [0.1, 0.2, 0.3, 0.4], {"slope", "intercept"}),
        ([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], {"slope", "intercept"}),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], {"slope"}),
        ([0, 1, 0, 1], [0.5] * 4, {"slope"}),
        ([0, 1, 0, 1], [0.0, 0.0, 1.0, 1.0], set()),
        ([0, 1, 0, 0], [0.0] * 4, {"slope", "observed_expected"}),
    ],
)  # fmt: skip
def test_what_a_finding_s_cases_do_not_say_is_none(truth, probabilities, undefined):
    made = fake(
        4, 1, "multilabel", truth=np.array(truth, np.float32)[:, None],
        probabilities=np.array(probabilities)[:, None],
    )  # fmt: skip
    found = calibration.reliability(made)["findings"]
    (each,) = found.values()
    assert {name for name, value in each.items() if value is None} == undefined
    assert json.dumps(each, allow_nan=False)


def test_the_mean_of_runs_is_one_run_s_where_they_are_alike():
    found = calibration.reliability(findings_with(2, 0))
    again = calibration.mean_of_runs([found, found])
    assert again["findings"].keys() == found["findings"].keys()
    assert again["mean_error"] == pytest.approx(found["mean_error"])
    for name, each in found["findings"].items():
        assert again["findings"][name]["slope"] == pytest.approx(each["slope"])
        assert again["findings"][name]["bins"] == [
            b | {"confidence": pytest.approx(b["confidence"])} for b in each["bins"]
        ]


def test_who_is_always_sure_and_right_is_calibrated():
    sure = fake(50, probabilities=fake(50).truth)
    assert calibration.reliability(sure)["error"] == 0
    wrong = fake(50, probabilities=np.roll(fake(50).truth, 1, axis=1))
    assert calibration.reliability(wrong)["error"] == 1


def test_kappa_and_confusion_are_scikit_learns():
    predictions = no_ties()
    truth, called = predictions.truth.argmax(1), predictions.probabilities.argmax(1)
    expected = oracle.confusion_matrix(truth, called, labels=range(5))
    np.testing.assert_allclose(agreement.confusion(predictions), expected, atol=1e-9)
    weights = np.random.default_rng(2).integers(0, 3, (4, 200)).astype(float)
    for row, value in zip(weights, agreement.kappa(predictions, weights), strict=True):
        assert value == pytest.approx(oracle.cohen_kappa_score(truth, called, sample_weight=row))


def test_a_case_with_two_diagnoses_counts_for_the_one_that_was_predicted():
    assert agreement.confusion(two_diagnoses()).tolist() == [[3, 0], [1, 0]]


def test_nothing_predicted_counts_in_parts_and_ties_share():
    truth = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.float32)
    scores = np.array([[0, 0, 1, 0], [0.4, 0.4, 0.1, 0.1]], np.float32)
    matrix = agreement.confusion(fake(2, 4, truth=truth, probabilities=scores))
    expected = [[0.5, 0.5, 0.5, 0], [0, 0, 0.5, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(matrix, expected)


def test_kappa_is_not_defined_where_chance_agrees_always():
    one = np.eye(2, dtype=np.float32)[np.zeros(9, int)]
    assert np.isnan(agreement.kappa(fake(9, 2, truth=one, probabilities=one), np.ones(9)))


@pytest.mark.parametrize("masked", [[0], [0, 1]])
def test_masked_findings_are_printed_as_not_defined(masked):
    """Of two models, and of two methods of two runs each."""
    truth = fake(30, 2, "multilabel").truth
    truth[:, masked] = np.nan
    runs = [fake(30, 2, "multilabel", seed=seed, truth=truth) for seed in range(4)]
    pair = paired.compare({"a": runs[0], "b": runs[1]}, Settings(20))
    said = comparison_tables.terminal(pair, ["auc", "auc:k0"])
    methods = over_seeds.compare_methods({"a": runs[:2], "b": runs[2:]}, Settings(20))
    said += comparison_tables.terminal_of_methods(methods, ["auc", "auc:k0"])
    assert "not defined" in said and "nan" not in said
