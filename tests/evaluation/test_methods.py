"""Several seeds of a method; and how many cases a comparison needs."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.evaluation.comparisons import over_seeds, paired, power
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.metrics.scoring import score

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
    found = over_seeds.over_runs(made)["auc"]
    assert found == pytest.approx({"mean": np.mean(values), "sd": stats.tstd(values), "runs": 3})
    assert over_seeds.over_runs(made[:1])["auc"]["sd"] is None


def row_of(methods_of_runs, metric, settings=FEW, **arguments):
    rows = over_seeds.compare_methods(methods_of_runs, settings, **arguments)["differences"]
    return next(row for row in rows if row["metric"] == metric)


def test_seeds_that_differ_widen_what_cases_alone_would_give():
    steady, base = seeds([2, 2.001, 2.002]), seeds([1, 1.001, 1.002])
    shaky = seeds([0.5, 2, 3.5])
    widths = []
    for method in (steady, shaky):
        row = row_of({"A": method, "B": base}, "auc")
        assert row["difference"] == pytest.approx(row["value"] - row["baseline_value"])
        widths.append(row["high"] - row["low"])
    assert widths[1] > 2 * widths[0]
    assert row_of({"A": steady, "B": base}, "auc")["verdict"] == "better"
    assert not row_of({"A": shaky, "B": base}, "auc")["significant"]


def test_seeds_alone_give_students_interval():
    """Where all cases are alike, the interval is that of Welch's t test of the seeds."""
    truth = np.tile(np.eye(2, dtype=np.float32)[0], (40, 1))

    def runs(chances):
        return [
            fake(40, 2, truth=truth, probabilities=np.tile([p, 1 - p], (40, 1))) for p in chances
        ]

    chances = np.linspace(0.3, 0.8, 8), np.linspace(0.25, 0.55, 6)
    row = row_of({"A": runs(chances[0]), "B": runs(chances[1])}, "brier", Settings(5000))
    a, b = ((1 - part) ** 2 for part in chances)
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    found, wanted = (np.array(ends) for ends in (
        (row["low"], row["high"]), tuple(expected.confidence_interval())
    ))  # fmt: skip
    np.testing.assert_allclose(found, wanted, atol=0.03 * np.ptp(wanted))
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=0.3)


def test_runs_that_are_alike_give_the_interval_of_cases():
    a, b = seeds([2, 1], cases=200)
    settings = Settings(2000)
    alone = paired.compare({"A": a, "B": b}, settings)
    both = over_seeds.compare_methods({"A": [a, a], "B": [b, b]}, settings)
    for metric in ("auc", "top1_accuracy", "average_top1_sensitivity", "auc:k1"):
        row, expected = (
            next(r for r in result["differences"] if r["metric"] == metric)
            for result in (both, alone)
        )
        for end in ("low", "high"):
            # Student's about the value here, quantiles there.
            assert row[end] == pytest.approx(expected[end], abs=8e-3)
        assert both["models"]["A"]["metrics"][metric] == (
            alone["models"]["A"]["metrics"][metric] | {"sd": 0}
        )


def test_every_pair_or_a_baseline_and_a_margin():
    made = {name: seeds([skill, skill + 0.1]) for name, skill in (("A", 1), ("B", 1), ("C", 3))}
    rows = over_seeds.compare_methods(made, FEW, "A", margin=0.5)["differences"]
    assert {(row["model"], row["baseline"]) for row in rows} == {("B", "A"), ("C", "A")}
    assert all(row["non_inferior"] for row in rows if row["metric"] == "top1_accuracy")
    assert all(row["p_holm"] >= row["p_value"] for row in rows)
    assert len({(r["model"], r["baseline"]) for r in
                over_seeds.compare_methods(made, FEW)["differences"]}) == 3  # fmt: skip


