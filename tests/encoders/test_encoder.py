"""Every architecture: its numbers, its place in Keras, its gradients with less memory."""

import argparse
import dataclasses
import functools
import re
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from conftest import ROOT
from shell import run_here

from simclr_med.config import architectures
from simclr_med.encoders import checkpoint, complexity, encoder, heads, recompute
from simclr_med.encoders.encoder import build_encoder

SK = {"resnet_d": True, "selective_kernels": True}
# Millions of parameters and billions of multiply-adds at 224 pixels, without the classifier.
# Parameters: SimCLRv2's table 1 (in the README of google-research/simclr), BiT's of timm's model
# cards less their classifiers (of 2048 width x 1000 + 1000, or x 21843), SimCLR's 375 for 4x.
# Multiply-adds: torchvision's tables; He et al. 2015, table 1 (3.8, 7.6, 11.3 for stride in the
# first 1x1); timm's model cards for BiT.
PUBLISHED = [
    ("resnet18", 1, {}, 11.18, 1.81),
    ("resnet34", 1, {}, 21.28, 3.66),
    ("resnet50", 1, {}, 23.51, 4.09),
    ("resnet50", 1, SK, 35, None),
    ("resnet50_v1", 1, {}, 23.51, 3.86),
    ("wide_resnet50_2_torchvision", 1, {}, 68.88 - 2.05, 11.40),  # less its classifier
    ("bit_resnet50", 3, {"image_size": 448}, 217.3 - 6.145, 145.7),  # normalisation counted too
]
PUBLISHED_DEEP = [
    ("resnet50", 2, {}, 94, None),
    ("resnet101", 1, {}, 42.50, 7.80),
    ("resnet152", 2, {}, 233, None),
    ("resnet50", 4, {}, 375, None),
    ("resnet50", 2, SK, 140, None),
    ("resnet101", 2, {}, 170, None),
    ("resnet101", 1, SK, 65, None),
    ("resnet101", 2, SK, 257, None),
    ("resnet152", 1, {}, 58.14, 11.51),
    ("resnet152", 1, SK, 89, None),
    ("resnet152", 2, SK, 354, None),
    ("resnet152", 3, SK, 795, None),
    ("resnet101_v1", 1, {}, 42.50, 7.6),
    ("resnet101_torchvision", 1, {}, 42.50, 7.80),
    ("wide_resnet101_2_torchvision", 1, {}, 126.89 - 2.05, 22.75),
    ("resnet152_v1", 1, {}, 58.14, 11.3),
    ("bit_resnet50", 1, {}, 68.3 - 44.76, None),
    ("bit_resnet101", 3, {}, 382, None),
]


def check_published(name, width, settings, millions, billions):
    cost = complexity.measure(name, width, **settings)
    assert cost.parameters / 1e6 == pytest.approx(millions, rel=0.015)
    if billions is not None:
        assert cost.multiply_adds / 1e9 == pytest.approx(billions, rel=0.015)


@pytest.mark.parametrize("published", PUBLISHED, ids=str)
def test_parameters_and_multiply_adds_are_the_published_ones(published):
    check_published(*published)


@pytest.mark.slow
@pytest.mark.parametrize("published", PUBLISHED_DEEP, ids=str)
def test_those_of_the_deep_and_wide_ones_too(published):
    check_published(*published)


def test_the_number_in_a_name_is_that_of_its_layers():
    """He et al. 2015, table 1: the stem and the classifier are counted, shortcuts are not."""
    for name, row in architectures.ENCODERS.items():
        layers = 2 + sum(row.blocks) * (3 if row.bottleneck else 2)
        assert int(re.search(r"resnet(\d+)", name)[1]) == layers, name


def described(monkeypatch, capsys, *arguments):
    """What tools/describe_encoder.py prints, and its exit code."""
    code = run_here(["tools/describe_encoder.py", *arguments], monkeypatch)
    return capsys.readouterr(), code


