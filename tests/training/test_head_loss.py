"""Weights of classes against scikit-learn, the focal loss against Keras, and what is masked."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

import simclr_med
from simclr_med.config.checked_config import make_config
from simclr_med.errors import InputError
from simclr_med.training.heads import head_loss
from simclr_med.training.models import objective

N, K = 40, 3


def findings(seed=0):
    """Skewed findings, some unknown, and logits."""
    draw = np.random.default_rng(seed)
    y = (draw.random([N, K]) < [0.1, 0.5, 0.8]).astype(np.float32)
    y[draw.random([N, K]) < 0.2] = np.nan
    return y, draw.standard_normal([N, K]).astype(np.float32)


def test_balanced_classes_weigh_what_scikit_learn_says():
    numbers = np.random.default_rng(0).choice(K, N, p=[0.7, 0.2, 0.1])
    y = np.eye(K, dtype=np.float32)[numbers]
    oracle = compute_class_weight("balanced", classes=np.arange(K), y=numbers)
    absent, present = head_loss.class_weights(y, "multiclass", "balanced")
    np.testing.assert_allclose(present, oracle, rtol=1e-6)
    assert not absent.any()
    np.testing.assert_allclose(head_loss.class_weights(y, "multiclass", "sqrt")[1], oracle**0.5)
    assert head_loss.class_weights(y, "multiclass", "none") is None


def test_balanced_findings_weigh_what_scikit_learn_says_of_what_is_known():
    y, _ = findings()
    found = head_loss.class_weights(y, "multilabel", "balanced")
    for k in range(K):
        known = y[~np.isnan(y[:, k]), k]
        oracle = compute_class_weight("balanced", classes=np.array([0, 1]), y=known)
        np.testing.assert_allclose(found[:, k], oracle, rtol=1e-6)


def test_an_answer_that_never_occurs_weighs_nothing_and_the_others_as_without_it():
    y = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    assert head_loss.class_weights(y, "multiclass", "balanced")[1] == pytest.approx([0.75, 1.5, 0])
    found = head_loss.class_weights(y, "multilabel", "balanced")
    assert found[:, 2] == pytest.approx([1, 0])


def test_cases_of_several_diagnoses_count_as_their_shares():
    y = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    weights = head_loss.class_weights(y, "multiclass", "balanced")
    assert weights[1] == pytest.approx([3 / (3 * 1.5), 3 / (3 * 0.5), 1])
    logits = np.log([[0.2, 0.3, 0.5], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]]).astype(np.float32)
    found = objective.losses(y, logits, "multiclass", class_weights=weights)
    rows = [-(np.log(0.2) + np.log(0.3)) / 2, -np.log(0.5), -np.log(0.8)]
    of_row = [(weights[1, 0] + weights[1, 1]) / 2, weights[1, 0], weights[1, 2]]
    np.testing.assert_allclose(found, np.multiply(rows, of_row), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_is_keras_s(gamma, smoothing):
    y, logits = findings()
    y = np.nan_to_num(y)
    oracle = keras.losses.BinaryFocalCrossentropy(
        gamma=gamma, from_logits=True, label_smoothing=smoothing
    )
    found = objective.losses(y, logits, "multilabel", smoothing, gamma)
    np.testing.assert_allclose(tf.reduce_sum(found) / y.size, oracle(y, logits), rtol=1e-5)


def test_what_is_masked_has_no_gradient_whatever_the_loss():
    y, values = findings()
    logits = tf.Variable(values)
    weights = head_loss.class_weights(y, "multilabel", "balanced")
    with tf.GradientTape() as tape:
        loss = objective.summed_loss(
            y, logits, "multilabel", label_smoothing=0.1, focal_gamma=2.0, class_weights=weights
        )
    slope = tape.gradient(loss, logits).numpy()
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(slope == 0, np.isnan(y))


def test_a_finding_s_presence_and_absence_weigh_what_they_are_given():
    y, logits = findings()
    weights = np.float32([[0.5, 1.0, 2.0], [3.0, 0.25, 1.5]])  # [absent, present] of each finding
    p = 1 / (1 + np.exp(-logits.astype(float)))
    each = np.where(y == 1, -weights[1] * np.log(p), -weights[0] * np.log(1 - p))
    expected = np.where(np.isnan(y), 0, each).sum(axis=1)
    found = objective.losses(y, logits, "multilabel", class_weights=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_is_beyond_doubt_counts_as_missed_by_the_least_share():
    found = objective.losses(np.float32([[1]]), [[40.0]], "multilabel", focal_gamma=0.25)
    np.testing.assert_allclose(found, [np.exp(-40) * 1e-7**0.25], rtol=1e-4)


def test_a_logit_beyond_doubt_has_a_finite_slope():
    logits = tf.Variable([[90.0, -90.0]])
    with tf.GradientTape() as tape:
        loss = objective.summed_loss(np.float32([[1, 1]]), logits, "multilabel", focal_gamma=0.5)
    slope = tape.gradient(loss, logits)[0]
    np.testing.assert_allclose(slope, [0, -1], atol=1e-6)


def test_balanced_training_is_keras_s_with_class_weights():
    draw = np.random.default_rng(1)
    x = draw.standard_normal([N, 5]).astype(np.float32)
    numbers = draw.choice(K, N, p=[0.7, 0.2, 0.1])
    y = np.eye(K, dtype=np.float32)[numbers]
    weights = head_loss.class_weights(y, "multiclass", "balanced")
    networks = [
        keras.Sequential([keras.Input([5]), keras.layers.Dense(K, kernel_initializer="zeros")])
        for _ in range(2)
    ]
    ours, theirs = simclr_med.SupervisedModel(networks[0], class_weights=weights), networks[1]
    ours.compile(keras.optimizers.SGD(0.3))
    theirs.compile(
        keras.optimizers.SGD(0.3), loss=keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    ours.fit(x, y, **fit)
    theirs.fit(x, y, class_weight=dict(enumerate(weights[1].tolist())), **fit)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_model_with_such_a_loss_can_be_saved_and_loaded(tmp_path):
    y, x = findings()
    network = keras.Sequential([keras.Input([K]), keras.layers.Dense(K)])
    weights = head_loss.class_weights(y, "multilabel", "balanced")
    model = simclr_med.SupervisedModel(
        network,
        "multilabel",
        focal_gamma=2.0,
        class_weights=weights,
        rate_factors={"dense/kernel": 0.5},
    )
    model.compile("sgd")
    model.save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    assert copy.focal_gamma == 2.0 and dict(copy.rate_factors) == {"dense/kernel": 0.5}
    np.testing.assert_array_equal(copy.class_weights, weights)
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    losses = [each.fit(x, y, **fit).history["loss"] for each in (model, copy)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_focal_loss_of_diagnoses_is_refused():
    given = {"data_dir": "a", "work_dir": "b", "focal_gamma": 2.0}
    head_loss.refuse_focal(2.0, types.SimpleNamespace(task="multilabel"), "a")
    with pytest.raises(InputError, match="--focal_gamma=2 is for findings; .*a is multiclass"):
        head_loss.refuse_focal(2.0, types.SimpleNamespace(task="multiclass"), "a")
    with pytest.raises(InputError, match="--focal_gamma has no effect with --solver=lbfgs"):
        given |= {"solver": "lbfgs", "weight_decay": 0.1}
        make_config("linear_probe", given)
