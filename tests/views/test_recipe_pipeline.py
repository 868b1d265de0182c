"""Recipes as pipelines of KerasCV layers: their views, and how they are changed and saved."""

import subprocess
import sys

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from simclr_med.config.recipes import RECIPES, Recipe
from simclr_med.views import augment, layers
from simclr_med.views.changing import ChangeView, change_each

SIZE = 32
EXTRA = '{"RandomShear": {"x_factor": 0.3}}'


@pytest.fixture(scope="module")
def crops_and_draws():
    crops = np.random.default_rng(2).uniform(-9, 264, [4, SIZE, SIZE, 3]).astype(np.float32)
    return tf.constant(crops), augment.draw(tf.constant([1, 2]), 4)[1]


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).random([5, 40, 36, 3]), tf.float32)


def by_pure_functions(recipe, crops, draws):
    """A recipe's steps written out, on planes."""
    drawn = augment.by_step(draws)

    def flip(planes):
        return tf.where(drawn["flip"][..., None, None] < 0.5, planes[..., ::-1], planes)

    def jitter(planes):
        factors = augment.jitter_factors(drawn["jitter"][:, 1:5], recipe.color_strength)
        order = augment.jitter_order(drawn["jitter"][:, 5])
        return augment.sometimes(
            drawn["jitter"][:, 0] < 0.8,
            lambda planes: augment.colour_jitter(planes, factors, order),
            planes,
        )

    def grey(planes):
        applied = drawn["grey"][..., None, None] < 0.2
        return tf.where(applied, augment.greyscale(planes), planes)

    def blur(planes):
        sigmas, taps = augment.blur_sigma(drawn["blur"][:, 1]), augment.blur_taps(SIZE)
        blurred = drawn["blur"][:, 0] < 0.5
        return augment.sometimes(blurred, lambda p: augment.blur(p, sigmas, taps), planes)

    def brightness(planes):
        shifts = recipe.brightness * (2 * drawn["brightness"][:, 0] - 1)
        return augment.shift_brightness(planes, shifts)

    def contrast(planes):
        factors = 1 + recipe.contrast * (2 * drawn["contrast"][:, 0] - 1)
        return augment.clip(augment.contrast(planes, factors))

    planes = augment.clip(tf.transpose(crops, [0, 3, 1, 2]) / 255)
    steps = {f.__name__: f for f in (flip, jitter, grey, blur, brightness, contrast)}
    for step in recipe.steps:
        planes = steps.get(step, lambda planes: planes)(planes)
    return tf.transpose(planes, [0, 2, 3, 1])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_s_layers_make_the_views_of_the_pure_functions_bit_for_bit(name, crops_and_draws):
    recipe = Recipe.named(name, SIZE)
    compiles = len(layers.pipeline(recipe)) > 1
    expected = tf.function(by_pure_functions, jit_compile=compiles)(recipe, *crops_and_draws)
    np.testing.assert_array_equal(ChangeView(recipe)(*crops_and_draws), expected)
    crops, draws = crops_and_draws
    one = tf.function(by_pure_functions, jit_compile=compiles)(recipe, crops[:1], draws[:1])[0]
    np.testing.assert_allclose(change_each(recipe)([crops[0]], draws[:1])[0], one, atol=1e-6)


KNOWN = {
    "full": (0.4954868, 0.2000697, 0.4728691, 0.4728691, 0.4728691),
    "partial": (0.4991798, 0.3094571, 0.0365068, 0.7736345, 0.0687168),
    "chexpert": (0.5053499, 0.3298539, 0.0000000, 0.7516549, 0.0191695),
    "chexpert_pretrain": (0.5000291, 0.2825718, 0.0365068, 0.7736345, 0.0687168),
    "finetune": (0.4954868, 0.2000697, 0.4728691, 0.4728691, 0.4728691),
    "none": (0.4991798, 0.3094571, 0.0365068, 0.7736345, 0.0687168),
}  # of the version before the layers: mean, deviation and three values of the first view


