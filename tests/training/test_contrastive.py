"""The contrastive model as a Keras model: `fit`, `evaluate`, `predict`, saving, two replicas."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from conftest import ROOT

import simclr_med
from simclr_med import distribute
from simclr_med.config.recipes import Recipe
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.encoders import bit, heads
from simclr_med.training.models import contrastive
from simclr_med.views import augment
from simclr_med.views.changing import ChangeView

SIZE, BATCH = 6, 4


def pairs(batches=3, batch=BATCH):
    draw = np.random.default_rng(0)
    image = draw.random([batches * batch, 1, 1, 3])
    noisy = [image + 0.3 * draw.random([batches * batch, SIZE, SIZE, 3]) for _ in range(2)]
    return [view.astype(np.float32) for view in noisy]


def model(rate=0.5, **settings):
    """An encoder with and a head without batch normalisation's cost of tracing."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    encoder = keras.Sequential(
        [keras.Input([SIZE, SIZE, 3]), layers.Flatten(), layers.Dense(16), layers.ReLU()]
    )
    projection = heads.build_projection_head(16, 2, 8)
    made = simclr_med.ContrastiveModel(encoder, projection, 0.5, **settings)
    made.compile(optimizer=simclr_med.LARS(rate, trust_coefficient=0.1))
    return made


def weights(trained):
    return [variable.numpy() for variable in trained.weights]


def test_every_form_of_a_batch_trains_the_same():
    one, two = pairs()
    named = {"view1": one, "view2": two}
    trained = [model(), model(), model()]
    trained[0].fit(tf.data.Dataset.from_tensor_slices(named).batch(BATCH), verbose=0)
    trained[1].fit(tf.data.Dataset.from_tensor_slices((one, two)).batch(BATCH), verbose=0)
    for other in trained[1:]:
        same = [(a == b).all() for a, b in zip(weights(trained[0]), weights(other), strict=True)]
        assert all(same) == (other is trained[1])
    # What `fit` makes of dicts, tuples and arrays, as x or as x and y.
    for data in (named, (named,), (one, two), ((one, two),)):
        batch = contrastive.as_pairs(data)
        assert batch["view1"] is one and batch["view2"] is two


@pytest.mark.parametrize("wrong", [{"image": 0}, 0, (0, 1, 2)])
def test_what_is_no_pair_is_refused(wrong):
    batch = tf.nest.map_structure(lambda _: pairs()[0], wrong)
    with pytest.raises(ValueError, match="a contrastive batch is"):
        contrastive.as_pairs(batch)


def test_evaluate_is_nt_xent_of_what_predict_says():
    trained, (one, two) = model(), pairs()
    trained.fit(one, two, batch_size=BATCH, verbose=0)
    z = [trained.predict(view, verbose=0) for view in (one, two)]
    expected = [
        reference.nt_xent(np.concatenate([part[i : i + BATCH] for part in z]), 0.5)
        for i in range(0, len(one), BATCH)
    ]
    found = trained.evaluate(one, two, batch_size=BATCH, return_dict=True, verbose=0)
    np.testing.assert_allclose(found["loss"], np.mean(expected), rtol=1e-5)
    assert set(found) == {"loss", "contrastive_accuracy", "contrastive_entropy"}


def test_history_is_the_mean_of_the_steps_losses():
    trained, each = model(), []
    noted = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: each.append(trained.last_step.scalars()["loss"])
    )
    history = trained.fit(*pairs(), batch_size=BATCH, verbose=0, callbacks=[noted]).history
    assert len(set(each)) == 3
    np.testing.assert_allclose(history["loss"], [np.mean(each)], rtol=1e-5)


@pytest.mark.parametrize(
    "batch",
    # 12 pairs: all batches alike; 7, 5; 11, 1, where replicas differ and at last one has none.
    [*(pytest.param(batch, marks=pytest.mark.slow) for batch in (BATCH, 7)), 11],
)
def test_two_replicas_tell_what_one_does(batch):
    data = tf.data.Dataset.from_tensor_slices(tuple(pairs())).batch(batch)
    told = {}
    strategy = distribute.strategy_of(DistributeConfig(strategy="mirrored", cpu_devices=2))
    for name, chosen in (("one", tf.distribute.get_strategy()), ("two", strategy)):
        with chosen.scope():
            trained = model(rate=0.01)
        history = trained.fit(data, epochs=2, verbose=0).history
        told[name] = history, trained.evaluate(data, return_dict=True, verbose=0)
    for one, two in zip(told["one"], told["two"], strict=True):
        assert one.keys() == two.keys()
        for key in one:
            np.testing.assert_allclose(one[key], two[key], rtol=1e-3, err_msg=key)


