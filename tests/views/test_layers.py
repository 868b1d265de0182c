"""The augmentations as KerasCV layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from simclr_med.config.recipes import Recipe
from simclr_med.views import augment, crops, layers
from simclr_med.views.changing import ChangeView

OURS = [
    layers.RandomFlip(seed=1),
    layers.RandomColorJitter(0.7, seed=1),
    layers.RandomGreyscale(seed=3),
    layers.RandomBlur(seed=1),
    layers.RandomBrightness(0.3, seed=1),
    layers.RandomContrast(0.1, "literal", seed=1),
    layers.RandomRotation(30.0, seed=1),
    layers.RandomCropAndResize(20, 0.3, seed=1),
    layers.RandomWindow(20, 0.6, seed=1),
    *(layers.RandomView(20, name, seed=1) for name in ("none", "chexpert")),
]


@pytest.fixture(scope="module")
def images():
    return tf.constant(np.random.default_rng(0).random([6, 32, 32, 3]), tf.float32)


@pytest.mark.parametrize("layer", OURS, ids=lambda layer: type(layer).__name__)
def test_each_is_a_layer_with_a_configuration(layer, images):
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.get_config() == layer.get_config() and copy.get_config()["seed"]
    views = layer(images)
    size = layer.size if hasattr(layer, "size") else 32
    assert views.shape == (6, size, size, 3)
    one = layer(images[0])
    assert one.shape == (size, size, 3)
    in_data = tf.data.Dataset.from_tensors(images).map(copy).get_single_element()
    assert in_data.shape == views.shape
    if getattr(layer, "augmentation", "") != "none":
        several = [np.asarray(layer(images)) for _ in range(6)]
        assert max(np.abs(a - several[0]).max() for a in several[1:]) > 0.01  # drawn anew


def test_a_pipeline_of_layers(images):
    pipeline = keras.Sequential([OURS[7], layers.RandomColorJitter(), layers.RandomBlur()])
    views = pipeline(images)
    assert views.shape == (6, 20, 20, 3)
    assert views.numpy().min() >= 0 and views.numpy().max() <= 1
    labelled = OURS[0]({"images": images, "labels": tf.range(6)})
    assert labelled["labels"].numpy().tolist() == list(range(6))


def test_images_of_a_batch_have_parameters_of_their_own():
    count = 400
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32)[:, None], [count, 8, 1, 3])
    flipped = layers.RandomFlip(seed=5)(ramp).numpy()[:, 0, 0, 0] == 1
    assert stats.binomtest(int(flipped.sum()), count, 0.5).pvalue > 1e-3
    grey = np.full([count, 8, 8, 3], 0.5, np.float32)
    shifts = layers.RandomBrightness(0.2, seed=5)(grey).numpy()[:, 0, 0, 0] - 0.5
    assert stats.kstest(shifts, stats.uniform(-0.2, 0.4).cdf).pvalue > 1e-3


def test_brightness_is_not_clipped_before_contrast():
    light = np.tile(np.float32([0.9, 1.0])[:, None], [1, 2, 1, 3]).transpose(0, 2, 1, 3)
    shifted = layers.RandomBrightness(0.2, seed=3)(tf.constant(light)) + 0.5  # in any case above 1
    same = layers.RandomContrast(0.0)(shifted - 0.5)
    assert np.ptp(shifted) > 0.09 and same.shape == light.shape
    assert shifted.numpy().max() > 1


def test_blur_wants_squares():
    with pytest.raises(ValueError, match="square images, not 8 x 6"):
        layers.RandomBlur()(tf.zeros([2, 8, 6, 3]))


def test_unknown_recipes_are_refused():
    with pytest.raises(ValueError, match="cutout"):
        layers.RandomView(20, "cutout")


@pytest.mark.parametrize("name", ["none", "chexpert"])
def test_a_view_is_cut_out_and_changed_by_the_layer_that_a_run_holds(name, images):
    layer = layers.RandomView(20, name)
    assert isinstance(layer.change, ChangeView)
    place, draws = augment.draw(tf.constant([3, 4]), 6)
    views = layer.augment_images(images, (place, draws))
    recipe = Recipe.named(name, 20)
    cut = [
        crops.crops_of(255 * image, place[i : i + 1], recipe)[0] for i, image in enumerate(images)
    ]
    np.testing.assert_array_equal(views, ChangeView(recipe)(tf.stack(cut), draws))
