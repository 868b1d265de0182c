"""Several seeds of a method; and how many cases a comparison needs."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation import methods, power, predictions
from simclr_med.evaluation.bootstrap import Settings
from simclr_med.evaluation.scoring import score

FEW = Settings(300)


def seeds(skills, cases=100):
    """Runs of one method on the same cases, each of its own skill and noise."""
    truth = fake(cases, 3).truth
    made = []
    for number, skill in enumerate(skills):
        random = np.random.default_rng([number, int(1000 * skill)])
        scores = np.exp(skill * truth + random.normal(size=truth.shape))
        made.append(fake(cases, 3, truth=truth, probabilities=scores / scores.sum(1)[:, None]))
    return made


def test_mean_and_deviation_over_runs():
    made = seeds([1, 1.5, 2])
    values = [score(run, np.ones(100))["auc"] for run in made]
    found = methods.over_runs(made)["auc"]
    assert found == pytest.approx({"mean": np.mean(values), "sd": stats.tstd(values), "runs": 3})
    assert methods.over_runs(made[:1])["auc"]["sd"] is None


def test_seeds_that_differ_widen_what_cases_alone_would_give():
    steady, base = seeds([2, 2.001, 2.002]), seeds([1, 1.001, 1.002])
    shaky = seeds([0.5, 2, 3.5])
    widths = []
    for method in (steady, shaky):
        row = methods.compare_methods({"A": method, "B": base}, FEW)["auc"]
        assert row["difference"] == pytest.approx(row["value"] - row["baseline_value"])
        widths.append(row["high"] - row["low"])
    assert widths[1] > 2 * widths[0]
    assert methods.compare_methods({"A": steady, "B": base}, FEW)["auc"]["verdict"] == "better"
    assert not methods.compare_methods({"A": shaky, "B": base}, FEW)["auc"]["significant"]


def test_seeds_alone_give_students_interval():
    """Where cases cannot vary, the interval is near Welch's t test of the seeds."""
    values = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.2, 0.3, 0.5, 0.8])
    assert methods._df(0.0, values, 100) == pytest.approx(
        stats.ttest_ind(*values, equal_var=False).df
    )


def test_what_cannot_be_compared():
    made = seeds([1, 2])
    with pytest.raises(InputError, match="B has 1 run"):
        methods.compare_methods({"A": made, "B": made[:1]}, FEW)
    with pytest.raises(InputError, match="must hold the same cases"):
        methods.compare_methods({"A": made, "B": seeds([1, 2], cases=90)}, FEW)
    few = seeds([1, 2], cases=10)
    assert methods.compare_methods({"A": few, "B": few}, FEW)["auc"]["verdict"] == "undecided"


def test_cases_that_a_difference_needs():
    a, b = seeds([1.0, 1.2], cases=300)
    result = power.needed({"A": a, "B": b}, 0.05, Settings(2000, interval="percentile"))
    right = [(p.probabilities.argmax(1) == p.truth.argmax(1)).astype(float) for p in (a, b)]
    # The textbook's n = (z + z)^2 var / d^2 of a paired difference of means.
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    expected = z**2 * np.var(right[0] - right[1]) / 0.05**2
    row = result["metrics"]["top1_accuracy"]
    assert row["units"] == pytest.approx(expected, rel=0.1) and row["cases"] == row["units"]
    twice = power.needed({"A": a, "B": b}, 0.1, Settings(2000, interval="percentile"))
    assert twice["metrics"]["top1_accuracy"]["units"] == pytest.approx(row["units"] / 4, rel=0.01)


def test_at_the_needed_size_the_power_is_as_asked():
    a, b = seeds([1.0, 1.2], cases=300)
    first = power.needed({"A": a, "B": b}, 0.05, FEW)["metrics"]["auc"]
    wide = power.needed({"A": a, "B": b}, 2.8016 * first["spread"], FEW)["metrics"]["auc"]
    assert wide["units"] == pytest.approx(300, abs=1) and wide["power"] == pytest.approx(
        0.8, abs=0.01
    )


def test_the_tool(tmp_path):
    for name, made in zip("ab", seeds([1.0, 1.2]), strict=True):
        predictions.write(tmp_path / f"{name}.csv", made)
    command = [
        sys.executable,
        str(ROOT / "tools" / "power.py"),
        tmp_path / "a.csv",
        tmp_path / "b.csv",
    ]
    done = subprocess.run([*command, "--difference=0.05"], capture_output=True, text=True)
    assert done.returncode == 0 and "top-3 accuracy" in done.stdout, done.stderr
    done = subprocess.run([*command, "--difference=7"], capture_output=True, text=True)
    assert done.returncode == 2 and "difference 7.0" in done.stderr


def test_models_that_do_not_differ_need_no_number():
    a = fake()
    assert power.needed({"A": a, "B": a}, 0.1, FEW)["metrics"]["auc"] is None
