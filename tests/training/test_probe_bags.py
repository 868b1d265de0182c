"""Probes of cases as bags: against NumPy written out, alone, at once and exactly solved."""

import numpy as np
import pandas as pd
import pytest
from kill_runs import weights
from scipy.special import expit, softmax

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.encoders import heads, networks
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.modes import evaluate
from simclr_med.training import features
from simclr_med.training.heads import exact_probe, probe_units, train_head
from simclr_med.training.heads.batched_probes import Group, Schedule, train_probes
from simclr_med.training.heads.probe_units import batch_rows
from simclr_med.training.models.schedule import WarmUpCosine
from simclr_med.training.sweep import train_sweep

D, K, BATCH, STEPS, RATES, DECAY = 5, 3, 4, 12, (0.3, 0.03), 0.01
OFFSETS = np.array([0, 1, 4, 6, 7, 9, 12, 14, 15, 18])  # nine cases of one to three images
SCHEDULE = Schedule(BATCH, STEPS, 0.9, WarmUpCosine(1.0, 3, STEPS))
SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16, "steps": 9}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def examples(task):
    draw = np.random.default_rng(5)
    x = draw.standard_normal([OFFSETS[-1], D]).astype(np.float32) * 2 + 1
    if task == "multiclass":
        y = np.eye(K, dtype=np.float32)[draw.integers(0, K, len(OFFSETS) - 1)]
        y[:2, 0] = 1
    else:
        y = draw.integers(0, 2, [len(OFFSETS) - 1, K]).astype(np.float32)
        y[1:4, 1] = np.nan
    return x, y


def slopes(y, logits, task):
    """Slopes of -log of the mean of probabilities of one case, by its images' logits `[n, K]`."""
    if task == "multiclass":
        p = softmax(logits, axis=1)
        pull = y / y.sum() / p.mean(axis=0)  # [K]
        return -p * (pull - (p @ pull)[:, None]) / len(p)
    p = expit(logits)
    mean = p.mean(axis=0)
    return np.where(np.isnan(y), 0, (mean - y) / (mean * (1 - mean)) * p * (1 - p) / len(p))


def by_hand(x, y, units, rate, task):
    """Kernel and bias of one probe that learns from means of probabilities, in float64."""
    own = np.concatenate([np.arange(OFFSETS[u], OFFSETS[u + 1]) for u in units])
    x = (x - x[own].mean(0, dtype=float)) / x[own].std(0, dtype=float)
    parameters = [np.zeros([D, K]), np.zeros(K)]
    velocity = [np.zeros([D, K]), np.zeros(K)]
    for step, some in enumerate(batch_rows(len(units), BATCH, 0, 0, STEPS)):
        cosine = 0.5 * (1 + np.cos(np.pi * (step - 3) / (STEPS - 3)))
        now = rate * (step / 3 if step < 3 else cosine)
        batch = units[some]
        count = BATCH if task == "multiclass" else (~np.isnan(y[batch])).sum()
        gradient = [DECAY * parameters[0], np.zeros(K)]
        for case in batch:
            rows = x[OFFSETS[case] : OFFSETS[case + 1]]
            slope = slopes(y[case], rows @ parameters[0] + parameters[1], task) / count
            gradient = [gradient[0] + rows.T @ slope, gradient[1] + slope.sum(axis=0)]
        velocity = [0.9 * v + now * g for v, g in zip(velocity, gradient, strict=True)]
        parameters = [p - v for p, v in zip(parameters, velocity, strict=True)]
    return parameters


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_probes_at_once_learn_from_the_mean_of_probabilities(task):
    x, y = examples(task)
    parts = [np.arange(9), np.array([0, 1, 3, 5, 8])]
    groups = [Group(units, 0, RATES, (DECAY, DECAY)) for units in parts]
    probes = train_probes(x, y, groups, task, SCHEDULE, OFFSETS)
    for g, units in enumerate(parts):
        for s, rate in enumerate(RATES):
            kernel, bias = by_hand(x, y, units, rate, task)
            np.testing.assert_allclose(probes.kernels[g, :, s], kernel, atol=2e-5)
            np.testing.assert_allclose(probes.biases[g, s], bias, atol=2e-5)


def test_units_of_the_mean_of_features_are_rows_of_means():
    x, _ = examples("multiclass")
    rows, offsets = probe_units.rows_of(x, OFFSETS, "features")
    expected = [x[a:b].mean(axis=0) for a, b in zip(OFFSETS, OFFSETS[1:], strict=False)]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    np.testing.assert_array_equal(offsets, np.arange(10))
    members, counted = probe_units.members(OFFSETS)
    assert members[4].tolist() == [7, 8, 8] and counted[4].tolist() == [True, True, False]


@pytest.mark.parametrize("bag", ["features", "probabilities"])
def test_a_bag_of_one_image_again_and_again_is_that_image(bag):
    x, y = examples("multiclass")
    x = x[OFFSETS[:-1]]
    groups = [Group(np.arange(9), 0, RATES, (DECAY, DECAY))]
    alone = train_probes(x, y, groups, "multiclass", SCHEDULE)
    rows, offsets = probe_units.rows_of(np.repeat(x, 3, axis=0), np.arange(10) * 3, bag)
    found = train_probes(rows, y, groups, "multiclass", SCHEDULE, offsets)
    np.testing.assert_allclose(found.kernels, alone.kernels, atol=1e-5)


@pytest.fixture(scope="module")
def given(data_dir, tmp_path_factory):
    """Flags of probes that share their features."""
    kept = tmp_path_factory.mktemp("kept")
    return {"data_dir": str(data_dir), "features_dir": str(kept), **SMALL}


