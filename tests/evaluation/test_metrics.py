"""Metrics against scikit-learn, and their counts against a slow loop."""

import dataclasses

import numpy as np
import pytest
from predictions_made import fake
from sklearn import metrics as oracle

from simclr_med.evaluation import bootstrap, metrics

SINGLE = ["top1_accuracy", "top3_accuracy"]
AVERAGE = ["average_top1_sensitivity", "average_top3_sensitivity"]


def ones(predictions):
    return np.ones(len(predictions.case_ids), int)


def random_counts(predictions, replicates=20, seed=1):
    return np.concatenate(list(bootstrap.draw_weights(predictions.case_ids, replicates, seed)))


def test_auc_is_scikit_learns_with_and_without_weights():
    predictions = fake(task="multilabel")
    for weights in [ones(predictions), *random_counts(predictions)]:
        scored = metrics.score(predictions, weights)
        expected = []
        for k, name in enumerate(predictions.classes):
            known = ~np.isnan(predictions.truth[:, k])
            expected.append(
                oracle.roc_auc_score(
                    predictions.truth[known, k],
                    predictions.probabilities[known, k],
                    sample_weight=weights[known],
                )
            )
            assert scored[f"auc:{name}"] == pytest.approx(expected[-1], abs=1e-12)
        assert scored["auc"] == pytest.approx(np.mean(expected), abs=1e-12)


def test_multiclass_auc_is_scikit_learns_one_vs_rest():
    predictions = fake()
    probabilities = predictions.probabilities / predictions.probabilities.sum(1, keepdims=True)
    expected = oracle.roc_auc_score(
        predictions.truth.argmax(1), probabilities, multi_class="ovr", average="macro"
    )
    predictions = dataclasses.replace(predictions, probabilities=probabilities)
    assert metrics.score(predictions, ones(predictions))["auc"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_top_k_is_scikit_learns_where_no_scores_tie(k):
    predictions = fake(probabilities=np.random.default_rng(5).random((60, 5)))
    truth = predictions.truth.argmax(1)
    for weights in [ones(predictions), *random_counts(predictions)]:
        scored = metrics.score(predictions, weights)
        assert scored[f"top{k}_accuracy"] == pytest.approx(
            oracle.top_k_accuracy_score(
                truth, predictions.probabilities, k=k, sample_weight=weights
            )
        )
        sensitivities = [
            np.average(
                metrics.top_k_hits(predictions.truth, predictions.probabilities, k)[truth == c],
                weights=weights[truth == c],
            )
            for c in range(5)
        ]
        assert scored[f"average_top{k}_sensitivity"] == pytest.approx(np.mean(sensitivities))


def test_average_top1_sensitivity_is_balanced_accuracy():
    predictions = fake(probabilities=np.random.default_rng(5).random((60, 5)))
    expected = oracle.balanced_accuracy_score(
        predictions.truth.argmax(1), predictions.probabilities.argmax(1)
    )
    scored = metrics.score(predictions, ones(predictions))
    assert scored["average_top1_sensitivity"] == pytest.approx(expected)


def test_top_k_matches_any_primary_diagnosis_and_breaks_ties_by_class_order():
    truth = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 0]])
    scores = np.array([[0.1, 0.2, 0.7], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])
    assert metrics.top_k_hits(truth, scores, 1).tolist() == [True, True, False]
    assert metrics.top_k_hits(truth, scores, 2).tolist() == [True, True, True]


def test_other_is_left_out_of_sensitivity_but_not_of_accuracy():
    truth = np.eye(2, dtype=np.float32)[[0, 0, 1]]
    right_on_other_only = np.eye(2, dtype=np.float32)[[1, 1, 1]]
    predictions = fake(3, 2, truth=truth, probabilities=right_on_other_only, other_class="k1")
    scored = metrics.score(predictions, ones(predictions))
    assert scored["top1_accuracy"] == pytest.approx(1 / 3)
    assert scored["average_top1_sensitivity"] == 0


def test_auc_depends_on_ranks_alone():
    predictions = fake(task="multilabel")
    same_ranks = dataclasses.replace(predictions, probabilities=predictions.probabilities**3)
    a, b = (metrics.score(p, ones(p)) for p in (predictions, same_ranks))
    assert a == b


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_counts_are_the_same_as_a_loop_over_drawn_rows(task):
    predictions = fake(25, 3, task=task)  # few enough for classes to vanish
    weights = random_counts(predictions, 50)
    scored = metrics.score(predictions, weights)
    for replicate, counts in enumerate(weights):
        drawn = predictions.take(np.repeat(np.arange(25), counts))
        slow = metrics.score(drawn, ones(drawn))
        for name, values in scored.items():
            assert values[replicate] == pytest.approx(float(slow[name]), nan_ok=True), name


def test_auc_of_a_replicate_is_a_count_over_pairs():
    predictions = fake(25, 1, task="multilabel")
    truth, scores = predictions.truth[:, 0], predictions.probabilities[:, 0]
    for counts in random_counts(predictions, 5):
        won = pairs = 0
        for i in np.flatnonzero(truth == 1):
            for j in np.flatnonzero(truth == 0):
                pairs += counts[i] * counts[j]
                won += counts[i] * counts[j] * (1 + np.sign(scores[i] - scores[j])) / 2
        assert metrics.auc(truth, scores, counts) == pytest.approx(won / pairs)
