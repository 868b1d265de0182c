"""Each change of an image against NumPy, Pillow, colorsys or SciPy; the views by statistics."""

import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage, stats

from simclr_med import augment


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random([20, 20, 3]).astype(np.float32)


def many(function, count, seed=0):
    """`function(seed [2])` for `count` seeds, stacked."""
    seeds = tf.stack([tf.range(count), tf.fill([count], seed)], axis=1)
    spec = tf.function(function).get_concrete_function(tf.TensorSpec([2], tf.int32))
    signature = tf.nest.map_structure(
        lambda t: tf.TensorSpec(t.shape, t.dtype), spec.structured_outputs
    )
    return tf.map_fn(spec, seeds, fn_output_signature=signature).numpy()


# Changes


def test_contrast_stretches_each_channel_about_its_mean(image):
    mean = image.mean((0, 1), keepdims=True)
    expected = mean + 1.7 * (image - mean)
    np.testing.assert_allclose(augment.adjust_contrast(image, 1.7), expected, atol=1e-5)


def test_saturation_and_hue_are_colorsys(image):
    saturated = augment.adjust_saturation(image, 0.4).numpy()
    turned = augment.adjust_hue(image, 0.15).numpy()
    for y, x in itertools.product(range(0, 20, 3), range(0, 20, 3)):
        h, s, v = colorsys.rgb_to_hsv(*image[y, x].tolist())
        np.testing.assert_allclose(saturated[y, x], colorsys.hsv_to_rgb(h, 0.4 * s, v), atol=1e-5)
        expected = colorsys.hsv_to_rgb((h + 0.15) % 1, s, v)
        np.testing.assert_allclose(turned[y, x], expected, atol=1e-4)


def test_greyscale_is_pillows(image):
    levels = np.uint8(255 * image)
    expected = np.asarray(Image.fromarray(levels).convert("L"), float)
    grey = 255 * augment.greyscale(levels / np.float32(255)).numpy()
    assert np.abs(grey[..., 0] - expected).max() <= 1
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 0] == grey[..., 2]).all()


