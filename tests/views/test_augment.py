"""Each change of an image against tf.image, colorsys, Pillow or SciPy; recipes by statistics."""

import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage, stats

from simclr_med.config.recipes import CHANGING_DRAWS, RECIPES, Recipe
from simclr_med.views import augment, changing, steps

MANY = 10_000


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random([3, 20, 20, 3]).astype(np.float32)


@pytest.fixture(scope="module")
def draws():
    """The numbers of 10,000 views, two for each of 5,000 positions, by step."""
    keys = tf.stack([tf.range(MANY // 2), tf.fill([MANY // 2], 7)], axis=1)
    changing = tf.map_fn(lambda k: augment.draw(k, 2)[1], keys, fn_output_signature=tf.float32)
    numbers = np.reshape(changing, [MANY, -1])
    parts = np.split(numbers, np.cumsum([*CHANGING_DRAWS.values()])[:-1], axis=1)
    return dict(zip(CHANGING_DRAWS, parts, strict=True))


def on_planes(op, images, *parameters):
    """An op's result as images `[B, H, W, C]`."""
    planes = op(tf.transpose(images, [0, 3, 1, 2]), *(np.float32(p) for p in parameters))
    return tf.transpose(planes, [0, 2, 3, 1]).numpy()


def is_uniform(values, low, high):
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


# Ops, each image with a parameter of its own


def test_brightness_multiplies_and_its_shift_adds(images):
    factors = [0.2, 1.0, 1.8]
    expected = [image * np.float32(f) for image, f in zip(images, factors, strict=True)]
    np.testing.assert_allclose(on_planes(augment.brightness, images, factors), expected, atol=1e-6)
    expected = [image + np.float32(f) for image, f in zip(images, factors, strict=True)]
    shifted = on_planes(augment.shift_brightness, images, factors)
    np.testing.assert_allclose(shifted, expected, atol=1e-6)


def test_contrast_is_tf_image_s(images):
    factors = [0.3, 1.0, 1.7]
    expected = [tf.image.adjust_contrast(i, f) for i, f in zip(images, factors, strict=True)]
    np.testing.assert_allclose(on_planes(augment.contrast, images, factors), expected, atol=1e-5)


def test_saturation_and_hue_are_tf_image_s(images):
    images = np.concatenate([images, np.full([1, 20, 20, 3], 0.4, np.float32)])  # a grey one
    images[0, :5] = [0.7, 0.7, 0.2]  # two channels that are equal
    factors, turns = [0.4, 1.0, 1.8, 1.5], [0.15, -0.2, 0.5, 0.1]
    expected = [tf.image.adjust_saturation(i, f) for i, f in zip(images, factors, strict=True)]
    np.testing.assert_allclose(on_planes(augment.saturation, images, factors), expected, atol=1e-5)
    expected = [tf.image.adjust_hue(i, t) for i, t in zip(images, turns, strict=True)]
    np.testing.assert_allclose(on_planes(augment.hue, images, turns), expected, atol=1e-5)


def test_saturation_and_hue_are_colorsys(images):
    saturated = on_planes(augment.saturation, images, [0.4, 0.4, 0.4])
    turned = on_planes(augment.hue, images, [0.15, 0.15, 0.15])
    for y, x in itertools.product(range(0, 20, 3), range(0, 20, 3)):
        h, s, v = colorsys.rgb_to_hsv(*images[1, y, x].tolist())
        expected = colorsys.hsv_to_rgb(h, 0.4 * s, v)
        np.testing.assert_allclose(saturated[1, y, x], expected, atol=1e-5)
        expected = colorsys.hsv_to_rgb((h + 0.15) % 1, s, v)
        np.testing.assert_allclose(turned[1, y, x], expected, atol=1e-5)


def test_greyscale_is_pillows(images):
    levels = np.uint8(255 * images)
    grey = 255 * on_planes(augment.greyscale, levels / np.float32(255))
    for ours, source in zip(grey, levels, strict=True):
        expected = np.asarray(Image.fromarray(source).convert("L"), float)
        assert np.abs(ours[..., 0] - expected).max() <= 1
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 0] == grey[..., 2]).all()


def test_jitter_applies_each_images_changes_in_its_order_and_clips_each(images):
    factors = np.float32([[1.6, 0.5, 1.4, -0.1], [0.4, 1.5, 0.6, 0.2], [1.2, 1.8, 1.8, 0.05]])
    changes = (
        lambda image, f: image * f,
        tf.image.adjust_contrast,
        tf.image.adjust_saturation,
        tf.image.adjust_hue,
    )
    orders = np.array(augment.JITTER_ORDERS)
    for chosen in (orders[[0, 7, 23]], orders[[11, 4, 18]]):
        jittered = on_planes(lambda planes, f, o=chosen: augment.colour_jitter(planes, f, o),
                             images, factors)  # fmt: skip
        for image, f, order, ours in zip(images, factors, chosen, jittered, strict=True):
            for which in order:
                image = np.clip(changes[which](image, f[which]), 0, 1)
            np.testing.assert_allclose(ours, image, atol=1e-5)


@pytest.mark.parametrize("size", [20, 64, 224])
def test_blur_is_scipys_gaussian_renormalised_at_the_borders(size):
    images = np.random.default_rng(1).random([3, size, size, 3]).astype(np.float32)
    taps, sigmas = augment.blur_taps(size), [0.1, 0.7, 2.0]

    def convolve(x, sigma):
        place = np.arange(taps) - taps // 2
        kernel = np.exp(-(place**2) / (2 * sigma**2))
        for axis in (0, 1):
            x = ndimage.convolve1d(x, kernel / kernel.sum(), axis, mode="constant")
        return x

    blurred = on_planes(lambda planes, s: augment.blur(planes, s, taps), images, sigmas)
    for image, sigma, ours in zip(images.astype(float), sigmas, blurred, strict=True):
        expected = convolve(image, sigma) / convolve(np.ones_like(image), sigma)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    white = on_planes(lambda planes, s: augment.blur(planes, s, taps), np.ones_like(images), sigmas)
    np.testing.assert_allclose(white, 1, atol=1e-6)  # the reference's corners fall to 0.36


def test_blur_kernel_of_the_reference():
    assert [augment.blur_taps(size) for size in (32, 64, 224, 448)] == [3, 7, 23, 45]


@pytest.mark.parametrize("count", [1, 3])
def test_choose_gives_each_image_its_own_function(count):
    planes = tf.ones([count, 3, 2, 2])
    which = tf.range(count) % 2
    functions = [lambda p: p, lambda p: 5 * p]
    chosen = tf.function(augment.choose)(which, functions, planes)[:, 0, 0, 0]
    assert chosen.numpy().tolist() == [1.0, 5.0, 1.0][:count]


# Parameters, over 10,000 draws


def test_every_number_is_uniform_and_views_and_images_differ(draws):
    for numbers in draws.values():
        for column in numbers.T:
            is_uniform(column, 0, 1)
            assert len(np.unique(column)) > 0.99 * MANY  # float32: few coincide
            views = column.reshape(-1, 2)  # of one image
            assert abs(stats.pearsonr(views[:, 0], views[:, 1]).statistic) < 0.05
            assert abs(stats.pearsonr(column[:-1], column[1:]).statistic) < 0.05


def test_probabilities(draws):
    for step, p in (("flip", 0.5), ("jitter", 0.8), ("grey", 0.2), ("blur", 0.5)):
        limit = getattr(augment, step.upper())
        assert limit == p
        share = (draws[step][:, 0] < limit).mean()
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / MANY), step


