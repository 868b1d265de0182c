"""Exact intervals against SciPy's, and that none is without width."""

import numpy as np
import pytest
from predictions_made import fake
from scipy import stats

from simclr_med.evaluation.intervals import exact
from simclr_med.evaluation.intervals.bootstrap import Settings, evaluate
from simclr_med.evaluation.intervals.resampling import units_of


@pytest.mark.parametrize("count", [1, 29, 150])
def test_all_right_and_all_wrong_are_clopper_and_pearson_s(count):
    for hits in (0, count):
        expected = stats.binomtest(hits, count).proportion_ci(0.95, "exact")
        assert exact.of_share(hits, count, 0.95) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("hits", "count"), [(1, 20), (28, 29), (148.5, 150)])
def test_between_it_is_jeffreys_(hits, count):
    expected = stats.beta(hits + 0.5, count - hits + 0.5).ppf([0.025, 0.975])
    assert exact.of_share(hits, count, 0.95) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("share", [0.93, 0.968, 0.988])
def test_shares_near_one_are_covered(share):
    """By the exact distribution of 150 cases, no simulation."""
    hits = np.arange(151)
    ends = np.array([exact.of_share(k, 150, 0.95) for k in hits])
    inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
    assert 0.93 <= stats.binom.pmf(hits, 150, share)[inside].sum() <= 0.97


def test_cases_of_one_patient_count_once_where_all_are_right():
    units = units_of(fake(60, patients=12), "auto")
    ones = np.ones(60)
    assert exact.effective(ones, ones, units) == 12
    apart = units_of(fake(60), "auto")
    assert exact.effective(ones, ones, apart) == 60


def test_effective_cases_are_those_of_the_clusters_where_a_patient_s_cases_agree():
    units = units_of(fake(60, patients=12), "auto")
    hits = (units.index % 4 > 0).astype(float)  # 9 of 12 patients
    assert exact.effective(hits, np.ones(60), units) == pytest.approx(11)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("cases", [1, 29])
@pytest.mark.parametrize("patients", [None, 7])
def test_no_interval_is_without_width(task, cases, patients):
    made = fake(cases, 3, task, patients=patients)
    truth = np.nan_to_num(made.truth)
    perfect = fake(cases, 3, task, patients=patients, truth=truth, probabilities=truth)
    found = evaluate(perfect, Settings(100))
    withheld = [n for n, m in found["metrics"].items() if m["value"] is not None and not m["low"]]
    for name, each in found["metrics"].items():
        if each["value"] is not None and each["low"] is not None:
            assert each["high"] > each["low"], name
    assert (
        not withheld
        or cases == 1
        or any("no replicate differs" in said for said in found["warnings"])
    )
    if task == "multiclass":
        assert found["metrics"]["top1_accuracy"]["high"] == 1
        assert found["metrics"]["top1_accuracy"]["low"] > 0
