"""Losses, schedules and head inputs against closed forms and NumPy."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from simclr_med.encoders import heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.training import objective, schedule


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_nt_xent_equals_the_slow_version(temperature):
    z = np.random.default_rng(0).standard_normal([12, 5])
    loss, _ = objective.nt_xent(tf.constant(z, tf.float32), temperature)
    np.testing.assert_allclose(loss, reference.nt_xent(z, temperature), rtol=1e-5)


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


def test_schedule():
    rate = schedule.WarmUpCosine(2.0, 10, 110)
    expected = {0: 0, 5: 1, 10: 2, 60: 1, 110: 0, 500: 0}
    for step, value in expected.items():
        np.testing.assert_allclose(rate(step), value, atol=1e-6)
    assert schedule.scaled_learning_rate(0.3, 4096, "linear") == pytest.approx(4.8)
    assert schedule.scaled_learning_rate(0.075, 4096, "sqrt") == pytest.approx(4.8)
    assert schedule.scaled_learning_rate(0.3, 4096, "none") == 0.3


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


@pytest.mark.parametrize(
    "head_input", ["encoder", *(f"stage{i}" for i in (1, 2, 3, 4)), "projection1", "projection3"]
)
def test_every_head_input(head_input):
    encoder = build_encoder("resnet18", 0.125, 32)
    projection = heads.build_projection_head(64, 3, 16)
    inputs = heads.build_head_input(encoder, projection, head_input)
    width = {"stage1": 8, "stage2": 16, "stage3": 32, "projection3": 16}.get(head_input, 64)
    assert inputs(np.zeros([2, 32, 32, 3], np.float32)).shape == (2, width)
