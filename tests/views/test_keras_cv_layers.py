"""KerasCV's layers in a recipe."""

import warnings

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from simclr_med import graphs
from simclr_med.config.recipes import Recipe
from simclr_med.errors import InputError
from simclr_med.views import augment
from simclr_med.views.changing import ChangeView, change_each
from simclr_med.views.keras_cv_layers import ExtraLayers, parse

RAND_AUGMENT = '{"RandAugment": {"magnitude": 0.4}, "ChannelShuffle": {}}'


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).random([6, 32, 32, 3]), tf.float32)


@pytest.mark.parametrize(
    "text",
    [
        RAND_AUGMENT,
        '{"GridMask": {}}',
        '{"RandomCutout": {"height_factor": 0.4, "width_factor": 0.4}}',
        '{"RandomShear": {"x_factor": 0.3}, "RandomHue": {"factor": 0.5}}',
        '{"RandomJpegQuality": {"factor": [20, 90]}}',
    ],
)
def test_kerascvs_layers_are_functions_of_the_draws(text, images):
    recipe = Recipe.named("none", 32, layers=text)
    draws = augment.draw(tf.constant([1, 2]), 6)[1]
    crops, change = 255 * images, ChangeView(recipe)
    views = change(crops, draws).numpy()
    # By its own draws alone, wherever in a batch it is.
    elsewhere = change(crops[::-1], draws[::-1]).numpy()[::-1]
    np.testing.assert_allclose(elsewhere, views, atol=1e-5)
    others = change(crops, draws[::-1]).numpy()
    for different in (others, images):
        assert np.abs(views - different).max() > 0.01
    assert views.min() >= 0 and views.max() <= 1


def test_a_layer_whose_ifs_ask_tensors_is_traced_in_a_run_too(images):
    """There, tf.data rewrites nothing."""
    recipe = Recipe.named("none", 32, layers=RAND_AUGMENT)
    draws = augment.draw(tf.constant([1, 2]), len(images))[1]
    crops, change = 255 * images, change_each(recipe)

    def of_one(crop, draw):
        return change([crop], draw[None])[0]

    pairs = tf.data.Dataset.from_tensor_slices((crops, draws))
    views = np.stack([*graphs.as_written(pairs.map)(of_one).as_numpy_iterator()])
    np.testing.assert_allclose(views, ChangeView(recipe)(crops, draws), atol=1e-5)
    assert np.abs(views - images).max() > 0.01


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize(
    "text",
    [
        '{"AugMix": {"seed": 5}}',
        '{"RandomFlip": {}, "RandomCutout": {"height_factor": 0.4, "width_factor": 0.4, '
        '"fill_mode": "gaussian_noise"}}',
    ],
)
def test_a_layer_that_draws_from_elsewhere_is_refused(text, seed, global_seed):
    """A seed, the layer's or the process's, hides it from whoever compares two views."""
    global_seed(seed)
    with pytest.raises(InputError, match=r"draws random numbers \(Random(Gamma|StandardNormal)\)"):
        parse.__wrapped__(text)


def test_a_layer_that_draws_from_numpy_is_refused(monkeypatch):
    class Drawn(keras.layers.Layer):
        def call(self, image):
            return image * np.random.default_rng().random()

    monkeypatch.setattr(keras_cv.layers, "Drawn", Drawn, raising=False)
    with pytest.raises(InputError, match="Drawn draws random numbers that cannot be tied"):
        parse('{"Drawn": {}}')


@pytest.fixture
def global_seed():
    yield tf.random.set_seed
    tf.random.set_seed(None)


def test_a_layer_that_follows_has_no_numbers_of_its_own(images):
    follow = parse('{"RandomFlip": {}}')
    with pytest.raises(RuntimeError, match="no numbers of its own"):
        follow.layers[0](images[0])
    with pytest.raises(ValueError, match="Image augmentation layers are expecting"):
        follow(tf.zeros([4]), tf.constant([0.1, 0.2]))
    with pytest.raises(RuntimeError, match="no numbers of its own"):
        follow.layers[0](images[0])


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (keras_cv.core.UniformFactorSampler(-0.3, 0.5), stats.uniform(-0.3, 0.8)),
        (keras_cv.core.NormalFactorSampler(0.2, 0.1, -9.0, 9.0), stats.norm(0.2, 0.1)),
    ],
)
def test_factors_keep_their_distribution_over_the_views(factor, expected):
    layer = keras_cv.layers.RandomBrightness(factor, value_range=(0, 1))
    follow, count = ExtraLayers([layer]), 400
    grey = tf.fill([2, 2, 3], 0.4)
    draws = augment.draw(tf.constant([1, 2]), count)[1]
    one = graphs.function(lambda own: follow.one(0, grey, own)[0, 0, 0])
    shifts = np.array([one(own) - 0.4 for own in draws])
    inside = (shifts > -0.4) & (shifts < 0.6)  # all but what is clipped
    assert inside.mean() > 0.99
    assert stats.kstest(shifts[inside], expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("GridMask", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["GridMask"]', "expected an object"),
        ('{"GridMask": 3}', "expected an object"),
        ('{"RandomFlip": {}, "RandomFlip": {}}', "a name stands twice"),
        ('{"Cutout": {}}', "KerasCV has no layer Cutout"),
        ('{"GridMask": {"ratio": 0.3}}', "ratio"),
        ('{"RandomHue": {}}', "missing 1 required positional argument: 'factor'"),
        ('{"MixUp": {}}', "MixUp: .*single image"),
        ('{"Resizing": {"height": 8, "width": 8}}', "one image of another, of its size"),
        ('{"Grayscale": {}}', "one image of another, of its size"),
    ],
)
def test_what_cannot_follow_a_recipe_is_refused(text, problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=problem):
            parse(text)
