"""Brier score, reliability, confusion and kappa against scikit-learn and by hand."""

import numpy as np
import pytest
from predictions_made import fake, two_diagnoses
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

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
