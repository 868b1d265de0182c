"""Optimizers against NumPy and by hand, and which weights decay."""

from copy import deepcopy

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.config.checked_config import make_config
from simclr_med.encoders import heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.training.models import objective, optimizer, schedule


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


def test_lamb_equals_the_oracle_for_a_hundred_steps():
    draw = np.random.default_rng(2)
    values = {"a/kernel": draw.standard_normal([3, 4]), "a/bias": draw.standard_normal([4]),
              "b/kernel": np.zeros([2, 2])}  # fmt: skip
    variables = [tf.Variable(v, dtype=tf.float32, name=name) for name, v in values.items()]
    states = {name: (v, np.zeros_like(v), np.zeros_like(v)) for name, v in values.items()}
    lamb = optimizer.make_optimizer("lamb", 0.01, 0.8, 0.1, 0.001)
    compat.build_optimizer(lamb, variables)
    for step in range(1, 101):
        gradients = [draw.standard_normal(v.shape) for v in values.values()]
        compat.apply_sums(lamb, [tf.constant(g, tf.float32) for g in gradients], variables)
        for (name, state), gradient in zip(states.items(), gradients, strict=True):
            given = (0.01, 0.8, 0.999, 1e-6, 0.1)
            states[name] = reference.lamb_step(*state, gradient, step, *given, "bias" in name)
    for variable, (value, _, _) in zip(variables, states.values(), strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-5)


