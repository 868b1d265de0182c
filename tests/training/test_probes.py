"""Many probes as one problem, against a loop in NumPy, our single probe, and scikit-learn."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from kill_runs import weights
from sklearn.linear_model import LogisticRegression

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.encoders import heads, networks
from simclr_med.errors import InputError
from simclr_med.modes import evaluate
from simclr_med.training import features
from simclr_med.training.heads import exact_probe, head_loss, train_head
from simclr_med.training.heads.batched_probes import Group, Schedule, train_probes
from simclr_med.training.heads.probe_units import batch_rows
from simclr_med.training.models import objective
from simclr_med.training.models.optimizer import make_optimizer
from simclr_med.training.models.schedule import WarmUpCosine

M, D, K, BATCH, STEPS = 60, 7, 3, 8, 23
RATES, DECAYS = (0.3, 0.03, 0.3), (0.0, 0.1, 0.1)
SCHEDULE = Schedule(BATCH, STEPS, 0.9, WarmUpCosine(1.0, 4, STEPS))


def examples(task):
    draw = np.random.default_rng(3)
    x = (draw.standard_normal([M, D]) * draw.uniform(0.1, 9, D) + 2).astype(np.float32)
    if task == "multiclass":
        y = np.eye(K, dtype=np.float32)[draw.integers(0, K, M)]
        y[:10, 0] = 1  # several primary diagnoses
    else:
        y = draw.integers(0, 2, [M, K]).astype(np.float32)
        y[draw.random([M, K]) < 0.3] = np.nan
    return x, y


def slope(y, logits, task):
    if task == "multiclass":
        p = np.exp(logits - logits.max(1, keepdims=True))
        return (p / p.sum(1, keepdims=True) - y / y.sum(1, keepdims=True)) / len(y)
    known = ~np.isnan(y)
    return np.where(known, 1 / (1 + np.exp(-logits)) - np.nan_to_num(y), 0) / known.sum()


def smoothed(y, share, task):
    """Targets of which a share is spread, as others that the plain loss takes."""
    if task == "multiclass":
        return (1 - share) * y / y.sum(1, keepdims=True) + share / K
    return (1 - share) * y + share / 2


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_probe_whose_last_step_leaves_no_numbers_has_diverged(task):
    """The loss of that step is of the weights before it."""
    x, y = examples(task)
    group = Group(np.arange(M), 0, (0.1, 3e38), (0.0, 0.0))
    schedule = Schedule(BATCH, 1, 0.9, lambda step: 1e3 * tf.ones_like(step))
    probes = train_probes(x, y, [group], task, schedule)
    assert probes.diverged.tolist() == [[0, 1]]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_label_smoothing_is_learning_from_smooth_targets(task):
    x, y = examples(task)
    groups = [Group(np.arange(M), 0, RATES, DECAYS)]
    smooth = dataclasses.replace(SCHEDULE, label_smoothing=0.3)
    found = train_probes(x, y, groups, task, smooth)
    expected = train_probes(x, smoothed(y, 0.3, task), groups, task, SCHEDULE)
    np.testing.assert_allclose(found.kernels, expected.kernels, atol=1e-5)


def test_each_group_has_the_class_weights_of_its_rows_and_findings_may_be_focal():
    """A group's probe is that of a loop of single steps by the loss that fine-tuning has."""
    x, y = examples("multilabel")
    parts = [np.arange(M), np.arange(0, M, 3)]
    each = [head_loss.class_weights(y[rows], "multilabel", "balanced") for rows in parts]
    groups = [Group(rows, 0, RATES[:2], DECAYS[:2], w) for rows, w in zip(parts, each, strict=True)]
    schedule = dataclasses.replace(SCHEDULE, focal_gamma=2.0)
    found = train_probes(x, y, groups, "multilabel", schedule)
    for g, (rows, weights_of_rows) in enumerate(zip(parts, each, strict=True)):
        z, targets = standardised(x[rows]).astype(np.float32), y[rows]
        variables = [tf.Variable(tf.zeros([D, K])), tf.Variable(tf.zeros([K]))]
        sgd = make_optimizer("sgd", WarmUpCosine(RATES[0], 4, STEPS), 0.9, DECAYS[0], 0.0)
        for some in batch_rows(len(rows), BATCH, 0, 0, STEPS):
            with tf.GradientTape() as tape:
                logits = z[some] @ variables[0] + variables[1]
                loss = objective.summed_loss(
                    targets[some],
                    logits,
                    "multilabel",
                    focal_gamma=2.0,
                    class_weights=weights_of_rows,
                ) / objective.labelled_count(targets[some], "multilabel")
            sgd.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        np.testing.assert_allclose(found.kernels[g, :, 0], variables[0], atol=2e-5)
    plain = train_probes(x, y, groups, "multilabel", SCHEDULE)
    assert np.abs(plain.kernels - found.kernels).max() > 1e-2