@pytest.mark.parametrize("name", KNOWN)
def test_views_are_those_of_earlier_versions(name, crops_and_draws):
    views = ChangeView(Recipe.named(name, SIZE))(*crops_and_draws).numpy()
    found = [views.mean(), views.std(), *views[1, 9, 20]]
    np.testing.assert_allclose(found, KNOWN[name], atol=2e-6)


def test_a_recipe_is_printed_as_its_layers():
    assert repr(layers.pipeline(Recipe.named("chexpert", 224))) == (
        "[RandomWindow(size=224, proportion=0.875, rotation=20.0), RandomFlip(), "
        "RandomBrightness(brightness=0.2), "
        "RandomContrast(contrast=0.2, contrast_reading='around_one')]"
    )
    base = keras_cv.layers.VectorizedBaseImageAugmentationLayer
    for name in RECIPES:
        pipeline = layers.pipeline(Recipe.named(name, 32, layers=EXTRA))
        assert all(isinstance(layer, base) for layer in pipeline)


@pytest.mark.parametrize("name", RECIPES)
def test_a_pipeline_is_rearranged_and_saved(name, images, tmp_path):
    cut, *others = layers.pipeline(Recipe.named(name, SIZE))
    pipeline = keras.Sequential([keras.Input([40, 36, 3]), cut, *others[::-1]])
    assert pipeline(images).shape == (5, SIZE, SIZE, 3)
    pipeline.save(tmp_path / "views.keras")
    copy = keras.models.load_model(tmp_path / "views.keras")
    assert copy(images).shape == (5, SIZE, SIZE, 3)
    for one, other in zip(copy.layers[-len(others) - 1 :], [cut, *others[::-1]], strict=True):
        assert one.get_config() == other.get_config()


def test_a_run_s_layer_takes_layers_in_any_order(crops_and_draws, tmp_path):
    crops, draws = crops_and_draws
    others = layers.pipeline(Recipe.named("full", SIZE, layers=EXTRA))[:0:-1]
    change = ChangeView(others)
    views = change(crops, draws)
    images = augment.unit(crops)
    for layer in others:
        images = layer.augment_images(images, augment.by_step(draws))
    np.testing.assert_allclose(views, images, atol=1e-5)
    assert np.abs(views - ChangeView(Recipe.named("full", SIZE, layers=EXTRA))(crops, draws)).max()
    inputs = [keras.Input(crops.shape[1:]), keras.Input(draws.shape[1:])]
    keras.Model(inputs, change(*inputs)).save(tmp_path / "a.keras")
    copy = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(copy([crops, draws]), views, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        [layers.RandomFlip(), layers.RandomFlip()],  # of the same draws
        [layers.RandomCropAndResize(8)],
        [keras_cv.layers.RandomFlip()],
    ],
)
def test_what_cannot_run_on_a_run_s_draws_is_refused(wrong):
    with pytest.raises(ValueError, match="layers that change a view, each once"):
        ChangeView(wrong)


def test_a_layer_by_itself_draws_what_a_run_would_hand_it(images, monkeypatch):
    from simclr_med import compat

    monkeypatch.setattr(compat, "random_seed", lambda layer: tf.constant([3, 4]))
    place, draws = augment.draw(tf.constant([3, 4]), 5)
    numbers = {"place": place, **augment.by_step(draws)}
    for layer in layers.pipeline(Recipe.named("finetune", 36, layers=EXTRA)):
        images = images[:, :36]
        np.testing.assert_allclose(layer(images), layer.augment_images(images, numbers), atol=1e-6)


def test_an_earlier_version_s_layer_is_loaded(crops_and_draws):
    """Its recipe was all that its configuration held."""
    recipe = Recipe.named("chexpert", SIZE)
    config = {
        "module": "simclr_med.views.changing",
        "class_name": "ChangeView",
        "config": {
            "name": "change_view",
            "trainable": True,
            "dtype": "float32",
            "recipe": {**vars(recipe), "steps": [*recipe.steps]},
        },
        "registered_name": "simclr_med>ChangeView",
    }
    layer = keras.layers.deserialize(config)
    expected = ChangeView(recipe)(*crops_and_draws)
    np.testing.assert_array_equal(layer(*crops_and_draws), expected)
    old = {"name": "random_flip", "trainable": True, "dtype": "float32", "seed": 3}
    assert layers.RandomFlip.from_config(old).seed == 3
    assert layers.RandomCropAndResize.from_config({"size": 8, "min_area": 0.3}).rotation == 0


