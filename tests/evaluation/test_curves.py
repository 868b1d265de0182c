"""Points of ROC curves against scikit-learn."""

import numpy as np
import pytest
from predictions_made import fake
from sklearn import metrics as oracle

from simclr_med.evaluation.metrics import curves
from simclr_med.evaluation.metrics.scoring import score


def test_points_are_scikit_learns():
    made = fake(200, task="multilabel")  # scores with ties
    truth, scores = made.truth[:, 0], made.probabilities[:, 0]
    known = ~np.isnan(truth)
    false, true, _ = oracle.roc_curve(truth[known], scores[known], drop_intermediate=False)
    found = curves.roc_points(truth, scores)
    np.testing.assert_allclose(found[0], false)
    np.testing.assert_allclose(found[1], true)


def test_the_mean_curves_area_is_the_mean_auc():
    made = fake(400, skill=2.0)
    false, true = curves.mean_roc(made)
    expected = float(score(made, np.ones(400))["auc"])
    assert oracle.auc(false, true) == pytest.approx(expected, abs=0.01)
    assert (np.diff(true) >= 0).all() and true[-1] == 1


def test_a_class_without_cases_has_no_curve():
    assert curves.roc_points(np.zeros(5), np.arange(5)) is None
    assert curves.roc_points(np.array([1, np.nan, 1]), np.arange(3)) is None