def one_by_hand(x, y, rate, decay, seed, task):
    """Kernel and bias of one probe: SGD with the rate in its momentum, in float64."""
    x = (x.astype(float) - x.mean(0, dtype=float)) / x.std(0, dtype=float)
    kernel, bias = np.zeros([D, K]), np.zeros(K)
    velocity = [np.zeros([D, K]), np.zeros(K)]
    for step, rows in enumerate(batch_rows(len(x), BATCH, seed, 0, STEPS)):
        share = (step - 4) / (STEPS - 4)
        now = rate * (step / 4 if step < 4 else 0.5 * (1 + np.cos(np.pi * share)))
        g = slope(y[rows], x[rows] @ kernel + bias, task)
        velocity[0] = 0.9 * velocity[0] + now * (x[rows].T @ g + decay * kernel)
        velocity[1] = 0.9 * velocity[1] + now * g.sum(0)
        kernel, bias = kernel - velocity[0], bias - velocity[1]
    return kernel, bias


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_each_of_many_is_what_it_would_be_alone(task):
    x, y = examples(task)
    parts = [(np.arange(M), 0), (np.arange(M), 1), (np.arange(0, M, 3), 1)]
    groups = [Group(rows, seed, RATES, DECAYS) for rows, seed in parts]
    probes = train_probes(x, y, groups, task, SCHEDULE)
    assert not probes.diverged.any()
    for g, (rows, seed) in enumerate(parts):
        for s, (rate, decay) in enumerate(zip(RATES, DECAYS, strict=True)):
            kernel, bias = one_by_hand(x[rows], y[rows], rate, decay, seed, task)
            np.testing.assert_allclose(probes.kernels[g, :, s], kernel, atol=2e-5)
            np.testing.assert_allclose(probes.biases[g, s], bias, atol=2e-5)
            z = (x - x[rows].mean(0)) / x[rows].std(0)
            found = probes.logits(x, g)[s]
            np.testing.assert_allclose(found, z @ kernel + bias, atol=3e-4)
    assert np.abs(probes.kernels[0] - probes.kernels[1]).max() > 1e-3


def test_one_that_diverges_is_told_and_leaves_the_others_alone():
    x, y = examples("multiclass")
    rows = np.arange(M)
    alone = train_probes(x, y, [Group(rows, 0, (0.3,), (0.0,))], "multiclass", SCHEDULE)
    both = train_probes(x, y, [Group(rows, 0, (1e38, 0.3), (9.0, 0.0))], "multiclass", SCHEDULE)
    assert 1 < both.diverged[0, 0] < STEPS and both.diverged[0, 1] == 0
    np.testing.assert_allclose(both.kernels[0, :, 1], alone.kernels[0, :, 0], rtol=1e-4, atol=1e-6)


def test_a_batch_larger_than_a_group_is_refused():
    x, y = examples("multiclass")
    with pytest.raises(InputError, match="--batch_size=8 exceeds the 5 that a group learns from"):
        train_probes(x, y, [Group(np.arange(5), 0, RATES, DECAYS)], "multiclass", SCHEDULE)


def test_one_of_many_is_our_single_probe(data_dir, tmp_path, shortest_encoder):
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "run"), "encoder": "resnet18"}
    given |= {"width": 0.125, "image_size": 32, "batch_size": 16, "steps": 9}
    config = make_config("linear_probe", given | {"learning_rate": 0.2, "weight_decay": 0.01})
    train_head.run(config)
    single = weights(tmp_path / "run")
    cases = manifest.read(data_dir).cases(["train"]).each_image_alone()
    seen = features.extract(networks.build(config, K).inputs, cases.paths, config)
    group = Group(np.arange(len(seen)), 0, (0.2,), (0.01,))
    schedule = Schedule(16, 9, 0.9, WarmUpCosine(1.0, 0, 9))
    probes = train_probes(seen, cases.targets, [group], "multiclass", schedule)
    np.testing.assert_allclose(probes.kernels[0, :, 0], single["head/logits/kernel"], atol=1e-5)
    np.testing.assert_allclose(probes.biases[0, 0], single["head/logits/bias"], atol=1e-5)
    np.testing.assert_allclose(probes.means[0], single["head/normalization/mean"], rtol=1e-4)


def standardised(x):
    mean, variance = heads.moments(x)
    return (x - mean) / np.sqrt(variance)


