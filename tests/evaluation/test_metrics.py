"""Metrics against scikit-learn, and their weights against a slow loop."""

import dataclasses
import itertools

import numpy as np
import pytest
from predictions_made import fake, two_diagnoses
from sklearn import metrics as oracle

from simclr_med.evaluation.intervals import resampling
from simclr_med.evaluation.metrics import functions
from simclr_med.evaluation.metrics.scoring import score


def ones(predictions):
    return np.ones(len(predictions.case_ids))


def random_counts(predictions, replicates=20, seed=1):
    units = resampling.units_of(predictions, "case")
    return resampling.draw(units, seed, range(replicates))


@pytest.mark.parametrize(
    "name, expected",
    [("auc", oracle.roc_auc_score), ("average_precision", oracle.average_precision_score)],
)
def test_rank_metrics_are_scikit_learns_with_and_without_weights(name, expected):
    predictions = fake(task="multilabel")
    for weights in [ones(predictions), *random_counts(predictions)]:
        scored = score(predictions, weights)
        each = []
        for k, finding in enumerate(predictions.classes):
            known = ~np.isnan(predictions.truth[:, k])
            truth, scores = predictions.truth[known, k], predictions.probabilities[known, k]
            each.append(expected(truth, scores, sample_weight=weights[known]))
            assert scored[f"{name}:{finding}"] == pytest.approx(each[-1], abs=1e-12)
        assert scored[name] == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("average, name", [("macro", "auc"), ("weighted", "auc_weighted")])
def test_multiclass_auc_is_scikit_learns_one_vs_rest(average, name):
    predictions = fake()
    probabilities = predictions.probabilities / predictions.probabilities.sum(1, keepdims=True)
    expected = oracle.roc_auc_score(
        predictions.truth.argmax(1), probabilities, multi_class="ovr", average=average
    )
    predictions = dataclasses.replace(predictions, probabilities=probabilities)
    assert score(predictions, ones(predictions))[name] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_top_k_is_scikit_learns_where_no_scores_tie(k):
    predictions = fake(probabilities=np.random.default_rng(5).random((60, 5)))
    truth = predictions.truth.argmax(1)
    ranks = (-predictions.probabilities).argsort(1).argsort(1)[np.arange(60), truth]
    for weights in [ones(predictions), *random_counts(predictions)]:
        scored = score(predictions, weights)
        expected = oracle.top_k_accuracy_score(
            truth, predictions.probabilities, k=k, sample_weight=weights
        )
        assert scored[f"top{k}_accuracy"] == pytest.approx(expected)
        each = [np.average((ranks < k)[truth == c], weights=weights[truth == c]) for c in range(5)]
        assert scored[f"average_top{k}_sensitivity"] == pytest.approx(np.mean(each))
        assert scored[f"top{k}_sensitivity:k2"] == pytest.approx(each[2])


def test_average_top1_sensitivity_is_balanced_accuracy():
    predictions = fake(probabilities=np.random.default_rng(5).random((60, 5)))
    expected = oracle.balanced_accuracy_score(
        predictions.truth.argmax(1), predictions.probabilities.argmax(1)
    )
    scored = score(predictions, ones(predictions))
    assert scored["average_top1_sensitivity"] == pytest.approx(expected)


def hits_by_lot(truth, scores, k):
    """The share of all orders of the classes in which one that is present is among the k first."""
    orders = list(itertools.permutations(range(len(scores))))
    right = 0
    for order in orders:
        ranked = sorted(order, key=lambda c: -scores[c])  # stable: the order decides ties
        right += any(truth[c] for c in ranked[:k])
    return right / len(orders)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_equal_probabilities_are_ranked_by_lot(k):
    random = np.random.default_rng(0)
    scores = random.integers(0, 3, (40, 5)) / 10
    truth = (random.random((40, 5)) < 0.4).astype(float)
    expected = [hits_by_lot(t, s, k) for t, s in zip(truth, scores, strict=True)]
    np.testing.assert_allclose(functions.top_k_hits(truth, scores, k), expected, atol=1e-12)
    chances = functions.top_k_chances(scores, k)
    for c in range(5):
        one = np.eye(5)[np.full(40, c)]
        alone = [hits_by_lot(t, s, k) for t, s in zip(one, scores, strict=True)]
        np.testing.assert_allclose(chances[:, c], alone, atol=1e-12)


def test_a_constant_model_scores_what_chance_gives():
    constant = fake(100, 5, probabilities=np.full((100, 5), 0.2, np.float32))
    scored = score(constant, ones(constant))
    assert scored["top1_accuracy"] == pytest.approx(1 / 5)
    assert scored["top3_accuracy"] == pytest.approx(3 / 5)
    assert scored["average_top1_sensitivity"] == pytest.approx(1 / 5)
    assert scored["kappa"] == pytest.approx(0, abs=1e-12)


def test_any_primary_diagnosis_is_right():
    truth = np.array([[0, 1, 1], [1, 0, 0]])
    scores = np.array([[0.1, 0.2, 0.7], [0.1, 0.5, 0.4]])
    assert functions.top_k_hits(truth, scores, 1).tolist() == [1, 0]
    assert functions.top_k_hits(truth, scores, 9).tolist() == [1, 1]


def test_the_second_reading_gives_nothing_for_what_is_never_predicted():
    predictions = two_diagnoses()  # A, A|B, A|B, B; always A
    scored = score(predictions, ones(predictions))
    assert scored["top1_sensitivity:B"] == pytest.approx(2 / 3)  # the paper's reading
    assert scored["top1_own_sensitivity:B"] == 0
    assert scored["top1_own_sensitivity:A"] == 1
    assert scored["average_top1_own_sensitivity"] == 0.5


