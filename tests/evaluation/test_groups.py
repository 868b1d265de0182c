"""Groups of cases: their levels, their metrics, and the gaps between them."""

import dataclasses

import numpy as np
import pytest
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation.comparisons.alignment import with_all_groups
from simclr_med.evaluation.groups import group_levels
from simclr_med.evaluation.groups.group_differences import all_gaps
from simclr_med.evaluation.groups.subgroups import by_group, group_of_runs, has_groups
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.intervals.interval_ends import small_sample


def test_words_stay_and_numbers_sort_as_numbers():
    order, values = group_levels.level_table(["type 10", "type 9", "", "mixed", "type 9"])
    assert order == ["type 9", "type 10", "mixed", ""]
    assert values.tolist() == ["type 10", "type 9", "", "mixed", "type 9"]


def test_many_numbers_become_bands():
    ages = [str(age) for age in range(18, 92)] + ["", "mixed"]
    order, values = group_levels.level_table(ages)
    assert order == ["0–19", "20–39", "40–59", "60–79", "80–99", "mixed", ""]
    assert values[ages.index("39")] == "20–39" and values[ages.index("40")] == "40–59"
    order, _ = group_levels.level_table([f"{0.1 * n:.2f}" for n in range(11)])
    assert order[0] == "0 to 0.2" and order[-1] == "1 to 1.2"
    assert group_levels.level_table(["1", "2", "3"])[0] == ["1", "2", "3"]


def test_a_column_of_names_or_of_one_level_is_no_group():
    assert not has_groups(np.array([f"lesion {n}" for n in range(40)]))
    assert not has_groups(np.array(["a", "a", "", "mixed"]))
    assert has_groups(np.array(["a", "b"])) and has_groups(np.arange(90).astype(str))


def test_a_levels_numbers_are_those_of_its_cases_alone():
    skin = np.array(["light"] * 40 + ["dark"] * 30 + ["mixed"] * 20 + [""] * 5)
    made = fake(95, groups={"skin": skin})
    settings = Settings(replicates=100)
    found = by_group(made, "skin", "top1_accuracy", settings)
    alone = bootstrap.replicate(made.take(np.flatnonzero(skin == "dark")), settings)
    expected = alone.interval("top1_accuracy")
    assert found.levels["dark"][1:] == tuple(expected[key] for key in ("value", "low", "high"))
    assert {name: level.cases for name, level in found.levels.items()} == {
        "dark": 30, "light": 40, "mixed": 20, "": 5,
    }  # fmt: skip
    assert [{gap.high_level, gap.low_level} for gap in found.gaps] == [{"light", "dark"}]
    assert found.levels["mixed"].small and not found.levels["dark"].small


def test_a_gap_of_two_groups_has_the_interval_of_two_proportions():
    skin = np.repeat(["a", "b"], 400)
    truth = np.eye(2, dtype=np.float32)[np.zeros(800, int)]
    right = np.concatenate([np.arange(400) % 10 < 8, np.arange(400) % 10 < 6])
    made = fake(800, 2, truth=truth, probabilities=np.stack([right, ~right], 1).astype(np.float32))
    made = dataclasses.replace(made, groups={"skin": skin})
    (gap,) = by_group(made, "skin", "top1_accuracy", Settings(replicates=2000)).gaps
    half = stats.norm.ppf(0.975) * np.sqrt(0.8 * 0.2 / 400 + 0.6 * 0.4 / 400)
    assert (gap.high_level, gap.low_level) == ("a", "b") and gap.value == pytest.approx(0.2)
    assert gap.low == pytest.approx(0.2 - half, abs=0.005)
    assert gap.high == pytest.approx(0.2 + half, abs=0.005)


def test_the_widest_gap_of_four_equal_groups_excludes_0_as_seldom_as_it_says():
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        right = random.random((4, 100)) < 0.7
        drawn = random.integers(100, size=(300, 4, 100))
        samples = np.take_along_axis(right[None], drawn, 2).mean(2)
        alarms += all_gaps("abcd", right.mean(1), samples, 0.95, small_sample(100))[0].excludes_zero
    assert alarms / 400 <= 0.08  # by the ordinary interval of the chosen pair, 0.2


