"""Steps in parts and on replicas equal those of one device at once."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from short_run import with_blocks

from simclr_med import compat, distribute
from simclr_med.config import architectures
from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data.positions import VIEW, key
from simclr_med.encoders import networks, normalization
from simclr_med.errors import InputError
from simclr_med.training import pretrain
from simclr_med.training.loop.train_step import compiled_step
from simclr_med.training.models.contrastive import ContrastiveModel
from simclr_med.training.models.supervised import SupervisedModel
from simclr_med.training.run_setup import configured_optimizer
from simclr_med.views import augment
from simclr_med.views.changing import ChangeView

SIZE, BATCH, STEPS = 40, 16, 5
GIVEN = {
    "data_dir": "unused", "work_dir": "unused", "encoder": "resnet18", "width": 0.125,
    "image_size": SIZE, "batch_size": BATCH, "steps": 20, "temperature": 0.5,
    "learning_rate": 1.0, "precision": "float32",
}  # fmt: skip


def shorten(patch):
    """Make encoders of two blocks: one with a projection, one with a stride."""
    for name in ("resnet18", "bit_resnet50"):
        patch.setitem(architectures.ENCODERS, name, with_blocks(name, (1, 1)))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    shorten(monkeypatch)


def strategy_of(replicas):
    settings = make_config("pretrain", GIVEN).distribute
    if replicas > 1:
        given = GIVEN | {"strategy": "mirrored", "cpu_devices": replicas}
        settings = make_config("pretrain", given).distribute
    return distribute.strategy_of(settings)


def crops(number):
    """A global batch: two crops that resemble each other, and the numbers that make views."""
    draw = np.random.default_rng(number)
    image = draw.random([BATCH, 1, 1, 3]) + 0.3 * draw.random([BATCH, SIZE, SIZE, 3])
    positions = range(BATCH * number, BATCH * (number + 1))
    draws = np.stack([augment.draw(key(0, VIEW, p), 2)[1] for p in positions])
    batch = {}
    for i in (1, 2):
        crop = 255 * np.clip(image + 0.2 * draw.standard_normal(image.shape), 0, 1)
        batch |= {f"view{i}": crop.astype(np.float32), f"draws{i}": draws[:, i - 1]}
    return batch


@functools.cache
def pairs(number):
    """The views of `crops`, made before the step."""
    batch = crops(number)
    change = ChangeView(Recipe.of(make_config("pretrain", GIVEN).augment))
    return {f"view{i}": change(batch[f"view{i}"], batch[f"draws{i}"]).numpy() for i in (1, 2)}


def batches_of(numbered):
    """What `distribute.batches` takes: the steps' batches, by `share` and `pieces`."""

    def make(share, pieces):
        assert share == (0, 1)
        whole = tf.data.Dataset.from_tensor_slices(
            {k: np.stack([numbered(i)[k] for i in range(STEPS)]) for k in numbered(0)}
        )
        return whole.unbatch().batch(BATCH // pieces, drop_remainder=True)

    return make


def trained(make_model, numbered, replicas=1, micro_batch=0, jit_compile=False):
    """Scalars of each step, and the weights after the last."""
    config = make_config("pretrain", GIVEN | {"micro_batch": micro_batch})
    strategy = strategy_of(replicas)
    parts = distribute.micro_batches(config.train, strategy)
    with strategy.scope():
        model = make_model()
        step = compiled_step(model, strategy, parts, jit_compile)
        batches = iter(distribute.batches(batches_of(numbered), strategy, parts))
        scalars = []
        for _ in range(STEPS):
            step([next(batches) for _ in range(parts)])
            scalars.append(model.last_step.scalars())
        return scalars, {compat.path(v): v.numpy() for v in model.variables}


def ready(model):
    model.compile(configured_optimizer(make_config("pretrain", GIVEN)))
    return model


def contrastive(**changes):
    config = make_config("pretrain", GIVEN | changes)

    def make():
        return pretrain.model_of(config, Recipe.of(config.augment))[0]

    return make


def assert_same(one, other, rtol=1e-5):
    (scalars, weights), (other_scalars, other_weights) = one, other
    for a, b in zip(scalars, other_scalars, strict=True):
        assert a.keys() == b.keys()
        np.testing.assert_allclose(
            list(a.values()), list(b.values()), rtol=20 * rtol, err_msg=str(a)
        )
        np.testing.assert_allclose(a["loss"], b["loss"], rtol=rtol)
    assert weights.keys() == other_weights.keys()
    for name, value in weights.items():
        limit = max(rtol * np.abs(value).max(), 1e-6)
        np.testing.assert_allclose(other_weights[name], value, atol=limit, err_msg=name)


@pytest.fixture(scope="module")
def whole():
    """What one device makes of the whole batches of `pairs`, in float32."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return trained(contrastive(), pairs)


@pytest.fixture(scope="module")
def whole_of_each():
    """The same of a network that normalises each example by itself: parts are as the whole."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return trained(contrastive(encoder="bit_resnet50"), pairs)


@pytest.mark.slow  # below with recomputation, in test_distribute.py by the command
def test_two_replicas_equal_one(whole):
    assert_same(whole, trained(contrastive(), pairs, replicas=2))


def test_micro_batches_equal_the_whole_batch(whole_of_each):
    """On two replicas; on one below, with frozen statistics."""
    make = contrastive(encoder="bit_resnet50")
    assert_same(whole_of_each, trained(make, pairs, replicas=2, micro_batch=4))


def test_frozen_statistics_make_micro_batches_exact():
    """Batch normalisation by its moving statistics is per example."""
    config = make_config("pretrain", GIVEN)

    def make():
        nets = networks.build(config)
        for layer in (*nets.encoder.layers, *nets.projection.layers):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.moving_variance.assign(0.3 * tf.ones_like(layer.moving_variance))
        return ready(ContrastiveModel(nets.encoder, nets.projection, 0.5, bn_statistics="frozen"))

    whole = trained(make, pairs)
    assert_same(whole, trained(make, pairs, micro_batch=4))
    frozen = [name for name in whole[1] if "moving_variance" in name]
    assert frozen and all((whole[1][name] == np.float32(0.3)).all() for name in frozen)


def labelled(task):
    def numbered(number):
        draw = np.random.default_rng(number)
        images = draw.random([BATCH, SIZE, SIZE, 3]).astype(np.float32)
        if task == "multiclass":
            targets = np.eye(5, dtype=np.float32)[draw.integers(0, 5, BATCH)]
        else:
            targets = draw.choice([0, 1, np.nan], [BATCH, 5]).astype(np.float32)
            targets[: BATCH // 4] = np.nan  # a micro-batch without any label
        return {"images": images, "targets": targets}

    return numbered


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_heads_accumulate(task):
    """Each entry counts alike, however the known ones lie in micro-batches and replicas."""

    def make():  # any network does that has no batch normalisation
        keras.utils.set_random_seed(0)
        images = keras.Input([SIZE, SIZE, 3])
        x = keras.layers.Conv2D(8, 3, 4, activation="relu", name="conv")(images)
        x = keras.layers.GlobalAveragePooling2D()(x)
        logits = keras.layers.Dense(5, name="logits")(x)
        return ready(SupervisedModel(keras.Model(images, logits), task))

    whole = trained(make, labelled(task))
    replicas = 2 if task == "multilabel" else 1
    assert_same(whole, trained(make, labelled(task), replicas, micro_batch=4))


def test_statistics_move_once_a_micro_batch_however_often_they_are_computed():
    """Two micro-batches of the same images move them as two steps do; the head's move once."""
    batch = {k: v[:4] for k, v in pairs(0).items()}
    make = contrastive(learning_rate=1e-12)
    moved = {}
    for micro in (1, 2):
        model = make()
        step = compiled_step(model, strategy_of(1), micro)
        step([batch] * micro)
        if micro == 1:
            step([batch])
        moved[micro] = {compat.path(v): v.numpy() for v in model.encoder.non_trainable_variables}
    assert moved[1]
    for name, value in moved[1].items():
        np.testing.assert_allclose(moved[2][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_gradient_checkpointing_moves_statistics_once_on_each_replica(whole):
    make = contrastive(gradient_checkpointing="blocks")
    assert_same(whole, trained(make, pairs, replicas=2))


@pytest.mark.parametrize("first", [4, 7, 8])  # of 8 images on the first replica: all, at last
def test_cross_replica_normalization_equals_keras(first):
    x = np.random.default_rng(0).normal(30, 2, [8, 3, 3, 2]).astype(np.float32)  # far from 0
    for shape in (x.shape, (8, 18)):
        strategy = strategy_of(2)
        with strategy.scope():
            ours = normalization.batch_norm(momentum=0.9, epsilon=1e-5)
            ours.build([None, *shape[1:]])
        keras_s = compat.BatchNormalization(momentum=0.9, epsilon=1e-5)
        values = x.reshape(shape)
        expected = keras_s(values, training=True)
        parts = tf.split(values, [first, 8 - first])
        given = strategy.experimental_distribute_values_from_function(
            lambda context, parts=parts: parts[context.replica_id_in_sync_group]
        )
        got = distribute.compiled(lambda v, layer=ours: layer(v, training=True), strategy)(given)
        got = np.concatenate(strategy.experimental_local_results(got))
        np.testing.assert_allclose(got, expected, atol=1e-4)
        for a, b in zip(ours.weights, keras_s.weights, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, err_msg=a.name)
        np.testing.assert_allclose(ours(values, training=False), keras_s(values), rtol=1e-5)


@pytest.mark.parametrize(
    ("precision", "micro_batch", "replicas"),
    [
        ("mixed_bfloat16", 0, 1),
        # In parts below, by whole steps in the test after this.
        pytest.param("mixed_float16", 0, 1, marks=pytest.mark.slow),
        ("mixed_float16", 4, 2),
    ],
)
def test_precision(precision, micro_batch, replicas, whole, whole_of_each):
    """Half precision within the encoder; the same training, roughly; weights stay float32."""
    make = contrastive(precision=precision)
    exact, _ = whole
    if micro_batch:
        make = contrastive(precision=precision, encoder="bit_resnet50")
        exact, _ = whole_of_each
    scalars, weights = trained(make, pairs, replicas, micro_batch)
    assert all(value.dtype in (np.float32, np.int64) for value in weights.values())
    np.testing.assert_allclose(scalars[0]["loss"], exact[0]["loss"], rtol=0.05)
    assert abs(scalars[0]["loss"] / exact[0]["loss"] - 1) > 1e-5  # more than an order of sums
    # The first steps in float16 may overflow, be skipped and lower the scale.
    norms = [s["gradient_norm"] for s in scalars]
    start = {compat.path(v): v.numpy() for v in make().variables}
    moved = [
        np.abs(weights[name] - value).max() for name, value in start.items() if "kernel" in name
    ]
    assert max(moved) > 1e-5  # skipped steps move nothing
    assert np.isfinite(norms[-1])
    np.testing.assert_allclose(norms[-1], exact[-1]["gradient_norm"], rtol=0.5)
    assert ("loss_scale" in scalars[0]) == (precision == "mixed_float16")


def test_float16_scales_the_loss_and_skips_steps_that_overflow():
    make = contrastive(precision="mixed_float16")
    model = make()
    step = compiled_step(model, strategy_of(1))
    scale, good = compat.optimizer_variables(model.optimizer)[-2:]
    scale.assign(2.0**40)  # beyond what float16 holds
    before = [v.numpy() for v in model.trainable_variables]
    step([pairs(0)])
    assert float(scale) == 2.0**39 and int(good) == 0
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    scale.assign(2.0**10)
    step([pairs(0)])
    step([pairs(1)])  # the first has a rate of 0, in warm-up
    assert int(good) == 2
    assert any(
        (v.numpy() != b).any() for v, b in zip(model.trainable_variables, before, strict=True)
    )


@pytest.mark.parametrize(
    ("augment_on", "numbered"),
    # On the device views are made too: it has all that the other has.
    [pytest.param("host", pairs, marks=pytest.mark.slow), ("device", crops)],
    ids=["host", "device"],
)
def test_the_step_compiles_under_xla_with_the_same_losses(augment_on, numbered, whole):
    """What a TPU needs: static shapes, no op that XLA lacks, augmentation included."""
    fused = trained(contrastive(augment_on=augment_on), numbered, jit_compile=True)
    for a, b in zip(whole[0], fused[0], strict=True):
        np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)


def test_a_batch_that_does_not_divide_is_refused():
    config = make_config("pretrain", GIVEN | {"batch_size": 15})
    with pytest.raises(InputError, match="--batch_size=15 does not divide by 2 replicas"):
        distribute.micro_batches(config.train, strategy_of(2))
    with pytest.raises(InputError, match="--micro_batch=7: --batch_size=15"):
        make_config("pretrain", GIVEN | {"batch_size": 15, "micro_batch": 7})
    config = make_config("pretrain", GIVEN | {"micro_batch": 16})
    with pytest.raises(InputError, match="2 replicas of --micro_batch=16"):
        distribute.micro_batches(config.train, strategy_of(2))