def test_jitter_applies_its_changes_in_order_and_clips_each(image):
    factors = np.float32([1.6, 0.5, 1.4, -0.1])
    changes = (
        augment.adjust_brightness, augment.adjust_contrast, augment.adjust_saturation,
        augment.adjust_hue,
    )  # fmt: skip
    for order in augment.JITTER_ORDERS[::5]:
        expected = image
        for which in order:
            expected = np.clip(changes[which](expected, factors[which]), 0, 1)
        jittered = augment.colour_jitter(tf.constant(image), factors, tf.constant(order))
        np.testing.assert_allclose(jittered, expected, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("size", [20, 64, 224])
def test_blur_is_scipys_gaussian_renormalised_at_the_borders(sigma, size):
    image = np.random.default_rng(1).random([size, size, 3]).astype(np.float32)
    taps = augment.blur_taps(size)

    def convolve(x):
        place = np.arange(taps) - taps // 2
        kernel = np.exp(-(place**2) / (2 * sigma**2))
        for axis in (0, 1):
            x = ndimage.convolve1d(x, kernel / kernel.sum(), axis, mode="constant")
        return x

    expected = convolve(image.astype(float)) / convolve(np.ones_like(image, float))
    np.testing.assert_allclose(augment.blur(image, sigma, taps), expected, atol=1e-5)


def test_blur_kernel_of_the_reference():
    assert [augment.blur_taps(size) for size in (32, 64, 224, 448)] == [3, 7, 23, 45]


def test_resizing_keeps_a_ramp_and_the_whole_box(image):
    ramp = np.linspace(0.2, 0.8, 40, dtype=np.float32)
    ramp = np.repeat(np.tile(ramp, [40, 1])[..., None], 3, axis=-1)
    view = augment.crop_and_resize(tf.constant(ramp), tf.constant([4, 10, 20, 20]), 40).numpy()
    inner = view[20, 4:-4, 0]
    np.testing.assert_allclose(np.diff(inner), 0.6 / 39 / 2, atol=2e-4)
    np.testing.assert_allclose(view.mean(), ramp[4:24, 10:30].mean(), atol=1e-3)
    same = augment.crop_and_resize(tf.constant(image), tf.constant([0, 0, 20, 20]), 20)
    np.testing.assert_allclose(same, image, atol=1e-6)


def test_evaluation_view_is_pillows_centre_resized():
    smooth = ndimage.gaussian_filter(np.random.default_rng(2).random([90, 120, 3]), (4, 4, 0))
    levels = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    view = 255 * augment.evaluation_view(tf.constant(levels), 40, 0.8).numpy()
    centre = Image.fromarray(levels).crop((24, 9, 24 + 72, 9 + 72))
    expected = np.asarray(centre.resize([40, 40], Image.Resampling.BICUBIC), float)
    assert np.abs(view - expected).mean() < 0.6 and np.abs(view - expected).max() < 4


# Distributions


def boxes(height, width, min_area, count=4000):
    def box(seed):
        return augment.crop_box(augment.draw(seed)["crop"], height, width, min_area)

    return many(box, count)


def test_crops_are_uniform_in_area_and_log_uniform_in_aspect():
    top, left, height, width = boxes(6000, 8000, 0.08).T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + height <= 6000).all() and (left + width <= 8000).all()
    area = height * width / 6000 / 8000
    assert area.min() >= 0.0799 and area.max() <= 1
    # Up to 3/4 of the image every aspect fits, so that nothing is rejected.
    small = area[area < 0.75]
    assert stats.kstest(small, stats.uniform(0.08, 0.67).cdf).pvalue > 1e-3
    aspect = np.log((width / 8000) / (height / 6000))[area < 0.75]
    limit = np.log(4 / 3)
    assert stats.kstest(aspect, stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3
    place = (top / (6000 - height + 1))[height < 5000]
    assert stats.kstest(place, "uniform").pvalue > 1e-3


def test_a_crop_of_everything_is_everything_and_of_one_pixel_one():
    assert (boxes(30, 50, 1.0, 200)[:, 2:] > [20, 30]).all()
    assert (boxes(1, 1, 0.08, 50) == [0, 0, 1, 1]).all()


def test_jitter_factors_of_the_paper():
    draws = np.random.default_rng(3).random([5000, 4]).astype(np.float32)
    factors = np.stack([augment.jitter_factors(tf.constant(d), 1.0) for d in draws[:500]])
    for column, (low, high) in enumerate([(0.2, 1.8)] * 3 + [(-0.2, 0.2)]):
        assert stats.kstest(factors[:, column], stats.uniform(low, high - low).cdf).pvalue > 1e-3
    none = augment.jitter_factors(tf.constant(draws[0]), 0.0)
    np.testing.assert_allclose(none, [1, 1, 1, 0], atol=1e-6)


def test_every_order_of_changes_is_as_likely():
    numbers = np.random.default_rng(4).random(6000).astype(np.float32)
    orders = np.array(augment.JITTER_ORDERS)
    index = (numbers * 24).astype(int)
    for number, i in zip(numbers[:50], index[:50], strict=True):
        assert (augment.jitter_order(tf.constant(number)).numpy() == orders[i]).all()
    assert len({tuple(order) for order in orders}) == 24
    assert stats.chisquare(np.bincount(index, minlength=24)).pvalue > 1e-3


def views_of(image, count, **changes):
    settings = {"size": 32, "augmentation": "full", "strength": 0.0, "min_area": 1.0} | changes
    return many(lambda seed: augment.random_view(tf.constant(image), seed, **settings), count)


def share(marks, expected, count):
    assert abs(np.mean(marks) - expected) < 4 * np.sqrt(expected * (1 - expected) / count)


def test_shares_of_flip_grey_and_blur():
    image = np.full([64, 64, 3], [0.2, 0.5, 0.7], np.float32)
    image[:, 32:] += 0.2
    views = views_of(image, 2000)
    share(views[:, :, 2, 0].mean(1) > views[:, :, -3, 0].mean(1), 0.5, 2000)
    grey = np.abs(views[..., 0] - views[..., 2]).max((1, 2)) < 1e-3
    share(grey, 0.2, 2000)
    # A blurred edge has values between the two sides'. Of the sigmas 0.1 to 2 the smallest
    # fifth leaves the edge as it is; the resized edge itself has few.
    sigma = many(lambda seed: augment.draw(seed)["blur"], 2000)
    assert stats.kstest(sigma[:, 1], "uniform").pvalue > 1e-3
    steepest = np.abs(np.diff(views, axis=2)).max((1, 2, 3))
    blurred = steepest < 0.9 * np.median(steepest[sigma[:, 0] >= 0.5])
    assert not blurred[(sigma[:, 0] >= 0.5) & ~grey].any()
    assert blurred[(sigma[:, 0] < 0.5) & (sigma[:, 1] > 0.5)].all()
    share(sigma[:, 0] < 0.5, 0.5, 2000)


def test_share_of_jitter():
    image = np.full([40, 40, 3], [0.3, 0.5, 0.6], np.float32)
    views = views_of(image, 2000, strength=1.0)
    colour = np.abs(views[..., 0] - views[..., 2]).max((1, 2)) > 1e-3
    unchanged = np.abs(views - image[0, 0]).max((1, 2, 3)) < 1e-3
    share(unchanged[colour], 0.2, colour.sum())


def test_a_view_is_a_function_of_its_seed_in_range():
    image = np.uint8(np.random.default_rng(5).integers(0, 256, [50, 70, 3]))
    a, b, other = (
        augment.random_view(tf.constant(image), tf.constant([0, s]), 32, "full", 1.0, 0.08)
        for s in (1, 1, 2)
    )
    assert (a.numpy() == b.numpy()).all() and (a.numpy() != other.numpy()).any()
    views = views_of(image, 100, strength=1.0, min_area=0.08)
    assert views.min() >= 0 and views.max() <= 1 and views.std() > 0.05


def test_partial_is_a_crop_alone_and_none_the_evaluation_view():
    colour = np.full([40, 60, 3], [0.1, 0.5, 0.9], np.float32)
    for view in views_of(colour, 20, augmentation="partial", strength=1.0, min_area=0.08):
        np.testing.assert_allclose(view, np.broadcast_to(colour[0, 0], view.shape), atol=1e-5)
    image = np.random.default_rng(6).random([40, 60, 3]).astype(np.float32)
    expected = augment.evaluation_view(tf.constant(image), 32)
    assert (views_of(image, 3, augmentation="none") == expected.numpy()).all()
    with pytest.raises(ValueError, match="cutout"):
        views_of(image, 1, augmentation="cutout")