def test_the_interval_of_several_gaps_is_bonferronis_at_least():
    """Of replicates that vary too little together, as those of small groups do."""
    values = np.array([0.9, 0.7, 0.5])
    samples = values + np.linspace(-0.1, 0.1, 101)[:, None] * np.array([1, 0.2, -1])
    found = all_gaps("abc", values, samples, 0.95, small_sample(30))
    reach = stats.t.ppf(1 - 0.05 / 3 / 2, 29) * np.sqrt(30 / 29)
    for gap in found:
        a, b = ("abc".index(name) for name in (gap.high_level, gap.low_level))
        spread = (samples[:, a] - samples[:, b]).std()
        assert gap.high - gap.value == pytest.approx(reach * spread)


def alike(levels, counts=(60, 60)):
    """A run that gives all cases of a group the same probability, so that cases do not matter."""
    p = np.repeat(levels, counts)
    cases = sum(counts)
    return fake(
        cases, 2, truth=np.tile(np.eye(2, dtype=np.float32)[0], (cases, 1)),
        probabilities=np.stack([p, 1 - p], 1), groups={"skin": np.repeat(["a", "b"], counts)},
    )  # fmt: skip


def test_groups_of_a_method_are_its_mean_with_the_interval_of_its_runs():
    """Where all cases are alike, the intervals are those of Student's t of the seeds."""
    levels = np.array([[0.5, 0.8], [0.55, 0.9], [0.4, 0.85], [0.6, 0.75]])
    runs = [alike(each) for each in levels]
    found = group_of_runs(runs, "skin", "brier", Settings(1500))
    values = (1 - levels) ** 2  # [n, L]
    for name, each in zip("ab", values.T, strict=True):
        level = found.levels[name]
        expected = stats.t.interval(0.95, 3, loc=each.mean(), scale=stats.sem(each))
        assert level.value == pytest.approx(each.mean())
        bounded = np.clip(expected, 0, 2)
        np.testing.assert_allclose((level.low, level.high), bounded, atol=0.05 * np.ptp(expected))
    (gap,) = found.gaps
    each = values[:, 0] - values[:, 1]
    half = stats.t.ppf(0.975, 3) * stats.sem(each)
    assert gap.value == pytest.approx(each.mean())
    assert gap.high - gap.value == pytest.approx(half, rel=0.08)


def test_groups_of_runs_that_are_alike_are_those_of_one():
    made = fake(200, groups={"skin": np.repeat(["a", "b"], 100)})
    settings = Settings(500)
    one, many = (group_of_runs([made] * n, "skin", "top1_accuracy", settings) for n in (1, 3))
    for name in "ab":
        np.testing.assert_allclose(many.levels[name][1:], one.levels[name][1:], atol=0.025)
    np.testing.assert_allclose(many.gaps[0][2:], one.gaps[0][2:], atol=0.015)


def test_a_patient_in_two_groups_moves_both():
    """Each patient has one case in either group, with the same answer: the gap cannot vary."""
    right = np.random.default_rng(0).random(50) < 0.6
    twice = np.tile(right, 2)
    made = fake(
        100, 2, truth=np.eye(2, dtype=np.float32)[np.zeros(100, int)],
        probabilities=np.stack([twice, ~twice], 1).astype(np.float32), patients=50,
        groups={"view": np.repeat(["frontal", "lateral"], 50)},
    )  # fmt: skip
    assert by_group(made, "view", "top1_accuracy", Settings(replicates=50)).gaps == []
    by_case = by_group(made, "view", "top1_accuracy", Settings(replicates=50, unit="case"))
    assert by_case.gaps[0].high > 0.1


def test_a_group_of_few_patients_is_compared_with_none():
    skin = np.repeat(["light", "dark"], [100, 40])
    patients = np.array([f"p{i}" for i in range(100)] + [f"q{i % 19}" for i in range(40)])
    made = fake(140, groups={"skin": skin}, patient_ids=patients)
    settings = Settings(replicates=50)
    assert by_group(made, "skin", "top1_accuracy", settings).gaps == []
    patients[-1] = "q19"  # one more
    assert len(by_group(made, "skin", "top1_accuracy", settings).gaps) == 1


def test_a_group_that_one_run_knows_is_every_runs():
    a = fake(4, groups={"sex": np.array(["f", "m", "", "f"])})
    b = fake(4, groups={"sex": np.array(["f", "m", "m", ""]), "age": np.array(list("1234"))})
    both = with_all_groups({"a": a, "b": b})
    for made in both.values():
        assert made.groups["sex"].tolist() == ["f", "m", "m", "f"]
        assert made.groups["age"].tolist() == list("1234")
    other = fake(4, groups={"sex": np.array(["f", "f", "", ""])})
    with pytest.raises(InputError, match="case 'c1' has sex 'm' in a and 'f' in c"):
        with_all_groups({"a": a, "c": other})
