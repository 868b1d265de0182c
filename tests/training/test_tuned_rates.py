"""What fine-tuning moves, and how far: every weight, each level of the network at its own rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import simclr_med
from simclr_med import compat, distribute
from simclr_med.config.checked_config import make_config
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.encoders import networks
from simclr_med.training.models.rate_factors import ScaledSteps, rate_factors
from simclr_med.training.run_setup import configured_optimizer

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 8}
NORMAL = {"head_init": "normal", "zero_init": False, "schedule": "constant"}  # all moves at once

pytestmark = pytest.mark.usefixtures("short_encoders")


def config_of(**more):
    return make_config("finetune", {"data_dir": "unused", "work_dir": "unused", **SMALL, **more})


def moved(steps=1, frozen=False, **more):
    """Return how far each weight is moved by steps, by its name in a checkpoint, and `Networks`."""
    config = config_of(**more)
    nets = networks.build(config, 3)
    network = keras.Model(nets.inputs.inputs, nets.head(nets.inputs.outputs[0]))
    rates = rate_factors(nets, config.optimizer.head_rate, config.optimizer.layer_decay)
    statistics = "frozen" if frozen else "batch"
    model = simclr_med.SupervisedModel(network, bn_statistics=statistics, rate_factors=rates)
    model.compile(configured_optimizer(config))
    draw = np.random.default_rng(0)
    images = tf.constant(draw.random([8, 32, 32, 3]), tf.float32)
    batch = {"images": images, "targets": tf.one_hot(np.arange(8) % 3, 3)}
    before = {name: v.numpy() for name, v in nets.variables().items()}
    for _ in range(steps):
        model.train_step(batch)
    return {name: v.numpy() - before[name] for name, v in nets.variables().items()}, nets


def test_every_weight_that_the_head_reads_is_moved():
    by, nets = moved(steps=4, learning_rate=0.1)
    still = {name for name, change in by.items() if not change.any()}
    assert still == {name for name in by if name.startswith("projection/")}
    by, _ = moved(steps=4, learning_rate=0.1, head_input="projection1")
    still = {name for name, change in by.items() if not change.any()}
    assert still and all(name.startswith("projection/projection2") for name in still)


def test_frozen_statistics_stay_bit_for_bit_while_all_weights_move():
    by, _ = moved(steps=4, frozen=True, learning_rate=1.0, **NORMAL)
    still = {name for name, change in by.items() if not change.any()}
    statistics = {name for name in by if "/moving_" in name}
    assert statistics and still == statistics | {n for n in by if n.startswith("projection/")}


@pytest.mark.parametrize("optimizer", ["sgd", "lars", "adam", "lamb"])
def test_the_first_step_of_each_level_is_that_of_the_plain_rate_times_its_factor(optimizer):
    given = NORMAL | {"optimizer": optimizer, "weight_decay": 0.01, "head_input": "projection1"}
    plain, _ = moved(**given)
    by, _ = moved(**given, head_rate=8.0, layer_decay=0.5)
    expected = {
        "head/": 8, "projection/": 0.5, "encoder/stage4": 0.25, "encoder/stage3": 0.125,
        "encoder/stage2": 1 / 16, "encoder/stage1": 1 / 32, "encoder/stem": 1 / 64,
    }  # fmt: skip
    for prefix, factor in expected.items():
        names = [n for n in plain if n.startswith(prefix) and "moving" not in n and plain[n].any()]
        assert names
        for name in names:
            # Weights of size 1 are kept to 6e-8, steps short or long.
            allowed = 1e-3 * np.abs(plain[name]).max() + 2e-7 * max(1, 1 / factor)
            np.testing.assert_allclose(by[name] / factor, plain[name], rtol=0, atol=allowed)


def test_levels_that_the_head_does_not_read_do_not_count():
    nets = networks.build(config_of(head_input="stage2"), 3)
    found = rate_factors(nets, head_rate=1.0, layer_decay=0.5)
    assert {factor for path, factor in found.items() if "stage2" in path} == {0.5}
    assert {factor for path, factor in found.items() if "stem" in path} == {0.125}
    assert not any("stage3" in path for path in found)
    assert rate_factors(nets) == {}


def test_every_weight_of_an_encoder_of_bit_has_a_level():
    nets = networks.build(config_of(encoder="bit_resnet50", bag="attention"), 3)
    found = rate_factors(nets, head_rate=2.0, layer_decay=0.5)
    trained = [
        weight
        for part in (nets.inputs, nets.head, nets.attention)
        for weight in part.trainable_weights
    ]
    assert len(found) == len(trained) and set(found.values()) == {2, *(0.5**i for i in range(1, 6))}


def test_replicas_scale_their_copies_alike():
    strategy = distribute.strategy_of(DistributeConfig(strategy="mirrored", cpu_devices=2))
    with strategy.scope():
        layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
        layer.build([None, 1])
    factors = {compat.path(layer.kernel): 0.5}
    variables = compat.tf_variables([layer.kernel])

    def step():
        steps = ScaledSteps([layer.kernel], factors)
        distribute.assign_each(variables, [tf.constant([[3.0, 0.0]])])
        steps.scale()

    distribute.compiled(step, strategy)()
    for copy in strategy.experimental_local_results(variables[0]):
        np.testing.assert_array_equal(copy, [[2.0, 0.5]])


def test_a_head_starts_at_zero_or_at_small_numbers_and_the_encoder_where_it_did():
    kernels, stems = [], []
    for init in ("zeros", "normal"):
        nets = networks.build(config_of(head_init=init), 40)
        kernels.append(nets.head.get_layer("logits").kernel.numpy())
        stems.append(nets.encoder.get_layer("stem_conv").kernel.numpy())
    assert not kernels[0].any() and 0.009 < kernels[1].std() < 0.011
    np.testing.assert_array_equal(*stems)
