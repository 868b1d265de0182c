"""Losses, schedules and head inputs against closed forms and NumPy."""

import numpy as np
import pytest
import reference
import scipy.special
import scipy.stats
import tensorflow as tf

from simclr_med.config.splits import TASKS
from simclr_med.encoders import heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.training.models import objective, schedule


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_nt_xent_equals_the_slow_version(temperature):
    z = np.random.default_rng(0).standard_normal([12, 5])
    loss, _ = objective.nt_xent(tf.constant(z, tf.float32), temperature)
    np.testing.assert_allclose(loss, reference.nt_xent(z, temperature), rtol=1e-5)


def test_what_is_told_of_a_batch_is_of_the_first_view_s_choice_among_the_second_views():
    z = np.random.default_rng(4).standard_normal([14, 3])
    z[7:] += 0.7 * z[:7]
    _, scalars = objective.nt_xent(tf.constant(z, tf.float32), 0.5)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    p = scipy.special.softmax(unit[:7] @ unit[7:].T / 0.5, axis=1)
    right = np.mean(p.argmax(1) == np.arange(7))
    assert 0 < right < 1  # or each half of the code would do
    np.testing.assert_allclose(scalars["contrastive_accuracy"], right, rtol=1e-6)
    expected = scipy.stats.entropy(p, axis=1).mean()
    np.testing.assert_allclose(scalars["contrastive_entropy"], expected, rtol=1e-5)


def test_nt_xent_of_orthogonal_pairs_has_a_closed_form():
    z = np.concatenate([np.eye(4), np.eye(4)])
    loss, scalars = objective.nt_xent(tf.constant(z, tf.float32), 0.5)
    np.testing.assert_allclose(loss, np.log(np.exp(2) + 6) - 2, rtol=1e-6)
    assert scalars["contrastive_accuracy"] == 1


def test_nt_xent_ignores_lengths():
    z = np.random.default_rng(1).standard_normal([8, 3]).astype(np.float32)
    longer = z * np.arange(1, 9, dtype=np.float32)[:, None]
    np.testing.assert_allclose(
        objective.nt_xent(z, 0.1)[0], objective.nt_xent(longer, 0.1)[0], rtol=1e-5
    )


@pytest.mark.parametrize("length", [1e-30, 1e-12, 1e-7, 1.0, 1e25])
def test_nt_xent_and_its_gradient_are_those_of_float64_at_any_length(length):
    """Against the slow version, whose gradient is taken by differences."""
    z = np.random.default_rng(2).standard_normal([8, 3])
    rows = np.float32(z * np.where(np.arange(8) % 2, length, 1.0)[:, None])
    projections = tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        loss, _ = objective.nt_xent(projections, 0.5)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(loss, reference.nt_xent(exact, 0.5), rtol=1e-5)
    found = np.asarray(tape.gradient(loss, projections), np.float64)
    for i, j in np.ndindex(*rows.shape):
        own = np.linalg.norm(exact[i])  # a gradient is as large as its row is short
        step = np.zeros_like(exact)
        step[i, j] = 1e-5 * own
        above, below = (reference.nt_xent(exact + sign * step, 0.5) for sign in (1, -1))
        assert found[i, j] * own == pytest.approx((above - below) / 2e-5, abs=1e-5)


def test_a_projection_of_zeros_has_no_direction_and_no_gradient():
    projections = tf.constant(np.float32([[0, 0], [1, 2], [3, 1], [1, 1]]))
    with tf.GradientTape() as tape:
        tape.watch(projections)
        loss, _ = objective.nt_xent(projections, 0.5)
    gradient = tape.gradient(loss, projections).numpy()
    assert np.isfinite(loss) and np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0], 0)


def test_an_anchor_is_no_candidate_for_itself_at_any_temperature():
    z = np.random.default_rng(3).standard_normal([8, 3]).astype(np.float32)
    loss, _ = objective.nt_xent(z, 1e-10)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    similarity = np.float64(unit @ unit.T)
    np.fill_diagonal(similarity, -np.inf)
    pairs = similarity[np.arange(8), (np.arange(8) + 4) % 8]
    np.testing.assert_allclose(loss, np.mean(similarity.max(1) - pairs) / 1e-10, rtol=1e-4)


def test_a_constant_rate_after_warm_up():
    rate = schedule.make_schedule("constant", 2.0, 10, 110)
    for step, value in {0: 0, 5: 1, 10: 2, 60: 2, 500: 2}.items():
        np.testing.assert_allclose(rate(step), value, atol=1e-6)
    assert float(schedule.make_schedule("constant", 2.0, 0, 110)(0)) == 2.0
    np.testing.assert_allclose(schedule.make_schedule("cosine", 2.0, 10, 110)(60), 1, atol=1e-6)


def test_schedule():
    rate = schedule.WarmUpCosine(2.0, 10, 110)
    expected = {0: 0, 5: 1, 10: 2, 60: 1, 110: 0, 500: 0}
    for step, value in expected.items():
        np.testing.assert_allclose(rate(step), value, atol=1e-6)
    assert schedule.scaled_learning_rate(0.3, 4096, "linear") == pytest.approx(4.8)
    assert schedule.scaled_learning_rate(0.075, 4096, "sqrt") == pytest.approx(4.8)
    assert schedule.scaled_learning_rate(0.3, 4096, "none") == 0.3


def test_several_primary_diagnoses_share_the_probability():
    targets = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
    logits = np.random.default_rng(0).standard_normal([3, 3]).astype(np.float32)
    log_p = np.log(scipy.special.softmax(logits.astype(float), axis=1))
    expected = -(targets / targets.sum(1, keepdims=True) * log_p).sum(1)
    np.testing.assert_allclose(objective.losses(targets, logits, "multiclass"), expected, rtol=1e-5)
    weight = np.float32([2, 0, 3])
    found = objective.summed_loss(targets, logits, "multiclass", weight)
    np.testing.assert_allclose(found, weight @ expected, rtol=1e-5)
    assert objective.labelled_count(targets, "multiclass") == 3
    assert objective.labelled_count(np.float32([[1, np.nan], [np.nan, np.nan]]), "multilabel") == 1


def test_unknown_findings_are_masked():
    targets = np.array([[1, np.nan], [0, 1]], np.float32)
    logits = tf.Variable([[0.3, 9.0], [-1.0, 2.0]])
    with tf.GradientTape() as tape:
        loss = objective.summed_loss(targets, logits, "multilabel")
        loss /= objective.labelled_count(targets, "multilabel")
    p = 1 / (1 + np.exp(-np.array([0.3, -1.0, 2.0])))
    np.testing.assert_allclose(loss, -np.log([p[0], 1 - p[1], p[2]]).mean(), rtol=1e-5)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all() and gradient[0, 1] == 0


def test_probabilities_are_of_the_classes_or_of_each_finding():
    logits = np.float32([[1, -2, 0.5], [90, -90, 0]])
    found = [objective.probabilities(logits, task) for task in TASKS]
    expected = [scipy.special.softmax(logits, axis=1), scipy.special.expit(logits)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    "head_input", ["encoder", *(f"stage{i}" for i in (1, 2, 3, 4)), "projection1", "projection3"]
)
def test_every_head_input(head_input):
    encoder = build_encoder("resnet18", 0.125, 32)
    projection = heads.build_projection_head(64, 3, 16)
    inputs = heads.build_head_input(encoder, projection, head_input)
    width = {"stage1": 8, "stage2": 16, "stage3": 32, "projection3": 16}.get(head_input, 64)
    assert inputs(np.zeros([2, 32, 32, 3], np.float32)).shape == (2, width)