def test_what_cannot_be_compared():
    made = seeds([1, 2])
    with pytest.raises(InputError, match="B has 1 run"):
        over_seeds.compare_methods({"A": made, "B": made[:1]}, FEW)
    with pytest.raises(InputError, match="must hold the same cases"):
        over_seeds.compare_methods({"A": made, "B": seeds([1, 2], cases=90)}, FEW)
    with pytest.raises(InputError, match="expected a number above 0"):
        over_seeds.compare_methods({"A": made, "B": made}, FEW, margin=0)
    few = seeds([1, 2], cases=10)
    assert row_of({"A": few, "B": few}, "auc")["verdict"] == "undecided"


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
    before = (tmp_path / "b.csv").read_bytes()
    given = ["--difference=0.05", f"--json={tmp_path / 'b.csv'}"]
    done = subprocess.run([*command, *given], capture_output=True, text=True)
    assert done.returncode == 2 and "b.csv: is read, and would be replaced" in done.stderr
    assert (tmp_path / "b.csv").read_bytes() == before and not done.stdout


@pytest.mark.parametrize("difference", [0, 1e-200, -0.1, 1, 7, np.nan])
def test_differences_that_no_test_finds(difference):
    a, b = seeds([1.0, 1.2], cases=20)
    with pytest.raises(InputError, match="expected from 1e-06 to below 1"):
        power.needed({"A": a, "B": b}, difference, FEW)


@pytest.mark.parametrize("wanted", [0, 0.01, 0.49, 1, np.nan])
def test_a_chance_below_a_half_is_not_what_the_formula_is_for(wanted):
    a, b = seeds([1.0, 1.2], cases=20)
    with pytest.raises(InputError, match="power .*expected from 0.5 to below 1"):
        power.needed({"A": a, "B": b}, 0.1, FEW, wanted)


@pytest.mark.parametrize(
    ("made", "settings", "why"),
    [({"cases": 19}, FEW, "19 cases; a"), ({"cases": 60, "patients": 1}, FEW, "1 patient; a"),
     ({}, Settings(198), "198 replicates; a")],
)  # fmt: skip
def test_of_too_few_nothing_is_estimated(made, settings, why):
    a, b = fake(**made), fake(skill=3.0, **made)
    found = power.needed({"A": a, "B": b}, 0.1, settings)
    assert found["warning"].startswith(why) and set(found["metrics"].values()) == {None}


def test_models_that_do_not_differ_need_no_number():
    a = fake()
    assert power.needed({"A": a, "B": a}, 0.1, FEW)["metrics"]["auc"] is None


def told_apart_by(count, cases=200):
    """Two models whose top class differs in so many cases, all in favour of the first."""
    right = fake(cases, 3).truth
    wrong = right.copy()
    wrong[:count] = np.roll(right[:count], 1, axis=1)
    return [fake(cases, 3, truth=right, probabilities=0.8 * p + 0.1) for p in (right, wrong)]


@pytest.mark.parametrize("count, verdict", [(5, "undecided"), (40, "better")])
def test_two_files_and_two_methods_of_the_same_files_get_one_verdict(count, verdict):
    a, b = told_apart_by(count)
    name = "top1_accuracy"
    alone = paired.compare({"A": a, "B": b}, FEW)["differences"]
    of_files = next(row for row in alone if row["metric"] == name)
    of_methods = row_of({"A": [a, a], "B": [b, b]}, name)
    assert of_files["verdict"] == of_methods["verdict"] == verdict
    if verdict == "undecided":
        assert of_files["reason"] == of_methods["reason"]
        assert of_files["reason"] == "only 5 cases tell the two apart; a verdict needs 6"


@pytest.mark.parametrize("count", [5, 40])
def test_nothing_undecided_is_non_inferior(count):
    a, b = told_apart_by(count)
    found = [
        *paired.compare({"A": a, "B": b}, FEW, margin=0.5)["differences"],
        *over_seeds.compare_methods({"A": [a, a], "B": [b, b]}, FEW, margin=0.5)["differences"],
    ]
    for row in found:
        decided = row["verdict"] not in ("undecided", "not defined")
        assert (row["non_inferior"] is not None) == decided, row