def test_jitter_factors_of_the_paper(draws):
    factors = augment.jitter_factors(tf.constant(draws["jitter"][:, 1:5]), 1.0).numpy()
    for column, (low, high) in enumerate([(0.2, 1.8)] * 3 + [(-0.2, 0.2)]):
        is_uniform(factors[:, column], low, high)
    half = augment.jitter_factors(tf.constant(draws["jitter"][:, 1:5]), 0.5).numpy()
    is_uniform(half[:, 0], 0.6, 1.4)
    strong = augment.jitter_factors(tf.constant(draws["jitter"][:, 1:5]), 2.0).numpy()
    is_uniform(strong[:, 0], 0.0, 2.6)
    none = augment.jitter_factors(tf.constant(draws["jitter"][:9, 1:5]), 0.0)
    np.testing.assert_allclose(none, np.tile([1, 1, 1, 0], [9, 1]), atol=1e-6)


def test_every_order_of_changes_is_as_likely(draws):
    orders = augment.jitter_order(tf.constant(draws["jitter"][:, 5])).numpy()
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(found) == 24 and (np.sort(found, axis=1) == [0, 1, 2, 3]).all()
    assert stats.chisquare(counts).pvalue > 1e-3


def test_sigmas(draws):
    is_uniform(augment.blur_sigma(draws["blur"][:, 1]), 0.1, 2.0)


# Recipes


def changed(recipe, crops, draws):
    images = augment.unit(255 * tf.constant(crops))
    return changing.change(images, tf.constant(draws), steps.changing(recipe)).numpy()


def numbers(count, **steps):
    """Draws that leave out every step but those given."""
    parts = [np.full([count, n], 0.99) for n in CHANGING_DRAWS.values()]
    for place, (step, n) in enumerate(CHANGING_DRAWS.items()):
        if step in steps:
            parts[place] = np.broadcast_to(steps[step], [count, n])
    return np.float32(np.concatenate(parts, axis=1))