def test_describing_an_encoder(monkeypatch, capsys):
    monkeypatch.setattr(complexity, "measure", functools.cache(complexity.measure))
    one = ["--encoder=resnet18", "--image_size=224", "--batch_size=32", "--teraflops=10"]
    printed, code = described(monkeypatch, capsys, *one)
    name, width, parameters, products, gib, steps = printed.out.splitlines()[-1].split()
    assert code == 0 and (name, width, parameters) == ("resnet18", "1", "11.18")
    cost = complexity.measure("resnet18")
    assert float(products) == pytest.approx(1.81)
    assert float(gib) == pytest.approx(cost.memory(64) / 2**30, abs=0.05)
    # A step is three passes of 64 images, a multiply-add two operations.
    expected = 86400 * 10e12 / (3 * 2 * 64 * cost.multiply_adds)
    assert float(steps.replace(",", "")) == pytest.approx(expected, abs=1)
    others = ["--views=1", "--precision=mixed_bfloat16", "--gradient_checkpointing=blocks"]
    for flag in others:
        less = described(monkeypatch, capsys, *one, flag)[0].out.splitlines()[-1].split()
        assert float(less[4]) < float(gib), flag
    printed, code = described(monkeypatch, capsys, "--encoder=bit_resnet50", "--resnet_d")
    assert code == 2 and "--resnet_d has no effect with --encoder=bit_resnet50" in printed.err


@pytest.mark.parametrize("name", ["width", "image_size", "batch_size", "views", "teraflops"])
@pytest.mark.parametrize("value", [10**20, 0, -1])
def test_a_number_that_no_network_has_is_refused(name, value, monkeypatch, capsys):
    printed, code = described(monkeypatch, capsys, f"--{name}={value}")
    assert code == 2 and not printed.out and len(printed.err.splitlines()) == 1
    assert re.fullmatch(rf"error: --{name}=\S+: expected .*\d\n", printed.err)


def test_what_recomputation_keeps():
    outputs = (("stem", 8), ("stage1_block1_conv1", 5), ("stage1_block1_out", 3))
    outputs += (("stage1_block2_conv1", 5), ("stage1", 3), ("stage2_block1_conv1", 9))
    cost = complexity.Cost(parameters=10, multiply_adds=7, outputs=outputs)
    assert cost.kept() == 33
    assert cost.kept("stages") == 3 + 24  # stage1's output, and what leads to it
    assert cost.kept("blocks") == 3 + 3 + 16
    assert cost.memory(images=2, bytes_a_value=2) == 3 * 4 * 10 + 2 * 2 * 33
    assert (cost.step_flops(4), cost.step_flops(4, "blocks")) == (2 * 3 * 4 * 7, 2 * 4 * 4 * 7)


def randomise(model, seed=0):
    """Weights of the size that training gives, none of them 0 or 1."""
    draw = np.random.default_rng(seed)
    for variable in model.variables:
        value = draw.standard_normal(variable.shape)
        if "variance" in variable.name or "gamma" in variable.name:
            value = 0.5 + 0.2 * np.abs(value)
        elif len(variable.shape) > 1:
            value *= np.sqrt(1.5 / np.prod(variable.shape[:-1]))
        variable.assign(0.1 * value if len(variable.shape) == 1 and value.min() < 0 else value)


