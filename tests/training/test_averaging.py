"""Averages of weights: what they are, and that a run is known by them."""

import csv
import json
import shutil
import types

import keras
import numpy as np
import pytest
from kill_runs import same, weights

from simclr_med import compat, distribute
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.config.sections.training import TrainConfig
from simclr_med.encoders import checkpoint, networks
from simclr_med.modes import evaluate
from simclr_med.training.heads import train_head
from simclr_med.training.loop import averaging

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16}
EMA = {"weight_averaging": "ema", "ema_decay": 0.6, "steps": 4, "save_every": 1}
EMA |= {"keep_checkpoints": 4, "validate_every": 2, "keep": "best", "choose_by": "loss"}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def trained(data_dir, work_dir, **given):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL, **given}
    train_head.run(make_config("finetune", given))
    return work_dir


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    return trained(data_dir, tmp_path_factory.mktemp("ema") / "run", **EMA)


def at_step(work_dir, step):
    with np.load(work_dir / "checkpoints" / str(step) / "variables.npz") as saved:
        return dict(saved)


def test_the_moving_average_is_that_of_the_steps_weights_statistics_too(run):
    kept = [at_step(run, step) for step in (1, 2, 3, 4)]
    names = [name for name in kept[0] if name.startswith(("encoder/", "projection/", "head/"))]
    assert any("moving_mean" in name for name in names)
    for last in (1, 2, 3, 4):
        counts = 0.6 ** np.arange(last)[::-1]
        for name in names:
            steps = [step[f"trained/{name}"] for step in kept[:last]]
            expected = np.average(steps, axis=0, weights=counts)
            np.testing.assert_allclose(kept[last - 1][name], expected, rtol=1e-5, atol=1e-6)


def test_training_is_what_it_is_without_an_average(run, data_dir, tmp_path):
    given = {"steps": 2, "save_every": 1, "schedule": "constant"}
    plain = weights(trained(data_dir, tmp_path / "plain", **given))
    mean = weights(
        trained(data_dir, tmp_path / "mean", **given, weight_averaging="swa", swa_start=0.0)
    )
    of_training = {name: mean.get(f"trained/{name}", mean[name]) for name in plain}
    assert same(plain, of_training)
    first = at_step(tmp_path / "plain", 1)
    name = "head/logits/kernel"
    np.testing.assert_allclose(mean[name], (first[name] + plain[name]) / 2, rtol=1e-5)


def test_a_run_goes_on_with_its_averages(run, data_dir, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    for step in (3, 4):
        shutil.rmtree(copy / "checkpoints" / str(step))
    trained(data_dir, copy, **EMA)
    assert same(weights(run), weights(copy))


def test_the_averages_are_validated_kept_and_evaluated(run, capsys):
    with open(run / "log.csv", newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    evaluate(for_existing_run("evaluate", str(run), {"eval_splits": ("validation",)}))
    result = json.loads((run / "metrics.json").read_text())["splits"]["validation"]
    step = result["weights"]["step"]
    assert result["weights"]["averaging"] == "ema"
    assert "the best on validation (loss " in (said := capsys.readouterr().out)
    assert "), averaged (ema)" in said
    told = float(rows[step]["validation_auc"])
    assert result["metrics"]["auc"]["value"] == pytest.approx(told, abs=1e-4)
    _, _, nets = networks.load_trained(run)
    kept = at_step(run, step)
    assert all(
        np.array_equal(v, kept[n]) for n, v in checkpoint.values_of(nets.variables()).items()
    )
    assert not any(name.startswith("trained/") for name in at_step(run / "best", step))


def averages_of(steps, share, strategy):
    """Return the averages of scalar weights after each step, as the callback has them."""
    with strategy.scope():
        layers = [keras.layers.Dense(1, use_bias=False) for _ in range(2)]
        for layer in layers:
            layer.build([None, 1])
    both = [layer.kernel for layer in layers]
    (average,) = compat.tf_variables([both[1]])
    nets, averaged = (types.SimpleNamespace(variables=lambda v=v: {"w": v}) for v in both)
    callback = averaging.AveragedWeights(nets, averaged, share)
    callback.set_model(types.SimpleNamespace(distribute_strategy=strategy))
    callback.set_params({"start_step": 0})
    callback.on_train_begin()
    found = []
    with strategy.scope():
        for step, value in enumerate(steps, 1):
            both[0].assign([[value]])
            callback.after_step(step, {})
            found.append(
                [copy.numpy().item() for copy in strategy.experimental_local_results(average)]
            )
    return np.array(found)


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_mean_is_that_of_the_steps_after_the_start_and_before_it_the_step_s_own(replicas):
    settings = DistributeConfig(strategy="mirrored", cpu_devices=2)
    strategy = distribute.strategy_of(settings if replicas == 2 else DistributeConfig())
    settings = TrainConfig(steps=8, weight_averaging="swa", swa_start=0.5)
    values = np.random.default_rng(0).standard_normal(8)
    found = averages_of(values, averaging.share_of(settings), strategy)
    expected = [*values[:4], *(values[4:last].mean() for last in (5, 6, 7, 8))]
    assert found.shape == (8, replicas)
    np.testing.assert_allclose(found, np.tile(expected, [replicas, 1]).T, rtol=1e-5)
    np.testing.assert_array_equal(found[:4, 0], np.float32(values[:4]))


def test_without_averaging_there_is_no_share():
    assert averaging.share_of(TrainConfig()) is None
