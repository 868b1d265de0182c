"""What changes in a view: the layer of a model, and the function of tf.data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_med import compat
from simclr_med.config.recipes import Recipe
from simclr_med.encoders import heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.training.models.contrastive import ContrastiveModel
from simclr_med.views import augment
from simclr_med.views.changing import ChangeView, change_each

EXTRA = '{"RandomShear": {"x_factor": 0.3}, "GridMask": {}}'


@pytest.fixture(scope="module")
def crops_and_draws():
    crops = np.random.default_rng(2).uniform(-9, 264, [6, 32, 32, 3]).astype(np.float32)
    return crops, augment.draw(tf.constant([1, 2]), 6)[1]


@pytest.mark.parametrize(
    ("name", "extra"), [("chexpert", ""), ("chexpert", EXTRA), ("none", EXTRA)]
)
def test_a_batch_has_the_views_of_each(name, extra, crops_and_draws):
    """What the device computes, in a batch, the host computes, view by view.

    Of the steps alone: test_augment.py.
    """
    crops, draws = crops_and_draws
    recipe = Recipe.named(name, 32, layers=extra)
    batch = ChangeView(recipe)(crops, draws).numpy()
    alone = []
    for i in range(0, 6, 2):
        alone += change_each(recipe)([*crops[i : i + 2]], draws[i : i + 2])
    np.testing.assert_allclose(batch, alone, atol=1e-5)
    assert batch.min() >= 0 and batch.max() <= 1 and batch.std() > 0.05


@pytest.mark.parametrize("extra", ["", EXTRA])
def test_the_layer_comes_back_from_its_configuration(extra, crops_and_draws):
    layer = ChangeView(Recipe.named("chexpert", 32, layers=extra, rotation=7.0))
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.recipe == layer.recipe and copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(copy(*crops_and_draws), layer(*crops_and_draws))


def test_a_model_is_saved_with_the_layer(tmp_path, crops_and_draws):
    inputs = [keras.Input([32, 32, 3]), keras.Input([crops_and_draws[1].shape[1]])]
    layer = ChangeView(Recipe.named("chexpert", 32, layers=EXTRA))
    keras.Model(inputs, layer(*inputs)).save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    views = copy([tf.constant(crops_and_draws[0]), crops_and_draws[1]])
    np.testing.assert_allclose(views, layer(*crops_and_draws), atol=1e-5)


def test_a_model_that_makes_views_lists_the_layer_and_those_that_follow():
    layer = ChangeView(Recipe.named("chexpert", 32, layers=EXTRA))
    encoder = build_encoder("resnet18", 0.125, 32)
    head = heads.build_projection_head(encoder.output_shape[-1], 1, 8)
    model = ContrastiveModel(encoder, head, 0.1, change=layer)
    assert layer in model.layers
    names = {type(part).__name__ for part in compat.layers_within(layer)}
    assert {"RandomShear", "GridMask"} <= names
    assert not layer.weights  # checkpoints hold none


def test_views_are_float32_within_half_precision(crops_and_draws):
    layer = ChangeView(Recipe.named("chexpert", 32))
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        views = ChangeView(Recipe.named("chexpert", 32))(*crops_and_draws)
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert views.dtype == tf.float32
    np.testing.assert_array_equal(views, layer(*crops_and_draws))