class OurWeights:
    """Our model's weights at the reference's places."""

    def __init__(self, model):
        self.by_name = {
            name.removeprefix("e/"): variable.numpy().astype(np.float64)
            for name, variable in checkpoint.named_variables(model, "e").items()
        }

    def layer(self, place, kind):
        if place[0] == "stem":
            last = f"stem_{kind}1" not in self.by_name_layers() or place[1] == 2
            return [f"stem_{kind}" if last else f"stem_{kind}{place[1] + 1}"]
        stage, block, part = place
        prefix = f"stage{stage}_block{block}_"
        if part == "shortcut":
            return [f"{prefix}shortcut_{kind}"]
        if part == "mixing":
            return [f"{prefix}mix_a", f"{prefix}mix_b"]
        if part == "mix":
            return [f"{prefix}{kind}_mix"]
        if f"{prefix}{kind}2a" in self.by_name_layers() and part == 2:
            return [f"{prefix}{kind}2a", f"{prefix}{kind}2b"]
        return [f"{prefix}{kind}{part}"]

    def by_name_layers(self):
        return {name.split("/")[0] for name in self.by_name}

    def conv(self, place, shape):
        layers = self.layer(place, "conv")
        kernel = np.concatenate([self.by_name[f"{name}/kernel"] for name in layers], -1)
        assert list(kernel.shape) == shape
        return kernel

    def norm(self, place, channels):
        layers = self.layer(place, "bn")
        weights = ("gamma", "beta", "moving_mean", "moving_variance")
        return {w: np.concatenate([self.by_name[f"{n}/{w}"] for n in layers]) for w in weights}


def shorten(monkeypatch, blocks):
    for name, row in architectures.ENCODERS.items():
        monkeypatch.setitem(architectures.ENCODERS, name, dataclasses.replace(row, blocks=blocks))


@pytest.fixture
def short(monkeypatch):
    """Every architecture with five blocks: all kinds of blocks, built in a fraction of the time."""
    shorten(monkeypatch, (1, 2, 1, 1))


@pytest.fixture
def shorter(monkeypatch):
    """Every architecture with a stage of two blocks and one of one."""
    shorten(monkeypatch, (2, 1))


@pytest.mark.parametrize(
    ("name", "settings", "size"),
    [
        ("resnet18", {}, 64),
        ("resnet18", {"resnet_d": True}, 66),
        ("resnet18_simclr", {}, 32),
        ("resnet50", {}, 66),
        ("resnet50", {"resnet_d": True}, 64),
        ("resnet50", SK, 66),
        ("resnet50", SK, 32),
    ],
    ids=str,
)
def test_each_block_equals_numpy(name, settings, size, short):
    model = build_encoder(name, 1 / 8, size, **settings)
    randomise(model)
    images = np.random.default_rng(1).random([2, size, size, 3])
    row = architectures.ENCODERS[name]
    expected = reference.simclr_resnet(
        images,
        OurWeights(model),
        row.blocks,
        row.bottleneck,
        filters=8,
        resnet_d=settings.get("resnet_d", False),
        selective=settings.get("selective_kernels", False),
        small=size <= 32,
        project_first=row.project_first,
    )
    got = model(images.astype(np.float32), training=False)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


KINDS = (
    "resnet18", "resnet50", "resnet18_simclr", "resnet50_v1", "bit_resnet50",
    "resnet18_torchvision", "resnet50_torchvision", "wide_resnet50_2_torchvision",
)  # fmt: skip


def test_every_row_is_of_a_kind():
    rows = architectures.ENCODERS
    kinds = {dataclasses.replace(rows[name], blocks=()) for name in KINDS}
    assert kinds == {dataclasses.replace(row, blocks=()) for row in rows.values()}