def test_adam_s_decay_is_decoupled_and_of_kernels_alone():
    draw, rate, beta, decay = np.random.default_rng(3), 0.02, 0.8, 0.1
    values = {"a/kernel": draw.standard_normal([3, 4]), "a/bias": draw.standard_normal([4])}
    variables = [tf.Variable(v, dtype=tf.float32, name=name) for name, v in values.items()]
    moments = {name: (np.zeros_like(v), np.zeros_like(v)) for name, v in values.items()}
    adam = optimizer.make_optimizer("adam", rate, beta, decay, 0.001)
    compat.build_optimizer(adam, variables)
    for step in range(1, 31):
        gradients = {name: draw.standard_normal(v.shape) for name, v in values.items()}
        compat.apply_sums(adam, [tf.constant(g, tf.float32) for g in gradients.values()], variables)
        for name, g in gradients.items():  # Loshchilov and Hutter 2019, algorithm 2
            m, v = moments[name]
            m, v = beta * m + (1 - beta) * g, 0.999 * v + 0.001 * g**2
            moments[name] = m, v
            change = m / (1 - beta**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)
            decayed = decay * values[name] if "kernel" in name else 0
            values[name] = values[name] - rate * (change + decayed)
    for variable, value in zip(variables, values.values(), strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("weight", "gradient"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_where_either_norm_is_0_the_rate_stays(weight, gradient):
    lars = optimizer.LARS(0.3, 0.9, 0.0, 0.05)
    assert float(lars.trust(tf.fill([2, 2], weight), tf.fill([2, 2], gradient))) == 1


def test_the_trust_ratios_that_are_told_are_those_of_the_kernels():
    draw = np.random.default_rng(0)
    shapes = ([2, 3], [4], [3, 3], [5, 1], [1, 7], [2])
    weights = [tf.Variable(draw.standard_normal(s), dtype=tf.float32) for s in shapes]
    gradients = [tf.constant(draw.standard_normal(s), tf.float32) for s in shapes]
    found = optimizer.trust_ratios(optimizer.LARS(0.3, 0.9, 0.2, 0.05), gradients, weights)
    ratios = sorted(
        0.05 * np.linalg.norm(w) / np.linalg.norm(g + 0.2 * w)
        for w, g in zip(weights, gradients, strict=True)
        if w.shape.rank == 2
    )
    expected = {"trust_min": ratios[0], "trust_median": ratios[2], "trust_max": ratios[3]}
    assert {name: float(ratio) for name, ratio in found.items()} == pytest.approx(expected)
    with pytest.raises(ValueError, match="longer"):
        optimizer.trust_ratios(optimizer.LARS(0.3), gradients[:-1], weights)
    sgd = optimizer.make_optimizer("sgd", 0.3, 0.9, 0.2, 0.05)
    assert optimizer.trust_ratios(sgd, gradients, weights) == {}


@pytest.mark.parametrize("name", ["lars", "sgd", "adam", "lamb"])
def test_the_rate_is_that_of_the_next_step_after_a_skipped_one_too(name):
    weight = tf.Variable([[1.0, 2.0]], name="kernel")
    rate = schedule.WarmUpCosine(0.1, 2, 8)
    chosen = compat.loss_scaling(optimizer.make_optimizer(name, rate, 0.0, 0.0, 1.0))
    compat.build_optimizer(chosen, [weight])
    for gradient in (1.0, np.inf, 1.0, np.inf, np.inf, 1.0):
        before, steps = weight.numpy(), int(compat.inner(chosen).iterations)
        told = float(compat.learning_rate(chosen))
        assert told == float(rate(steps))
        compat.apply_sums(chosen, [tf.fill([1, 2], gradient)], [weight])
        if np.isinf(gradient):
            np.testing.assert_array_equal(weight, before)
        elif name == "sgd":
            np.testing.assert_allclose(before - weight, [[told, told]], rtol=1e-4)


def test_a_rate_that_is_a_number_is_told_as_it_is():
    chosen = optimizer.make_optimizer("sgd", 0.25, 0.9, 0.0, 0.001)
    assert float(compat.learning_rate(chosen)) == 0.25


def test_a_checkpoint_of_lamb_holds_steps_means_and_squares():
    """In the order of former versions, whose LAMB was an optimizer of our own."""
    weights = [tf.Variable(tf.ones([2, 3]), name="kernel"), tf.Variable(tf.ones([3]), name="bias")]
    lamb = optimizer.make_optimizer("lamb", schedule.WarmUpCosine(0.1, 2, 6), 0.9, 0.0, 0.001)
    compat.build_optimizer(lamb, weights)
    compat.apply_sums(lamb, [tf.fill(w.shape, 2.0) for w in weights], weights)
    steps, *slots = compat.optimizer_variables(lamb)
    assert int(steps) == 1
    assert [tuple(slot.shape) for slot in slots] == [(2, 3), (3,), (2, 3), (3,)]
    for slot, expected in zip(slots, (0.2, 0.2, 0.004, 0.004), strict=True):
        np.testing.assert_allclose(slot, np.full(slot.shape, expected), rtol=1e-4)


def test_each_weight_decays_or_not():
    encoder = build_encoder("resnet18", 0.125, 32)
    weights = encoder.trainable_variables
    decaying = [weight for weight in weights if optimizer.decays(weight)]
    excluded = [weight for weight in weights if not optimizer.decays(weight)]
    assert {id(v) for v in decaying}.isdisjoint(id(v) for v in excluded)
    assert len(decaying) + len(excluded) == len(encoder.trainable_variables)
    assert all("conv" in compat.path(v) and "kernel" in v.name for v in decaying)
    assert all("bn" in compat.path(v) for v in excluded)


@pytest.mark.parametrize("name", ["resnet18", "bit_resnet50"])
def test_excluded_names_are_those_of_rank_1(name):
    """Adam and LAMB exclude by name, LARS and SGD by rank: they must agree."""
    encoder = build_encoder(name, 0.125, 32)
    head = heads.build_projection_head(encoder.output_shape[-1], 2, 8)
    for variable in (*encoder.trainable_variables, *head.trainable_variables):
        named = any(part in variable.name for part in optimizer.EXCLUDED)
        assert named != optimizer.decays(variable), variable.name


@pytest.mark.parametrize("name", ["lars", "sgd", "adam", "lamb"])
def test_every_optimizer_lowers_a_loss(name):
    model = heads.build_classifier(4, 3)
    model.get_layer("logits").kernel.assign(np.random.default_rng(0).standard_normal([4, 3]))
    chosen = optimizer.make_optimizer(name, 0.05, 0.9, 1e-6, 0.1)
    compat.build_optimizer(chosen, model.trainable_variables)
    x = tf.constant(np.random.default_rng(1).standard_normal([30, 4]), tf.float32)
    targets = tf.one_hot(np.arange(30) % 3, 3)
    losses = []
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = objective.summed_loss(targets, model(x), "multiclass")
        variables = model.trainable_variables
        compat.apply_sums(chosen, tape.gradient(loss, variables), variables)
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]


def test_what_is_not_given_is_as_in_the_codes_of_simclr():
    content = optimizer.LARS(0.3).get_config()
    assert (content["momentum"], content["trust_coefficient"]) == (0.9, 0.001)
    plain = optimizer.MomentumOptimizer(0.3).get_config()
    assert plain["momentum"] == 0.9 and plain["weight_decay"] == content["weight_decay"] == 0
    names = [optimizer.make_optimizer(n, 0.3, 0.9, 0.0, 0.1).name for n in ("lars", "sgd")]
    assert names == ["LARS", "SGD"]


def test_momentum_without_trust_equals_keras():
    a, b = tf.Variable([[1.0, 2.0]]), tf.Variable([[1.0, 2.0]])
    ours = optimizer.make_optimizer("sgd", 0.1, 0.9, 0.0, 0.001)
    keras_sgd = keras.optimizers.SGD(0.1, 0.9)
    for step in range(5):
        gradient = tf.constant([[1.0, -step]])
        ours.apply_gradients([(gradient, a)])
        keras_sgd.apply_gradients([(gradient, b)])
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(
    "made", [optimizer.LARS(0.3, 0.8, 0.1, 0.01), optimizer.MomentumOptimizer(0.3, 0.8, 0.1, "SGD")]
)
@pytest.mark.parametrize("rate", [0.25, schedule.WarmUpCosine(0.1, 2, 6)])
def test_an_optimizer_comes_back_from_its_configuration(made, rate):
    made = type(made).from_config(made.get_config() | {"learning_rate": rate})
    content = keras.optimizers.serialize(made)
    copy = keras.optimizers.deserialize(deepcopy(content))  # Keras changes it
    assert type(copy) is type(made) and keras.optimizers.serialize(copy) == content
    weights = [tf.Variable([[1.0, 2.0]]), tf.Variable([[1.0, 2.0]])]
    for each, weight in zip((made, copy), weights, strict=True):
        for _ in range(3):
            each.apply_gradients([(tf.constant([[0.5, 1.0]]), weight)])
    np.testing.assert_array_equal(*weights)


def test_training_a_compiled_model_and_loading_it(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=[3])])
    model.compile(optimizer=optimizer.LARS(0.3), loss="mse")
    model.fit(np.ones([4, 3]), np.zeros([4, 2]), verbose=0)
    model.save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    assert isinstance(copy.optimizer, optimizer.LARS)
    for one, other in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def lamb_steps(strategy, scaled, gradients, state=None):
    """Return all that LAMB leaves after steps by `gradients`, of the sum over the replicas."""
    with strategy.scope():
        weight = tf.Variable([[1.0, 2.0, 3.0]], name="kernel")
        rate = schedule.WarmUpCosine(0.1, 2, 9)
        lamb = optimizer.make_optimizer("lamb", rate, 0.9, 0.1, 0.001)
        lamb = compat.loss_scaling(lamb) if scaled else lamb
        compat.build_optimizer(lamb, [weight])
        variables = [weight, *compat.optimizer_variables(lamb)]
        for variable, value in zip(variables, state or [], strict=False):
            variable.assign(value)
        step = distribute.compiled(lambda g: compat.apply_sums(lamb, [g], [weight]), strategy)
        for gradient in gradients:
            step(tf.constant(gradient))
        return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("scaled", [False, True])
def test_lamb_takes_one_step_on_two_replicas_and_resumes(scaled):
    one, gradients = (
        tf.distribute.get_strategy(),
        np.float32([[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 0]]]),
    )
    given = {"data_dir": "a", "work_dir": "b", "strategy": "mirrored", "cpu_devices": 2}
    settings = make_config("pretrain", given)
    two = distribute.strategy_of(settings.distribute)
    whole = lamb_steps(one, scaled, gradients)
    state = lamb_steps(one, scaled, gradients[:2])
    for other in (
        lamb_steps(two, scaled, gradients),
        lamb_steps(one, scaled, gradients[2:], state),
    ):
        for value, expected in zip(other, whole, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-6)
