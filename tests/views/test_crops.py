"""Where views lie: boxes by statistics; resampling against Pillow, SciPy and TensorFlow Addons."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage, stats

from simclr_med.config.recipes import Recipe
from simclr_med.views import augment, crops

MANY = 10_000


@pytest.fixture(scope="module")
def placing():
    return augment.draw(tf.constant([1, 2]), MANY)[0]


@pytest.fixture(scope="module")
def photograph():
    smooth = ndimage.gaussian_filter(np.random.default_rng(2).random([90, 120, 3]), (4, 4, 0))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def boxes(placing, height, width, **settings):
    recipe = Recipe(("crop",), 224, **settings)
    sides = tf.constant([height, width])
    parts = crops.crop_parts(placing, sides, recipe)
    return crops.boxes_in(parts, placing[:, 20:22], sides).numpy()


def test_crops_are_uniform_in_area_aspect_and_place(placing):
    top, left, height, width = boxes(placing, 6000, 6000).T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + height <= 6000).all() and (left + width <= 6000).all()
    area = height * width / 6000**2
    assert area.min() >= 0.0799 and area.max() <= 1
    # Up to 3/4 of a square every aspect fits, so that nothing is rejected.
    small = area < 0.75
    assert stats.kstest(area[small], stats.uniform(0.08, 0.67).cdf).pvalue > 1e-3
    aspect = (width / height)[small]
    assert stats.kstest(aspect, stats.uniform(3 / 4, 4 / 3 - 3 / 4).cdf).pvalue > 1e-3
    places = (top / (6000 - height + 1))[height < 5000]
    assert stats.kstest(places, "uniform").pvalue > 1e-3
    places = (left / (6000 - width + 1))[width < 5000]
    assert stats.kstest(places, "uniform").pvalue > 1e-3


def test_aspects_are_in_pixels_whatever_the_image(placing):
    _, _, height, width = boxes(placing, 3000, 9000).T
    whole = (height == 3000) & (width == 9000)
    assert whole.mean() < 0.05  # where none of ten attempts fits
    aspect = (width / height)[~whole]
    assert aspect.min() > 0.749 and aspect.max() < 1.335


def test_a_crop_of_everything_is_everything_and_of_one_pixel_one(placing):
    assert (boxes(placing[:200], 30, 50, min_area=1.0) == [0, 0, 30, 50]).all()
    assert (boxes(placing[:50], 1, 1) == [0, 0, 1, 1]).all()


def test_a_window_is_a_square_anywhere(placing):
    recipe, sides = Recipe(("window",), 224, window=0.7), tf.constant([300, 500])
    parts = crops.crop_parts(placing, sides, recipe)
    top, left, height, width = crops.boxes_in(parts, placing[:, 20:22], sides).numpy().T
    assert (height == 210).all() and (width == 210).all()
    assert stats.chisquare(np.bincount(top, minlength=91)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(left // 10, minlength=30)[:29]).pvalue > 1e-3
    assert left.max() <= 290


def test_angles(placing):
    degrees = np.degrees(crops.angles(placing[:, -1], 20.0))
    assert stats.kstest(degrees, stats.uniform(-20, 40).cdf).pvalue > 1e-3


def test_resizing_keeps_a_ramp_and_the_whole_box(photograph):
    ramp = np.linspace(0.2, 0.8, 40, dtype=np.float32)
    ramp = np.repeat(np.tile(ramp, [40, 1])[..., None], 3, axis=-1)
    view = crops.crop_and_resize(tf.constant(ramp), tf.constant([4, 10, 20, 20]), 40).numpy()
    np.testing.assert_allclose(np.diff(view[20, 4:-4, 0]), 0.6 / 39 / 2, atol=2e-4)
    np.testing.assert_allclose(view.mean(), ramp[4:24, 10:30].mean(), atol=1e-3)
    same = crops.crop_and_resize(tf.constant(photograph), tf.constant([9, 30, 60, 60]), 60)
    np.testing.assert_allclose(same, photograph[9:69, 30:90], atol=1e-4)


def test_enlarging_is_pillows_bicubic(photograph):
    """Pillow antialiases where it makes smaller, and its kernel has another sharpness."""
    view = crops.crop_and_resize(tf.constant(photograph), tf.constant([5, 7, 50, 64]), 128)
    part = Image.fromarray(photograph[5:55, 7:71])
    expected = np.asarray(part.resize([128, 128], Image.Resampling.BICUBIC), float)
    assert np.abs(view - expected).mean() < 0.4 and np.abs(view - expected).max() < 3


def test_evaluation_view_is_pillows_centre_resized(photograph):
    view = crops.evaluation_view(tf.constant(photograph), 40, 0.8).numpy()
    centre = Image.fromarray(photograph).crop((24, 9, 24 + 72, 9 + 72))
    expected = np.asarray(centre.resize([40, 40], Image.Resampling.BICUBIC), float)
    assert np.abs(view - expected).mean() < 0.6 and np.abs(view - expected).max() < 4


def turned(image, radians, points):
    """SciPy: the image turned counter-clockwise about its centre, at `points` (y, x) of it."""
    centre = (np.array(image.shape[:2]) - 1)[:, None, None] / 2
    y, x = points - centre
    cos, sin = np.cos(radians), np.sin(radians)
    source = np.stack([cos * y + sin * x, cos * x - sin * y]) + centre
    channels = [ndimage.map_coordinates(image[..., c], source, order=1) for c in range(3)]
    return np.stack(channels, axis=-1)


def test_rotation_is_scipys_and_tensorflow_addons(photograph):
    tfa = pytest.importorskip("tensorflow_addons")
    images = np.stack([photograph, photograph[::-1], photograph]).astype(np.float32)
    radians = np.float32([0.3, -0.7, 0.0])
    ours = crops.rotate(tf.constant(images), tf.constant(radians)).numpy()
    theirs = tfa.image.rotate(images, radians, "bilinear")
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    points = np.stack(np.mgrid[:90, :120]).astype(float)
    for image, angle, view in zip(images, radians, ours, strict=True):
        inside = slice(25, 65), slice(30, 90)
        expected = turned(image.astype(float), angle, points)
        np.testing.assert_allclose(view[inside], expected[inside], atol=0.02)
    assert (ours[0, 0, 0] == 0).all()  # a corner


def test_a_turned_crop_is_the_crop_of_the_turned_image(photograph):
    box, size, angle = np.array([20, 31, 44, 50]), 32, 0.4
    view = crops.crop_rotated(
        tf.constant(photograph), tf.constant([box, box]), tf.constant([angle, -angle]), size
    )
    scale = box[2:] / size
    grid = np.stack(np.mgrid[:size, :size]).astype(float)
    points = (box[:2] + 0.5 * (scale - 1))[:, None, None] + scale[:, None, None] * grid
    for sign, ours in zip((1, -1), view, strict=True):
        expected = turned(photograph.astype(float), sign * angle, points)
        np.testing.assert_allclose(ours, expected, atol=0.05)


def test_no_rotation_is_a_crop_alone(photograph):
    box = tf.constant([[10, 20, 64, 64]])
    view = crops.crop_rotated(tf.constant(photograph), box, tf.zeros([1]), 64)[0]
    np.testing.assert_allclose(view, photograph[10:74, 20:84], atol=1e-3)
    draws = augment.draw(tf.constant([0, 1]), 2)[0]
    still = crops.crops_of(photograph, draws, Recipe.named("finetune", 32, rotation=0.0))
    plain = crops.crops_of(photograph, draws, Recipe.named("partial", 32))
    assert np.array_equal(still, plain)


def test_large_jpegs_are_decoded_small_enough_and_not_smaller(photograph):
    large = np.asarray(Image.fromarray(photograph).resize([1600, 1200], Image.Resampling.BICUBIC))
    encoded = tf.io.encode_jpeg(large, quality=95)
    draws = augment.draw(tf.constant([3, 4]), 6)[0]
    recipe = Recipe.named("partial", 64)
    graph = tf.function(lambda d: crops.random_crops(encoded, d, recipe))
    for i in range(6):
        part = crops.crop_parts(draws[i : i + 1], tf.constant([1200, 1600]), recipe)[0]
        scale = max(s for s in crops.SCALES if (part * [1200, 1600] >= 64 * s).numpy().all())
        assert scale >= 2
        # The decoder's small image is that of the means of squares of pixels.
        means = large.reshape(1200 // scale, scale, 1600 // scale, scale, 3).mean((1, 3))
        expected = crops.crops_of(tf.constant(means, tf.float32), draws[i : i + 1], recipe)
        ours = np.stack(graph(draws[i : i + 1]))
        assert np.abs(ours - expected).mean() < 0.7 and np.abs(ours - expected).max() < 8
    small = tf.io.encode_jpeg(photograph, quality=95)
    exact = crops.crops_of(tf.io.decode_jpeg(small), draws, recipe)
    assert np.array_equal(crops.random_crops(small, draws, recipe), exact)
    png = tf.io.encode_png(photograph)
    exact = crops.crops_of(photograph, draws, recipe)
    np.testing.assert_allclose(crops.random_crops(png, draws, recipe), exact, atol=1e-3)


@pytest.mark.parametrize("name", ["partial", "chexpert"])
def test_other_formats_are_shrunk_by_averaging(name):
    """A radiograph's noise, pixel by pixel, must not come through as if it were structure."""
    noise = np.random.default_rng(3).integers(0, 256, [512, 512, 1]).astype(np.uint8)
    noise = np.repeat(noise, 3, axis=-1)
    draws = augment.draw(tf.constant([3, 5]), 8)[0]
    recipe = Recipe.named(name, 56, min_area=0.9)
    for i in range(8):
        part = crops.crop_parts(draws[i : i + 1], tf.constant([512, 512]), recipe)[0]
        scale = max(s for s in crops.SCALES if (512 * part >= 56 * s).numpy().all())
        assert scale >= 4
        means = noise.reshape(512 // scale, scale, 512 // scale, scale, 3).mean((1, 3))
        expected = crops.crops_of(tf.constant(means, tf.float32), draws[i : i + 1], recipe)
        ours = crops.random_crops(tf.io.encode_png(noise), draws[i : i + 1], recipe)
        np.testing.assert_allclose(ours, expected, atol=1e-2)


def test_no_steps_are_the_evaluation_view(photograph):
    draws = augment.draw(tf.constant([0, 1]), 2)[0]
    views = crops.crops_of(photograph, draws, Recipe.named("none", 32, eval_crop=0.6))
    expected = crops.evaluation_view(photograph, 32, 0.6)
    assert np.array_equal(views, [expected, expected])
    large = np.asarray(Image.fromarray(photograph).resize([1200, 900]))
    encoded = tf.io.encode_jpeg(large, quality=95)
    views = crops.random_crops(encoded, draws, Recipe.named("none", 32))
    whole = crops.evaluation_view(tf.io.decode_jpeg(encoded), 32)
    np.testing.assert_allclose(views, [whole, whole], atol=1e-3)