def test_a_case_of_which_nothing_was_predicted_is_a_miss_for_both():
    truth = np.array([[1, 1, 0]], np.float32)
    predictions = fake(1, 3, truth=truth, probabilities=np.array([[0.1, 0.2, 0.7]]))
    scored = score(predictions, ones(predictions))
    assert scored["top1_own_sensitivity:k0"] == scored["top1_own_sensitivity:k1"] == 0


def test_other_is_left_out_of_sensitivity_but_not_of_accuracy():
    truth = np.eye(2, dtype=np.float32)[[0, 0, 1]]
    right_on_other_only = np.eye(2, dtype=np.float32)[[1, 1, 1]]
    predictions = fake(3, 2, truth=truth, probabilities=right_on_other_only, other_class="k1")
    scored = score(predictions, ones(predictions))
    assert scored["top1_accuracy"] == pytest.approx(1 / 3)
    assert scored["average_top1_sensitivity"] == 0
    assert "top1_sensitivity:k1" not in scored


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_class_without_cases_is_left_out_of_means_and_is_no_0(task):
    made = fake(40, 3, task=task, probabilities=np.random.default_rng(2).dirichlet([1] * 3, 40))
    truth = made.truth.copy()
    truth[truth[:, 2] == 1] = [1, 0, 0]
    scored = score(dataclasses.replace(made, truth=truth), np.ones(40))
    each = []
    for k in range(2):
        known = ~np.isnan(truth[:, k])
        each.append(oracle.roc_auc_score(truth[known, k], made.probabilities[known, k]))
    assert scored["auc"] == pytest.approx(np.mean(each)) and np.isnan(scored["auc:k2"])
    positives = (truth == 1).sum(0)[:2]
    assert scored["auc_weighted"] == pytest.approx(np.average(each, weights=positives))
    if task == "multiclass":
        found, shares = made.probabilities.argmax(1), []
        shares = [(found == k)[truth[:, k] == 1].mean() for k in range(2)]
        assert scored["average_top1_sensitivity"] == pytest.approx(np.mean(shares))


def test_what_is_divided_by_0_is_not_defined_without_a_warning():
    with np.errstate(all="raise"):
        found = functions.ratio(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1.5])


@pytest.mark.filterwarnings("error")
def test_scores_of_which_none_is_the_highest_are_ranked_by_lot_or_not_at_all():
    truth = np.eye(3)[[0, 1]]
    for level in (0.0, 1 / 3, 1.0):
        equal = np.full((2, 3), level, np.float32)
        np.testing.assert_allclose(functions.top_k_chances(equal, 1), 1 / 3)
        np.testing.assert_allclose(functions.top_k_hits(truth, equal, 2), 2 / 3)
    scores = np.array([[np.nan] * 3, [0.2, 0.5, 0.3]])
    np.testing.assert_array_equal(functions.top_k_hits(truth, scores, 1), [np.nan, 1])
    chances = functions.top_k_chances(scores, 1)
    np.testing.assert_array_equal(chances, [[np.nan] * 3, [0, 1, 0]])


def test_auc_depends_on_ranks_alone():
    predictions = fake(task="multilabel")
    same_ranks = dataclasses.replace(predictions, probabilities=predictions.probabilities**3)
    a, b = (score(p, ones(p)) for p in (predictions, same_ranks))
    assert all(a[name] == b[name] for name in a if name.startswith("a"))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_weights_are_the_same_as_a_loop_over_drawn_rows(task):
    predictions = fake(25, 3, task=task)  # few enough for classes to vanish
    predictions = dataclasses.replace(
        predictions, thresholds={"k1": 0.5} if task == "multilabel" else {}
    )
    weights = random_counts(predictions, 50)
    scored = score(predictions, weights)
    assert (task == "multilabel") == ("specificity:k1" in scored)
    for replicate, counts in enumerate(weights):
        drawn = predictions.take(np.repeat(np.arange(25), counts.astype(int)))
        slow = score(drawn, ones(drawn))
        for name, values in scored.items():
            expected = float(slow.get(name, np.nan))
            assert values[replicate] == pytest.approx(expected, abs=1e-12, nan_ok=True), name


def test_auc_of_a_replicate_is_a_count_over_pairs():
    predictions = fake(25, 1, task="multilabel")
    truth, scores = predictions.truth[:, 0], predictions.probabilities[:, 0]
    for counts in random_counts(predictions, 5):
        won = pairs = 0
        for i in np.flatnonzero(truth == 1):
            for j in np.flatnonzero(truth == 0):
                pairs += counts[i] * counts[j]
                won += counts[i] * counts[j] * (1 + np.sign(scores[i] - scores[j])) / 2
        assert functions.auc(functions.rank(truth, scores).weigh(counts)) == pytest.approx(
            won / pairs, abs=1e-12
        )


def test_sensitivity_and_specificity_at_a_threshold_are_counts():
    predictions = dataclasses.replace(fake(task="multilabel"), thresholds={"k3": 0.6})
    truth, called = predictions.truth[:, 3], predictions.probabilities[:, 3] >= 0.6
    known = ~np.isnan(truth)
    negative, positive = oracle.confusion_matrix(truth[known], called[known], normalize="true")
    scored = score(predictions, ones(predictions))
    assert scored["sensitivity:k3"] == pytest.approx(positive[1])
    assert scored["specificity:k3"] == pytest.approx(negative[0])