@pytest.fixture(scope="module")
def seen(given, data_dir):
    """Cases of training, and their images' features."""
    cases = manifest.read(data_dir).cases(["train"])
    config = make_config("linear_probe", given | {"work_dir": "unused"})
    return cases, features.extract(networks.build(config, K).inputs, cases.paths, config)


@pytest.mark.parametrize("bag", ["features", "probabilities"])
def test_a_sweep_s_chosen_probe_of_bags_is_that_of_an_ordinary_run(bag, given, tmp_path):
    few = {"learning_rates": ("0.1",), "weight_decays": ("0.01",), "label_fractions": ("0.5",)}
    own = {"bag": bag, "work_dir": str(tmp_path / "a"), "seeds": 1, "bootstrap_replicates": 40}
    train_sweep.run(make_config("sweep", given | own | few))
    (folder,) = (tmp_path / "a" / "chosen").iterdir()
    own = {"bag": bag, "work_dir": str(tmp_path / "b"), "label_fraction": 0.5}
    own |= {"learning_rate": 0.1, "weight_decay": 0.01, "validate_every": 9}
    train_head.run(make_config("linear_probe", given | own))
    together, alone = weights(folder), weights(tmp_path / "b")
    for name, value in together.items():
        np.testing.assert_allclose(value, alone[name], atol=1e-4, rtol=1e-4, err_msg=name)
    row = pd.read_csv(tmp_path / "a" / "sweep.csv").iloc[0]
    logged = pd.read_csv(tmp_path / "b" / "log.csv").iloc[-1]
    for name in ("validation_loss", "validation_auc"):
        assert row[name] == pytest.approx(logged[name], abs=2e-4)


def test_an_exact_probe_of_bags_is_solved_on_their_means(given, seen, tmp_path):
    own = {"solver": "lbfgs", "weight_decay": 0.1, "steps": 300, "bag": "features"}
    shared = {name: value for name, value in given.items() if name != "batch_size"}
    train_head.run(make_config("linear_probe", shared | own | {"work_dir": str(tmp_path / "a")}))
    cases, found = seen
    rows, _ = probe_units.rows_of(found, cases.offsets, "features")
    mean, variance = heads.moments(rows)
    x = (rows - mean) / np.sqrt(variance)
    kernel, _ = exact_probe.solve(x, cases.targets, 0.1, "multiclass", 300)
    np.testing.assert_allclose(weights(tmp_path / "a")["head/logits/kernel"], kernel, atol=1e-3)


def test_attention_on_frozen_features_is_evaluated_and_validated_as_it_is_trained(
    given, data_dir, tmp_path
):
    own = {"bag": "attention", "learning_rate": 1.0, "validate_every": 9}
    config = make_config("linear_probe", given | own | {"work_dir": str(tmp_path / "a")})
    train_head.run(config)
    splits = {"eval_splits": ("validation",), "bootstrap_replicates": 40}
    evaluate(for_existing_run("evaluate", str(tmp_path / "a"), splits))
    made = predictions.read(tmp_path / "a" / "predictions" / "validation.csv")
    kept, cases = weights(tmp_path / "a"), manifest.read(data_dir).cases(["validation"])
    found = features.extract(networks.build(config, K).inputs, cases.paths, config)
    mean, variance = (kept[f"head/normalization/{name}"] for name in ("mean", "variance"))
    x = (found - mean) / np.sqrt(variance)
    hidden = np.tanh(x @ kept["attention/attention_hidden/kernel"])
    scores = (hidden @ kept["attention/attention_score/kernel"])[:, 0]
    logits = x @ kept["head/logits/kernel"] + kept["head/logits/bias"]
    expected = [
        softmax(softmax(scores[a:b]) @ logits[a:b])
        for a, b in zip(cases.offsets, cases.offsets[1:], strict=False)
    ]
    assert np.abs(kept["attention/attention_score/kernel"]).max() > 1e-3
    np.testing.assert_allclose(made.probabilities, expected, atol=1e-4)
    logged = pd.read_csv(tmp_path / "a" / "log.csv").iloc[-1]
    right = made.truth[np.arange(len(made.truth)), made.probabilities.argmax(axis=1)].mean()
    assert logged["validation_top1_accuracy"] == pytest.approx(right, abs=1e-5)


@pytest.mark.parametrize(
    ("mode", "more", "message"),
    [
        ("linear_probe", {"bag": "attention", "solver": "lbfgs", "weight_decay": 0.1},
         "--bag=attention is not for --solver=lbfgs: .* expected none or features"),
        ("linear_probe", {"bag": "features", "bag_images": 2}, "--bag_images has no effect"),
        ("sweep", {"bag": "attention"}, "--bag=attention .* --mode=linear_probe"),
    ],
)  # fmt: skip
def test_bags_that_a_probe_has_not_are_refused(mode, more, message):
    with pytest.raises(InputError, match=message):
        make_config(mode, {"data_dir": "a", "work_dir": "b"} | more)


def test_a_batch_is_of_cases(given, seen, tmp_path):
    (cases, found), size = seen, {"batch_size": 70, "work_dir": str(tmp_path / "a")}
    assert len(cases) < 70 < len(found)
    for mode in ("linear_probe", "sweep"):
        config = make_config(mode, given | size | {"bag": "probabilities"})
        run = train_head.run if mode == "linear_probe" else train_sweep.run
        with pytest.raises(InputError, match="--batch_size=70 exceeds the 60 labelled cases"):
            run(config)
