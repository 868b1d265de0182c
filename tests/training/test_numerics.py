"""Losses, optimizers, schedules and encoders against closed forms and NumPy."""

import warnings

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from simclr_med.encoders import heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.training import objective, optimizer, schedule


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


def test_lars_equals_the_oracle_for_a_hundred_steps():
    draw = np.random.default_rng(2)
    values = [draw.standard_normal([3, 4]), draw.standard_normal([4]), np.zeros([2, 2])]
    variables = [tf.Variable(v, dtype=tf.float32) for v in values]
    momenta = [np.zeros_like(v) for v in values]
    lars = optimizer.LARS(0.7, 0.9, 0.01, 0.05)
    for step in range(100):
        gradients = [draw.standard_normal(v.shape) * (step % 7 > 0) for v in values]
        lars.apply_gradients(
            zip([tf.constant(g, tf.float32) for g in gradients], variables, strict=True)
        )
        for i, g in enumerate(gradients):
            excluded = values[i].ndim <= 1
            values[i], momenta[i] = reference.lars_step(
                values[i], g, momenta[i], 0.7, 0.9, 0.01, 0.05, excluded
            )
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-3, atol=1e-4)


def test_lars_by_hand():
    w = tf.Variable([[3.0, 4.0]])  # norm 5
    lars = optimizer.LARS(1.0, 0.9, 0.0, 0.1)
    lars.apply_gradients([(tf.constant([[0.0, 2.0]]), w)])  # trust 0.1 * 5 / 2
    np.testing.assert_allclose(w, [[3.0, 3.5]], rtol=1e-6)


def test_lamb_is_tensorflow_addons():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its notice that it has reached its end of life
        import tensorflow_addons as tfa
    draw = np.random.default_rng(2)
    values = [draw.standard_normal([3, 4]), draw.standard_normal([4]), np.zeros([2, 2])]
    ours = [tf.Variable(v, dtype=tf.float32, name=f"kernel{v.ndim}") for v in values]
    theirs = [tf.Variable(v, dtype=tf.float32, name=f"kernel{v.ndim}") for v in values]
    lamb = optimizer.make_optimizer("lamb", 0.01, 0.8, 0.1, 0.001)
    oracle = tfa.optimizers.LAMB(
        0.01,
        beta_1=0.8,
        weight_decay=0.1,
        exclude_from_weight_decay=["kernel1"],
        exclude_from_layer_adaptation=["kernel1"],
    )
    for _ in range(100):
        gradients = [tf.constant(draw.standard_normal(v.shape), tf.float32) for v in values]
        lamb.apply_gradients(zip(gradients, ours, strict=True))
        oracle.apply_gradients(zip(gradients, theirs, strict=True))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_each_weight_decays_or_not():
    encoder = build_encoder("resnet18", 0.125, 32)
    decaying, excluded = optimizer.split_by_decay(encoder.trainable_variables)
    assert {id(v) for v in decaying}.isdisjoint(id(v) for v in excluded)
    assert len(decaying) + len(excluded) == len(encoder.trainable_variables)
    assert all("conv" in v.name and "kernel" in v.name for v in decaying)
    assert all("bn" in v.name for v in excluded)


@pytest.mark.parametrize("name", ["lars", "sgd", "adam", "lamb"])
def test_every_optimizer_lowers_a_loss(name):
    model = heads.build_classifier(4, 3)
    model.get_layer("logits").kernel.assign(np.random.default_rng(0).standard_normal([4, 3]))
    chosen = optimizer.make_optimizer(name, 0.05, 0.9, 1e-6, 0.1)
    x = tf.constant(np.random.default_rng(1).standard_normal([30, 4]), tf.float32)
    targets = tf.one_hot(np.arange(30) % 3, 3)
    losses = []
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = objective.summed_loss(targets, model(x), "multiclass")
        variables = model.trainable_variables
        chosen.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_momentum_without_trust_equals_keras():
    a, b = tf.Variable([[1.0, 2.0]]), tf.Variable([[1.0, 2.0]])
    ours = optimizer.make_optimizer("sgd", 0.1, 0.9, 0.0, 0.001)
    keras_sgd = keras.optimizers.SGD(0.1, 0.9)
    for step in range(5):
        gradient = tf.constant([[1.0, -step]])
        ours.apply_gradients([(gradient, a)])
        keras_sgd.apply_gradients([(gradient, b)])
    np.testing.assert_allclose(a, b, rtol=1e-6)


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