def test_full_is_flip_jitter_grey_blur_in_that_order(images):
    recipe = Recipe.named("full", 20)
    jitter = [0.5, 0.9, 0.1, 0.7, 0.4, 0.3]
    given = numbers(3, flip=0.4, jitter=jitter, grey=0.1, blur=[0.3, 0.6])
    planes = tf.transpose(images[:, :, ::-1], [0, 3, 1, 2])
    draws = tf.constant([jitter] * 3)
    factors = augment.jitter_factors(draws[:, 1:5], 1.0)
    planes = augment.colour_jitter(planes, factors, augment.jitter_order(draws[:, 5]))
    planes = augment.blur(augment.greyscale(planes), augment.blur_sigma(tf.fill([3], 0.6)), 3)
    expected = np.transpose(planes, [0, 2, 3, 1])
    np.testing.assert_allclose(changed(recipe, images, given), expected, atol=1e-5)
    np.testing.assert_allclose(changed(recipe, images, numbers(3)), images, atol=1e-6)


def test_chexpert_adds_a_brightness_then_stretches_then_clips(images):
    s = np.float32([-0.1, 0.15, 0.2])
    given = numbers(3, brightness=0.75)
    given[:, -3] = (s / 0.2 + 1) / 2  # contrast's
    recipe = Recipe.named("chexpert", 20)
    for reading, factors in (("around_one", 1 + s), ("literal", s)):
        shifted = images + np.float32(0.1)
        mean = shifted.mean((1, 2), keepdims=True)
        expected = np.clip(mean + factors[:, None, None, None] * (shifted - mean), 0, 1)
        this = Recipe.named("chexpert", 20, contrast_reading=reading)
        np.testing.assert_allclose(changed(this, images, given), expected, atol=1e-5)
    stretched = changed(recipe, images / 2 + np.float32(0.2), given)  # nothing to clip
    factor = stretched.std((1, 2)) / (images / 2).std((1, 2))
    np.testing.assert_allclose(factor, np.repeat(1 + s[:, None], 3, axis=1), rtol=1e-4)


def test_chexpert_s_parameters(images, draws):
    count = 2000
    grey = np.full([count, 4, 4, 3], 0.5, np.float32)
    grey[:, :2] -= 0.1
    grey[:, 2:] += 0.1
    given = numbers(count)
    given[:, -4], given[:, -3] = draws["brightness"][:count, 0], draws["contrast"][:count, 0]
    views = changed(Recipe.named("chexpert", 4), grey, given)
    is_uniform(views.mean((1, 2, 3)) - 0.5, -0.2, 0.2)
    is_uniform(views.std((1, 2))[:, 0] / 0.1, 0.8, 1.2)
    views = changed(Recipe.named("chexpert", 4, contrast_reading="literal"), grey, given)
    inverted = views[:, 3, 0, 0] < views[:, 0, 0, 0]
    assert 0.4 < inverted.mean() < 0.6  # what the reading costs


def test_chexpert_pretraining_has_no_blur_and_half_the_jitter(images):
    recipe = Recipe.named("chexpert_pretrain", 20)
    assert (recipe.color_strength, recipe.rotation) == (0.5, 45.0)
    everything = numbers(3, grey=0.0, blur=[0.0, 0.9])
    np.testing.assert_allclose(changed(recipe, images, everything), images, atol=1e-6)
    assert "blur" in Recipe.named("finetune", 20).steps and Recipe.named("none", 20).steps == ()


@pytest.mark.parametrize("name", RECIPES)
def test_at_strength_0_the_colours_stay(name, images):
    recipe = Recipe.named(name, 20, color_strength=0.0, brightness=0.0, contrast=0.0)
    views = changed(recipe, images, numbers(3, jitter=[0.1, 0.9, 0.1, 0.9, 0.9, 0.5]))
    np.testing.assert_allclose(views, images, atol=2e-6)


@pytest.mark.parametrize("name", RECIPES)
def test_one_compiled_view_is_that_of_a_batch(name, draws):
    """What the host computes, view by view, is what the device computes, in a batch."""
    count, size = 12, 32
    crops = np.random.default_rng(2).uniform(-9, 264, [count, size, size, 3]).astype(np.float32)
    given = np.concatenate([*draws.values()], axis=1)[:count]
    recipe = Recipe.named(name, size)
    batch = changing.ChangeView(recipe)(crops, given).numpy()
    alone = []
    for i in range(0, count, 2):
        alone += changing.change_each(recipe)([*crops[i : i + 2]], given[i : i + 2])
    np.testing.assert_allclose(batch, alone, atol=1e-5)
    np.testing.assert_allclose(batch, changed(recipe, crops / 255, given), atol=1e-5)
    assert batch.min() >= 0 and batch.max() <= 1 and batch.std() > 0.05


def test_unknown_recipes_are_refused():
    with pytest.raises(ValueError, match="augmentation 'cutout'; expected one of full"):
        Recipe.named("cutout", 32)