def test_a_part_that_the_loss_does_not_reach_is_told():
    class Unused(keras.layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.add_weight(name="unused", shape=[2, 2])

    projection = keras.Sequential([keras.Input([16]), Unused(4)])
    trained = simclr_med.ContrastiveModel(model().encoder, projection)
    trained.compile("sgd")
    with pytest.raises(ValueError, match="the loss does not depend on .*unused"):
        trained.fit(*pairs(), verbose=0)


def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(tmp_path):
    one, two = pairs()
    fit = {"x": one, "y": two, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    trained = model(bn_statistics="frozen")
    trained.fit(**fit)
    trained.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    settings = ("temperature", "gradient_checkpointing", "bn_statistics", "name")
    assert [getattr(loaded, s) for s in settings] == [getattr(trained, s) for s in settings]
    np.testing.assert_array_equal(loaded.predict(one, verbose=0), trained.predict(one, verbose=0))
    losses = [m.fit(**fit).history["loss"] for m in (trained, loaded)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for a, b in zip(weights(trained), weights(loaded), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_saved_model_of_our_own_layers_loads_in_another_process(tmp_path):
    images = keras.Input([SIZE, SIZE, 3])
    x = bit.StandardizedConv2D(8, 3)(images)
    x = bit.GroupNormalization(4)(x)
    encoder = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))
    trained = simclr_med.ContrastiveModel(encoder, heads.build_projection_head(8, 2, 4))
    trained.compile(optimizer=simclr_med.LARS(simclr_med.WarmUpCosine(0.3, 2, 10)))
    one, two = pairs()
    trained.fit(one, two, batch_size=BATCH, verbose=0)
    trained.save(tmp_path / "a.keras")
    np.save(tmp_path / "images.npy", one)
    keras3 = not keras.__version__.startswith("2.")  # which imports no module by its name
    code = (
        f"{'from simclr_med import ContrastiveModel' if keras3 else ''}\n"
        "import keras, numpy as np\n"
        "loaded = keras.models.load_model('a.keras')\n"
        "assert loaded.optimizer.iterations.numpy() == 3\n"
        "np.save('projections.npy', loaded.predict(np.load('images.npy'), verbose=0))\n"
    )
    paths = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=os.environ | paths)
    found = np.load(tmp_path / "projections.npy")
    np.testing.assert_allclose(found, trained.predict(one, verbose=0), rtol=1e-4, atol=1e-5)


def test_a_model_that_makes_its_views_is_saved_with_that_layer(tmp_path):
    crops = {f"view{i}": 255 * view for i, view in enumerate(pairs(), 1)}
    draws = np.stack([augment.draw(tf.constant([0, i]), 2)[1] for i in range(len(pairs()[0]))])
    batch = crops | {"draws1": draws[:, 0], "draws2": draws[:, 1]}
    recipe = Recipe.named("chexpert", SIZE)
    told = {}
    for kind in (None, ChangeView(recipe)):
        trained = model(change=kind)
        trained.save(tmp_path / "a.keras")
        loaded = keras.models.load_model(tmp_path / "a.keras")
        told[kind] = [m.evaluate(batch, batch_size=BATCH, verbose=0) for m in (trained, loaded)]
        np.testing.assert_allclose(*told[kind], rtol=1e-6)
    assert loaded.change.recipe == recipe
    assert np.abs(np.subtract(*(found[0] for found in told.values()))).max() > 1e-3


def test_what_cannot_be_saved_or_compiled_is_told():
    changing = model(change=lambda images, draws: images)
    with pytest.raises(ValueError, match="to be saved it has to be a Keras layer"):
        changing.get_config()
    with pytest.raises(ValueError, match="ContrastiveModel has its own loss"):
        changing.compile("sgd", loss="mse")
