"""DeLong's test against its definition and published numbers."""

import numpy as np
import pytest
from scipy import stats

from simclr_med.evaluation.comparisons import delong
from simclr_med.evaluation.metrics import functions


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
        functions.auc(functions.rank(truth, scores[1]).weigh(np.ones(40)))
    )


def test_p_value_is_a_z_test_of_the_difference():
    truth, scores = drawn(models=2)
    (a, b), cov = by_definition(truth, scores)
    z = (a - b) / np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    found = delong.p_value(truth, scores, np.arange(40))
    assert found == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


# DeLong et al. 1988's ovarian cancer patients, the 43 whose three scores are all known, as printed
# in the SAS/STAT 14.1 User's Guide, LOGISTIC, example 72.8: albumin, total protein, Krebs-Goplerud
# score (less is better), whether surgery helped.
OVARIAN_CANCER = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
1.6 5.6  5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
4.3 7.0  4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
3.0 4.7  8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
3.2 5.1  5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
3.5 6.2  5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6  5 1
"""


def test_the_example_of_delong_et_al():
    table = np.array(OVARIAN_CANCER.split(), float).reshape(43, 4)
    truth, units = table[:, 3], np.arange(43)
    albumin, protein, score = table[:, 0], table[:, 1], 10 - table[:, 2]
    values, covariance = delong.covariance(truth, np.stack([albumin, protein, score]), units)
    np.testing.assert_allclose(values, [0.7366, 0.6478, 0.7258], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.0927, 0.1000, 0.1028], atol=5e-5)
    assert delong.p_value(truth, np.stack([albumin, score]), units) == pytest.approx(
        0.9102, abs=5e-5
    )
    assert delong.p_value(truth, np.stack([protein, score]), units) == pytest.approx(
        0.4561, abs=5e-5
    )
    contrast = np.array([[1, 0, -1], [0, 1, -1]])  # both against the score at once
    apart = contrast @ values
    chi_square = apart @ np.linalg.solve(contrast @ covariance @ contrast.T, apart)
    assert chi_square == pytest.approx(2.5340, abs=5e-5)


# 113 patients after an aneurysmal subarachnoid haemorrhage: WFNS grade, S100B in the blood (Turck
# et al. 2010, Intensive Care Medicine 36:107), the data set aSAH of the R package pROC, whose own
# tests (xrobin/pROC, tests/testthat/test-roc.test.R) have the numbers expected here.
GOOD_OUTCOME = """
1:.13 1:.14 1:.1 1:.04 5:.47 1:.18 2:.1 2:.1 1:.04 2:.08 2:.04 1:.09 1:.11 1:.07 2:.17 1:.07 2:.11
1:.13 1:.19 3:.05 4:.16 1:.14 4:.34 1:.09 5:.5 5:.46 1:.16 1:.07 2:.43 4:.45 1:.11 1:.08 2:.09
2:.08 1:.06 2:.13 1:.1 2:.14 2:.15 1:.06 1:.05 1:.09 1:.04 2:.09 1:.08 2:.16 1:.09 1:.08 3:.33
2:.11 4:.28 2:.07 1:.1 4:.32 1:.07 1:.05 5:.24 4:.38 2:.1 2:.15 1:.08 1:.14 1:.1 3:.07 1:.04 2:.19
2:.15 4:.47 4:.17 1:.15 1:.5 1:.48
"""
POOR_OUTCOME = """
3:.13 2:.1 4:.16 5:.12 5:.44 5:.71 5:.49 2:.07 5:.33 2:.09 1:.07 2:.41 5:.35 4:.48 4:.96 2:.25
5:.86 5:.52 5:2.07 2:.07 5:.77 2:.3 5:.03 2:.09 4:.23 5:.7 4:.27 4:.71 1:.08 4:.26 4:.13 2:.1
2:.11 5:.22 5:.56 2:.14 2:.58 5:.32 5:.82 5:.74 5:.44
"""


def test_the_example_of_proc():
    good, poor = (
        np.array([pair.split(":") for pair in text.split()], float)
        for text in (GOOD_OUTCOME, POOR_OUTCOME)
    )
    truth, scores = np.repeat([0, 1], [len(good), len(poor)]), np.concatenate([good, poor]).T
    (a, b), cov = delong.covariance(truth, scores, np.arange(113))
    deviation = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    assert (a, b) == pytest.approx((0.8236789, 0.7313686), abs=5e-8)
    assert (a - b) / deviation == pytest.approx(2.20898359144091, rel=1e-12)
    p = delong.p_value(truth, scores, np.arange(113))
    assert p == pytest.approx(0.0271757822291882, rel=1e-12)
    ends = a - b + stats.norm.ppf([0.025, 0.975]) * deviation
    assert ends == pytest.approx([0.0104061769564846, 0.174214419249478], rel=1e-12)


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
    assert by_unit[0, 0] / by_case[0, 0] == pytest.approx(5, rel=0.06)
    np.testing.assert_allclose(by_unit, once, rtol=1e-10)


def obuchowskis(truth, scores, units):
    """Obuchowski 1997, equations 3 to 6, in loops over clusters."""
    placed = [delong.placements(truth, row) for row in scores]
    names, models = np.unique(units), range(len(scores))
    off = np.zeros((2, len(scores), len(names)))  # sums of a cluster's positives, negatives
    held = np.zeros((2, len(names)))
    for side, kind in enumerate((1, 0)):
        for g, name in enumerate(names):
            inside = units[truth == kind] == name
            held[side, g] = inside.sum()
            for m in models:
                off[side, m, g] = (placed[m][side][inside] - placed[m][0].mean()).sum()
    n, (with_positives, with_negatives) = held.sum(1), (held > 0).sum(1)
    found, clusters = np.zeros((len(scores), len(scores))), len(names)
    for a in models:
        for b in models:
            s10 = (off[0, a] * off[0, b]).sum() * with_positives / (with_positives - 1) / n[0]
            s01 = (off[1, a] * off[1, b]).sum() * with_negatives / (with_negatives - 1) / n[1]
            s11 = (off[0, a] * off[1, b] + off[0, b] * off[1, a]).sum() * clusters / (clusters - 1)
            found[a, b] = s10 / n[0] + s01 / n[1] + s11 / (n[0] * n[1])
    return found


@pytest.mark.parametrize("patients", [39, 25, 12])
def test_clusters_are_obuchowskis(patients):
    """The factors count clusters with positives, and with negatives; masked cases count nowhere."""
    truth, scores = drawn(models=2, seed=patients)
    units = np.random.default_rng(1).integers(patients, size=40)
    _, found = delong.covariance(truth, scores, units)
    np.testing.assert_allclose(found, obuchowskis(truth, scores, units), rtol=1e-10)
    more = np.append(truth, np.nan), np.append(scores, [[0.0], [0.0]], axis=1), np.append(units, 99)
    np.testing.assert_allclose(delong.covariance(*more)[1], found, rtol=1e-12)


def test_two_negatives_of_one_patient_hardly_move_it():
    """Both kinds keep a factor of their own, as where all patients have one case."""
    truth, scores = drawn(models=2)
    units = np.arange(40)
    first, second = np.flatnonzero(truth == 0)[:2]
    units[second] = units[first]
    once = delong.p_value(truth, scores, np.arange(40))
    assert delong.p_value(truth, scores, units) == pytest.approx(once, rel=0.1)


def test_models_that_rank_alike_and_too_few_cases():
    truth, scores = drawn(models=1)
    assert delong.p_value(truth, np.concatenate([scores, scores * 2]), np.arange(40)) == 1
    one = np.array([1.0, 0, 0, 0])
    assert np.isnan(delong.p_value(one, np.random.default_rng(0).random((2, 4)), np.arange(4)))
