"""DeLong's test against its definition and published numbers."""

import numpy as np
import pytest
from scipy import stats

from simclr_med.evaluation import delong, metrics


def drawn(cases=40, models=3, seed=0):
    random = np.random.default_rng(seed)
    truth = (random.random(cases) < 0.4).astype(float)
    return truth, np.round(truth + random.normal(size=(models, cases)), 1)


def by_definition(truth, scores):
    """DeLong et al. 1988, equations 4 to 6, with loops."""
    positive, negative = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)

    def psi(x, y):
        return 0.5 if x == y else float(y < x)

    v10 = np.array(
        [[np.mean([psi(s[i], s[j]) for j in negative]) for i in positive] for s in scores]
    )
    v01 = np.array(
        [[np.mean([psi(s[i], s[j]) for i in positive]) for j in negative] for s in scores]
    )
    return v10.mean(1), np.cov(v10) / len(positive) + np.cov(v01) / len(negative)


def test_covariance_is_the_definitions():
    truth, scores = drawn()
    values, covariance = delong.covariance(truth, scores, np.arange(40))
    expected_values, expected = by_definition(truth, scores)
    np.testing.assert_allclose(values, expected_values, atol=1e-12)
    np.testing.assert_allclose(covariance, expected, atol=1e-12)
    assert values[1] == pytest.approx(
        metrics.auc(*metrics.rank(truth, scores[1]).weigh(np.ones(40)))
    )


def test_p_value_is_a_z_test_of_the_difference():
    truth, scores = drawn(models=2)
    (a, b), cov = by_definition(truth, scores)
    z = (a - b) / np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    found = delong.p_value(truth, scores, np.arange(40))
    assert found == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_unknown_truths_count_for_nothing():
    truth, scores = drawn(models=2)
    more = np.append(truth, np.nan), np.append(scores, [[9.0], [-9.0]], axis=1), np.arange(41)
    assert delong.p_value(*more) == delong.p_value(truth, scores, np.arange(40))


def test_repeated_units_widen_it():
    truth, scores = drawn(models=2)
    five = np.repeat(truth, 5), np.repeat(scores, 5, axis=1)
    _, by_case = delong.covariance(*five, np.arange(200))
    _, by_unit = delong.covariance(*five, np.repeat(np.arange(40), 5))
    _, once = delong.covariance(truth, scores, np.arange(40))
    assert by_unit[0, 0] / by_case[0, 0] == pytest.approx(5, rel=0.05)
    np.testing.assert_allclose(by_unit, once, rtol=0.05)


def test_models_that_rank_alike_and_too_few_cases():
    truth, scores = drawn(models=1)
    assert delong.p_value(truth, np.concatenate([scores, scores * 2]), np.arange(40)) == 1
    one = np.array([1.0, 0, 0, 0])
    assert np.isnan(delong.p_value(one, np.random.default_rng(0).random((2, 4)), np.arange(4)))