@pytest.mark.parametrize("name", KINDS)
def test_conformance(name, short, tmp_path):
    check_conformance(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", architectures.ENCODERS)
def test_conformance_of_every_row(name, tmp_path):
    check_conformance(name, tmp_path)


def check_conformance(name, tmp_path):
    """Shapes, counts, saving, a training step, and that with less memory and less precision."""
    row, width, size = architectures.ENCODERS[name], 1 / 16, 40
    keras.utils.set_random_seed(0)
    model = build_encoder(name, width, size)
    images = np.random.default_rng(0).random([4, size, size, 3], np.float32)
    features = model(images, training=False).numpy()
    assert features.shape == (4, 128 if row.bottleneck else 32) and features.dtype == np.float32
    counted = complexity.measure(name, width, size)
    assert counted.parameters == sum(np.prod(v.shape) for v in model.trainable_variables)

    # Stages are reachable by name.
    stages = [model.get_layer(f"stage{stage}").output for stage in (1, 2, 3, 4)]
    outputs = keras.Model(model.inputs, stages)(images[:1])
    assert [output.shape[1:3] for output in outputs] == [(n, n) for n in (10, 5, 3, 2)]

    # Saved and loaded, which builds it of its configuration, on Keras 3 with its own normalisation.
    model.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    close = {"rtol": 0, "atol": 2e-6 * features.max()}
    np.testing.assert_allclose(loaded(images, training=False), features, **close)
    assert loaded.count_params() == model.count_params()

    # A training step changes every weight, and with recomputation to the same ones.
    # Not compiled: to trace a network takes longer than to run it once.
    plain = train_step(model, step_of(model, "none"), images)
    again = train_step(model, step_of(model, "blocks"), images)
    check_trained(plain)
    for weight, (_, after, _) in plain.items():
        np.testing.assert_allclose(again[weight][1], after, atol=1e-5, err_msg=weight)

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = build_encoder(name, width, size)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    mixed.set_weights(model.get_weights())
    assert mixed.get_layer("stage4").compute_dtype == "bfloat16"
    (rough_map, rough), (exact_map, exact) = (
        keras.Model(m.inputs, [m.get_layer("stage2").output, m.output])(images, training=False)
        for m in (mixed, model)
    )
    assert rough.dtype == tf.float32
    assert correlation(rough_map, exact_map) > 0.99
    # Rounding grows with depth, most where groups are of one channel, as here: BiT-50 has 0.89 at
    # this width and 0.98 at a half, BiT-152 0.6.
    assert correlation(rough, exact) > 0.5
    values = train_step(mixed, step_of(mixed, "none"), images)
    check_trained(values)
    assert all(after.dtype == np.float32 for _, after, _ in values.values())


def correlation(a, b):
    return np.corrcoef(*(np.ravel(tf.cast(x, tf.float32)) for x in (a, b)))[0, 1]


def check_trained(values):
    """What `train_step` returns: every weight, and each statistic, has changed and is finite."""
    for name, (before, after, gradient) in values.items():
        assert np.isfinite(after).all() and not np.array_equal(before, after), name
        assert gradient is None or np.isfinite(gradient).all(), name


def step_of(model, cuts):
    """A function of images to the gradients by the model's trainable weights."""
    forward = recompute.forward(model, cuts)

    def step(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(forward(images, training=True) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    return step


def train_step(model, step, images):
    """One step from the same weights: name to (before, after, gradient)."""
    randomise(model)
    named = checkpoint.named_variables(model, "e")
    before = {name: variable.numpy() for name, variable in named.items()}
    gradients = step(tf.constant(images))
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)
    by_variable = {
        id(v): g.numpy() for v, g in zip(model.trainable_variables, gradients, strict=True)
    }
    return {n: (before[n], v.numpy(), by_variable.get(id(v))) for n, v in named.items()}


def compiled_train_step(model, cuts, images):
    """What `train_step` of the compiled step returns, and its number of convolutions."""
    function = tf.function(step_of(model, cuts)).get_concrete_function(tf.constant(images))
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return train_step(model, function, images), sum(node.op == "Conv2D" for node in nodes)


def test_recomputation_has_equal_gradients_and_is_done(shorter):
    model = build_encoder("resnet50", 1 / 8, 64, **SK)
    images = tf.random.stateless_uniform([4, 64, 64, 3], [0, 1])
    plain, once = compiled_train_step(model, "none", images)
    for cuts in ("stages", "blocks"):
        again, twice = compiled_train_step(model, cuts, images)
        assert twice == 2 * once
        for name, (_, after, gradient) in plain.items():  # of statistics, updated once, too
            np.testing.assert_allclose(again[name][1], after, rtol=1e-6, atol=1e-7, err_msg=name)
            if gradient is not None:
                limit = 1e-6 * np.abs(gradient).max()
                np.testing.assert_allclose(again[name][2], gradient, atol=limit, err_msg=name)


def test_recomputation_of_what_a_nested_model_holds(shorter):
    """A head on projection1 holds its batch normalisation in a model within the model."""
    model = build_encoder("resnet18", 1 / 8, 32)
    projection = heads.build_projection_head(model.output_shape[-1])
    network = heads.build_head_input(model, projection, "projection1")
    images = tf.random.stateless_uniform([4, 32, 32, 3], [0, 1])
    plain = train_step(network, step_of(network, "none"), images)
    nested = network.layers[-1].name
    moved = [n for n in plain if n.startswith(f"e/{nested}/") and "/moving_" in n]
    assert len(moved) == 2
    for cuts in ("stages", "blocks"):
        again = train_step(network, step_of(network, cuts), images)
        for name in moved:
            before, after, _ = plain[name]
            assert np.abs(after - before).max() > 1e-3
            np.testing.assert_allclose(again[name][1], after, rtol=1e-6, atol=1e-7)


def test_a_saved_encoder_needs_keras_alone(shorter, tmp_path):
    model = build_encoder("resnet50", 1 / 16, 64, **SK)
    randomise(model)
    images = np.random.default_rng(0).random([2, 64, 64, 3], np.float32)
    model.save(tmp_path / "encoder.keras")
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys; sys.modules['simclr_med'] = None\n"  # whoever imports it fails
        "import keras, numpy as np\n"
        "model = keras.models.load_model('encoder.keras')\n"
        "np.save('features.npy', model(np.load('images.npy'), training=False))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    features = np.load(tmp_path / "features.npy")
    np.testing.assert_allclose(features, model(images, training=False), atol=1e-6)


def test_standardised_kernels_round_trip():
    layer = encoder.bit.StandardizedConv2D(4, 3, use_bias=False, name="c")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def test_pixels_are_as_the_published_weights_expect():
    image = np.random.default_rng(0).random([1, 8, 8, 3], np.float32)
    for name, expected in [
        ("bit_resnet50", 2 * image - 1),
        # Blue, green, red there; here the first kernel's inputs are turned round instead.
        ("resnet50_v1", keras.applications.resnet.preprocess_input(255 * image)[..., ::-1]),
        ("resnet50_torchvision", keras.applications.imagenet_utils.preprocess_input(
            255 * image, mode="torch"
        )),
    ]:  # fmt: skip
        scale, offset = architectures.ENCODERS[name].pixels
        layer = keras.layers.Rescaling(encoder._listed(scale), list(offset))
        np.testing.assert_allclose(layer(image), expected, atol=1e-4)


def test_a_setting_that_an_architecture_has_not_is_refused():
    with pytest.raises(ValueError, match="resnet18 has no selective_kernels"):
        build_encoder("resnet18", selective_kernels=True)
    with pytest.raises(ValueError, match="bit_resnet50 has no resnet_d"):
        build_encoder("bit_resnet50", resnet_d=True)
    with pytest.raises(ValueError, match="bit_resnet50 has no zero_init"):
        build_encoder("bit_resnet50", zero_init=False)


def test_zero_init_makes_blocks_the_identity_at_first(short):
    for zero, expected in ((True, 0), (False, 1)):
        model = build_encoder("resnet18", 1 / 8, 32, zero_init=zero)
        for name, variable in checkpoint.named_variables(model, "e").items():
            if name.endswith("gamma"):
                last = "bn2" in name
                np.testing.assert_array_equal(variable, expected if last else 1)


def test_a_step_of_the_benchmark_of_training(shorter):
    build_step = runpy.run_path(str(ROOT / "benchmarks" / "train_step.py"))["build_step"]
    options = argparse.Namespace(
        image_size=32, width=1 / 16, batch_size=2, gradient_checkpointing="stages"
    )
    step, multiply_adds = build_step("resnet18", options)
    assert np.isfinite(step())
    assert multiply_adds == complexity.measure("resnet18", 1 / 16, 32).multiply_adds