def test_the_exact_solution_is_scikit_learn_s_of_classes():
    x, y = examples("multiclass")
    x, y = standardised(x)[10:], y[10:]  # each of one class
    kernel, bias = exact_probe.solve(x, y, 0.05, "multiclass", 500)
    oracle = LogisticRegression(C=1 / (0.05 * len(x)), tol=1e-10, max_iter=10000)
    oracle.fit(x, y.argmax(1))
    np.testing.assert_allclose(kernel, oracle.coef_.T, atol=1e-4)
    np.testing.assert_allclose(bias - bias.mean(), oracle.intercept_, atol=1e-4)


def test_the_exact_solution_has_scikit_learn_s_balanced_classes():
    x, y = examples("multiclass")
    x, y = standardised(x)[10:], y[10:]
    y[np.flatnonzero(y[:, 0])[:9]] = [0, 1, 0]  # skewed
    balanced = head_loss.class_weights(y, "multiclass", "balanced")
    kernel, _ = exact_probe.solve(x, y, 0.05, "multiclass", 500, balanced)
    oracle = LogisticRegression(
        C=1 / (0.05 * len(x)), class_weight="balanced", tol=1e-10, max_iter=10000
    )
    np.testing.assert_allclose(kernel, oracle.fit(x, y.argmax(1)).coef_.T, atol=1e-4)


@pytest.mark.parametrize("kind", ["none", "balanced"])
def test_the_exact_solution_is_scikit_learn_s_of_findings_that_are_known(kind):
    x, y = examples("multilabel")
    x, known = standardised(x), ~np.isnan(y)
    weights = head_loss.class_weights(y, "multilabel", kind)
    kernel, bias = exact_probe.solve(x, y, 0.05, "multilabel", 500, weights)
    for k in range(K):
        oracle = LogisticRegression(
            C=1 / (0.05 * known.sum()),
            class_weight=None if kind == "none" else kind,
            tol=1e-10,
            max_iter=10000,
        )
        oracle.fit(x[known[:, k]], y[known[:, k], k])
        np.testing.assert_allclose(kernel[:, k], oracle.coef_[0], atol=1e-4)
        np.testing.assert_allclose(bias[k], oracle.intercept_[0], atol=1e-4)


def test_sgd_with_time_comes_to_the_exact_solution_of_several_diagnoses():
    x, y = examples("multiclass")
    schedule = Schedule(M, 3000, 0.9, WarmUpCosine(1.0, 0, 3000))
    group = Group(np.arange(M), 0, (0.1,), (0.05,))
    probes = train_probes(x, y, [group], "multiclass", schedule)
    kernel, _ = exact_probe.solve(standardised(x), y, 0.05, "multiclass", 500)
    np.testing.assert_allclose(probes.kernels[0, :, 0], kernel, atol=1e-3)


def test_too_few_iterations_are_told(capsys):
    x, y = examples("multiclass")
    exact_probe.solve(standardised(x), y, 1e-6, "multiclass", 2)
    assert "not solved exactly within --steps=2" in capsys.readouterr().err


def exact(data_dir, work_dir, **more):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), "encoder": "resnet18"}
    given |= {"width": 0.125, "image_size": 32, "steps": 300, "solver": "lbfgs"}
    return make_config("linear_probe", given | {"weight_decay": 0.1} | more)


def test_an_exact_probe_is_a_run_that_can_be_evaluated(
    data_dir, tmp_path, shortest_encoder, capsys
):
    config = exact(data_dir, tmp_path / "run")
    train_head.run(config)
    there = weights(tmp_path / "run")
    cases = manifest.read(data_dir).cases(["train"]).each_image_alone()
    seen = features.extract(networks.build(config, K).inputs, cases.paths, config)
    kernel, _ = exact_probe.solve(standardised(seen), cases.targets, 0.1, "multiclass", 300)
    np.testing.assert_allclose(there["head/logits/kernel"], kernel, atol=1e-3)
    train_head.run(config)
    assert "run: its 300 steps were done already" in capsys.readouterr().out
    evaluate(for_existing_run("evaluate", str(tmp_path / "run"), {"bootstrap_replicates": 40}))
    assert (tmp_path / "run" / "predictions" / "test.csv").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"learning_rate": 0.5}, "--learning_rate has no effect .* --solver=sgd"),
        ({"batch_size": 8}, "--batch_size has no effect .* --solver=sgd"),
        ({"validate_every": 8}, "--validate_every has no effect .* --solver=sgd"),
        ({"weight_decay": 0.0}, "--weight_decay=0.0: expected above 0 with --solver=lbfgs"),
    ],
)
def test_what_an_exact_probe_has_not_is_refused(more, message):
    with pytest.raises(InputError, match=message):
        exact("a", "b", **more)
