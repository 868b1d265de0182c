"""Intervals and p-values from replicates."""

import numpy as np
import pytest
from scipy import stats

from simclr_med.evaluation.intervals import interval_ends
from simclr_med.evaluation.intervals.interval_ends import PLAIN, Shape


def normal(mean, count=4999):
    """Replicates that lie exactly as a normal distribution."""
    return mean + stats.norm.ppf((np.arange(count) + 1) / (count + 1))


def test_the_plain_interval_is_the_percentiles():
    assert PLAIN.levels(0.95) == pytest.approx([0.025, 0.975])
    assert interval_ends.interval(normal(1), 0.95) == pytest.approx((1 - 1.96, 1 + 1.96), abs=0.01)


def test_few_units_give_students_interval():
    low, high = interval_ends.interval(normal(0), 0.9, interval_ends.small_sample(5))
    expected = stats.t.ppf(0.95, 4) * np.sqrt(5 / 4)
    assert (low, high) == pytest.approx((-expected, expected), rel=0.02)


def test_rare_classes_give_a_mean_over_classes_the_spread_that_replicates_lack():
    counts, random = np.array([1, 2, 3, 40]), np.random.default_rng(0)
    drawn = [random.normal(size=(20000, n)) for n in counts]
    means = np.mean([part.mean(1) for part in drawn], axis=0)
    # What a bootstrap within classes shows: the variance of a class's sample, over n.
    shown = sum(part.var(1) / n for part, n in zip(drawn, counts, strict=True)) / len(counts) ** 2
    shape = interval_ends.of_classes(counts)
    assert shape.stretch == pytest.approx(means.std() / np.sqrt(shown.mean()), rel=0.03)
    assert interval_ends.of_classes([7, 7, 7]).stretch == pytest.approx(np.sqrt(7 / 6))
    assert interval_ends.of_classes([7, 7, 7]).df == pytest.approx(3 * 6)
    assert interval_ends.of_classes([1, 1]) == interval_ends.of_classes([]) == PLAIN


@pytest.mark.parametrize(
    "shape",
    [
        PLAIN,
        interval_ends.small_sample(12),
        Shape(30, 1.1, bias=0.2, acceleration=0.05),
        Shape(30, 1.1, symmetric=True),
    ],
)
@pytest.mark.parametrize("mean", [-2.5, -1.0, 0.7, 2.2])
def test_the_p_value_is_the_level_at_which_the_interval_reaches_0(shape, mean):
    samples = normal(mean)
    p = interval_ends.p_value(samples, shape, mean)
    ends = interval_ends.interval(samples, 1 - p, shape, mean)
    assert min(abs(end) for end in ends) < 0.02
    wider, narrower = (
        interval_ends.interval(samples, 1 - p * by, shape, mean) for by in (0.8, 1.2)
    )
    assert wider[0] < 0 < wider[1]
    assert narrower[0] > 0 or narrower[1] < 0


ROUGH = [  # replicates of few values, as of few cases that differ, and of many
    lambda random, count, mean: np.round(random.normal(mean, 1, count), 1),
    lambda random, count, mean: random.normal(mean, 1, count),
    lambda random, count, mean: mean + 1 - random.exponential(1, count),
]


@pytest.mark.parametrize("draw", ROUGH)
@pytest.mark.parametrize("symmetric", [False, True])
def test_an_interval_excludes_0_where_and_only_where_its_p_value_rejects(draw, symmetric):
    random, counted = np.random.default_rng(0), {True: 0, False: 0}
    for _ in range(400):
        shape = Shape(
            df=random.choice([2, 9, 300, np.inf]),
            stretch=random.uniform(0.8, 1.5),
            bias=0.0 if symmetric else random.choice([0, random.normal(0, 0.5)]),
            acceleration=0.0 if symmetric else random.choice([0, random.normal(0, 0.1)]),
            symmetric=symmetric,
        )
        mean = random.choice([-1, 1]) * random.uniform(1.2, 3.5)
        samples = draw(random, random.choice([199, 200, 999, 1000]), mean)
        confidence = random.choice([0.9, 0.95])
        low, high = interval_ends.interval(samples, confidence, shape, mean)
        excludes = low > 0 or high < 0
        rejects = interval_ends.rejects(interval_ends.p_value(samples, shape, mean), confidence)
        if symmetric or shape.within(len(samples), confidence):
            assert rejects == excludes, (shape, confidence, low, high)
            counted[excludes] += 1
        assert excludes or not rejects
    assert min(counted.values()) > 20