# KerasCV's own layers, where they are the paper's step


def test_the_flip_is_kerascv_s(images):
    draws = tf.constant([[0.1], [0.49], [0.5], [0.7], [0.9]])
    flips = {"flip_horizontals": 1 - draws, "flip_verticals": tf.zeros([5, 1])}
    stock = keras_cv.layers.RandomFlip().augment_images(images, flips)
    ours = layers.RandomFlip().augment_images(images, {"flip": draws})
    np.testing.assert_array_equal(ours, stock)


def test_the_greyscale_is_kerascv_s(images):
    ours = layers.RandomGreyscale().augment_images(images, {"grey": tf.zeros([5, 1])})
    stock = keras_cv.layers.Grayscale(output_channels=3)(images)
    np.testing.assert_allclose(ours, stock, atol=1e-6)


def test_the_rotation_is_kerascv_s_with_black_corners(images):
    degrees, draws = 30.0, tf.constant([[0.0], [0.2], [0.5], [0.8], [0.99]])
    stock = keras_cv.layers.RandomRotation(degrees / 360, fill_mode="constant", fill_value=0.0)
    angles = (2 * draws[:, 0] - 1) * degrees / 180 * np.pi
    ours = layers.RandomRotation(degrees).augment_images(images, {"place": draws})
    expected = stock.augment_images(images, {"angles": angles})
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_the_contrast_is_kerascv_s_before_it_is_clipped(images):
    factors = tf.constant([0.5, 0.8, 1.0, 1.2, 1.5])
    stock = keras_cv.layers.RandomContrast(0.5, value_range=(0, 1))
    expected = stock.augment_images(images, factors[:, None, None, None])
    planes = augment.contrast(tf.transpose(images, [0, 3, 1, 2]), factors)
    ours = augment.clip(tf.transpose(planes, [0, 2, 3, 1]))
    np.testing.assert_allclose(ours, augment.clip(expected), atol=1e-5)


def test_the_blur_is_kerascv_s_but_at_the_borders():
    images = tf.constant(np.random.default_rng(0).random([2, 40, 40, 3]), tf.float32)
    stock = keras_cv.layers.RandomGaussianBlur(kernel_size=5, factor=(2.0, 2.0))(images)
    planes = augment.blur(tf.transpose(images, [0, 3, 1, 2]), tf.constant([2.0, 2.0]), 5)
    ours = tf.transpose(planes, [0, 2, 3, 1]).numpy()
    np.testing.assert_allclose(ours[:, 2:-2, 2:-2], stock[:, 2:-2, 2:-2], atol=1e-5)
    assert stock[:, 0].numpy().mean() < 0.9 * ours[:, 0].mean()  # there KerasCV's darkens


# What does without KerasCV


def loaded_by(code):
    """Whether Python has keras_cv after `code`."""
    code += "\nimport sys; print('keras_cv' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()[-1] == "True"


EVERY_MODULE = """
import importlib, pkgutil, simclr_med
for package in ("evaluation", "serving", "encoders", "data", "training", "runs", "preparation"):
    top = importlib.import_module(f"simclr_med.{package}")
    for module in pkgutil.walk_packages(top.__path__, top.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # of an extra
            assert not error.name.startswith("simclr_med"), error
import simclr_med.run
from simclr_med.data import batches
from simclr_med.serving import bulk
"""


def test_evaluation_prediction_and_serving_do_without_kerascv():
    assert not loaded_by(EVERY_MODULE)
    assert loaded_by(
        "from simclr_med.views.changing import change_each\n"
        "from simclr_med.config.recipes import Recipe\n"
        "change_each(Recipe.named('full', 32))"
    )