def test_an_end_with_no_place_among_the_replicates_shows_nothing():
    wide, samples = Shape(stretch=2.0), np.linspace(0.1, 1, 1000)
    assert not wide.within(1000, 0.95) and wide.within(100_000, 0.95)
    assert interval_ends.interval(samples, 0.95, wide) == (0.1, 1.0)
    assert not interval_ends.rejects(interval_ends.p_value(samples, wide), 0.95)
    assert PLAIN.within(39, 0.95) and not PLAIN.within(38, 0.95)


def test_a_percentile_interval_counts_replicates_and_the_sample():
    """25 of 1,000 places lie beyond each end, so that 24 replicates beyond 0 are p = 0.05."""
    for beyond, p in ((24, 0.05), (25, 0.052)):
        samples = np.concatenate([np.full(beyond, -1.0), np.arange(1, 1000 - beyond)])
        assert len(samples) == 999
        assert interval_ends.p_value(samples) == pytest.approx(p)
        assert (interval_ends.interval(samples, 0.95)[0] > 0) == (beyond == 24)


def test_p_values_stay_between_one_of_all_and_1():
    assert interval_ends.p_value(np.zeros(99)) == 1
    assert interval_ends.p_value(np.ones(99)) == pytest.approx(2 / 100)
    assert interval_ends.p_value(np.array([-1.0, 1.0] * 50)) == pytest.approx(1)
    assert interval_ends.p_value(normal(9), Shape(bias=2.0)) == pytest.approx(1 / 5000)


def test_a_symmetric_interval_is_students_about_the_value():
    samples = np.random.default_rng(0).exponential(size=400)  # skewed: quantiles are elsewhere
    found = interval_ends.interval(samples, 0.95, Shape(9, 1.2, symmetric=True), 1.0)
    expected = stats.t.interval(0.95, 9, loc=1.0, scale=1.2 * samples.std())
    assert found == pytest.approx(expected)
    p = interval_ends.p_value(samples, Shape(9, 1.2, symmetric=True), 1.0)
    assert p == pytest.approx(2 * stats.t.sf(1 / (1.2 * samples.std()), 9))
    assert interval_ends.p_value(np.zeros(9), Shape(symmetric=True), 0.0) == 1
    assert interval_ends.p_value(np.ones(9), Shape(symmetric=True), 1.0) == pytest.approx(0.1)


def test_replicates_that_lie_above_their_value_are_moved_below_it():
    """BCa's z0: what replicates are off the value, the value is off the truth."""
    shape = Shape(bias=interval_ends.median_bias(0.0, normal(0.3)))
    assert shape.bias == pytest.approx(-0.3, abs=0.01)
    low, high = interval_ends.interval(normal(0.3), 0.95, shape)
    assert (low, high) == pytest.approx((-0.3 - 1.96, -0.3 + 1.96), abs=0.02)


def test_bca_of_symmetric_replicates_without_skewness_is_plain():
    shape = interval_ends.bca(0.0, normal(0), np.array([-1.0, 0.0, 1.0]))
    assert shape.levels(0.95) == pytest.approx([0.025, 0.975], abs=1e-3)
    assert shape.acceleration == pytest.approx(0, abs=1e-12)


def test_bca_with_its_ends_out_of_reach_takes_the_extremes():
    levels = Shape(bias=2.0, acceleration=0.5).levels(0.99)
    assert 0 <= levels[0] < levels[1] == 1


def test_identical_replicates_have_an_interval():
    shape = interval_ends.bca(0.5, np.full(10, 0.5), np.full(4, 0.5))
    assert interval_ends.interval(np.full(10, 0.5), 0.95, shape) == (0.5, 0.5)
