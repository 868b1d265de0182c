"""Paired comparisons: what is found, what is not, what is refused."""

import dataclasses
import json

import numpy as np
import pytest
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation import verdicts
from simclr_med.evaluation.comparisons import paired
from simclr_med.evaluation.intervals import interval_ends, resampling
from simclr_med.evaluation.intervals.bootstrap import INTERVALS, Replicates, Settings, replicate
from simclr_med.evaluation.intervals.interval_ends import Shape
from simclr_med.evaluation.metrics.scoring import score

FEW = Settings(200)


def rows(a, b, settings=FEW, **options):
    """Metric -> row of A minus B."""
    result = paired.compare({"A": a, "B": b}, settings, **options)
    json.dumps(result, allow_nan=False)
    return {row["metric"]: row for row in result["differences"]}


def changed(predictions, **changes):
    return dataclasses.replace(predictions, **changes)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_paired_bootstrap_is_a_loop_over_drawn_rows(task):
    a, b = fake(task=task, skill=2.0), fake(task=task, skill=0.5)
    plain = Settings(40, interval="percentile", seed=3)
    found = rows(a, b, plain)
    counts = resampling.draw(resampling.units_of(a, "case"), 3, range(40)).astype(int)
    slow = {name: [] for name in found}
    for drawn in (np.repeat(np.arange(60), row) for row in counts):
        x, y = (score(p.take(drawn), np.ones(60)) for p in (a, b))
        for name in slow:
            slow[name].append(x.get(name, np.nan) - y.get(name, np.nan))
    for name, differences in slow.items():
        defined = np.array(differences)[~np.isnan(differences)]
        low, high = np.quantile(defined, [1 / 41, 40 / 41], method="weibull")  # 0.025 and outwards
        assert [found[name]["low"], found[name]["high"]] == pytest.approx([low, high], abs=1e-12)


def test_comparison_is_antisymmetric():
    a, b = fake(skill=2.0), fake(skill=0.5)
    forth, back = rows(a, b), rows(b, a)
    for name in forth:
        assert forth[name]["difference"] == -back[name]["difference"]
        assert forth[name]["low"] == pytest.approx(-back[name]["high"])
        assert forth[name]["p_value"] == pytest.approx(back[name]["p_value"])
        assert forth[name]["significant"] == back[name]["significant"]


@pytest.mark.parametrize("interval", INTERVALS)
def test_identical_predictions_do_not_differ(interval):
    for row in rows(fake(300), fake(300), Settings(200, interval=interval)).values():
        assert row["difference"] == row["low"] == row["high"] == 0
        assert row["p_value"] == row["p_holm"] == 1
        assert row["verdict"] == "no difference shown"


def test_a_clear_difference_is_significant_and_pairing_finds_it():
    a = fake(cases=200, skill=3.0)
    spoilt = a.probabilities.copy()
    spoilt[::14] = 1 - a.truth[::14]  # too small a step for unpaired intervals to part
    result = paired.compare({"A": a, "B": changed(a, probabilities=spoilt)}, FEW)
    row = next(r for r in result["differences"] if r["metric"] == "top1_accuracy")
    assert row["verdict"] == "better" and row["p_value"] < 0.02
    assert row["difference"] == pytest.approx(row["value"] - row["baseline_value"])
    unpaired = [model["metrics"]["top1_accuracy"] for model in result["models"].values()]
    assert unpaired[1]["high"] > unpaired[0]["low"]


@pytest.mark.parametrize(
    "interval, patients", [*((kind, None) for kind in INTERVALS), ("auto", 40), ("bca", 40)]
)
def test_no_verdict_contradicts_its_interval_or_its_p_value(interval, patients):
    seen = set()
    for seed, skill in enumerate((1.2, 1.7)):
        a, b = (fake(120, 3, seed=seed, skill=s, patients=patients) for s in (1.0, skill))
        for row in rows(a, b, Settings(199, interval=interval, seed=seed)).values():
            if row["verdict"] in ("better", "worse", "no difference shown"):
                excludes = not row["low"] <= 0 <= row["high"]
                assert row["significant"] == excludes == (row["p_value"] <= 0.05), row
                assert row["holds"] == (row["significant"] and row["p_holm"] <= 0.05)
                seen.add(excludes)
    assert seen == {True, False}


def test_an_interval_that_would_end_beyond_all_replicates_decides_nothing(monkeypatch):
    a, b = (replicate(fake(200, skill=skill), FEW) for skill in (3.0, 0.5))
    monkeypatch.setattr(Replicates, "shape", lambda self, name: Shape(stretch=2.0))
    row = paired.difference_row(a, b, a - b, "top1_accuracy")
    assert row["low"] > 0 and row["p_value"] > 0.05 and row["verdict"] == "undecided"
    assert row["reason"] == "the interval would end beyond all 200 replicates"


def test_by_default_an_interval_beyond_all_replicates_is_students_about_the_value():
    a, b = (replicate(fake(120, skill=skill, patients=40), FEW) for skill in (3.0, 0.5))
    difference = a - b
    assert not difference.shape("auc").symmetric
    left_out = {"auc": np.append(np.zeros(39), 2.0)}  # one patient makes nearly all of the spread
    shaky = dataclasses.replace(difference, left_out=left_out)
    assert shaky.shape("auc").symmetric
    row = paired.difference_row(a, b, shaky, "auc")
    assert row["low"] + row["high"] == pytest.approx(2 * row["difference"])


def test_less_brier_is_better():
    row = rows(fake(200, skill=3.0), fake(200, skill=0.2))["brier"]
    assert row["difference"] < 0 and row["verdict"] == "better"


def test_one_case_or_one_patient_decides_nothing():
    right = fake(1, 3, probabilities=np.eye(3, dtype=np.float32)[[0]], truth=np.eye(3)[[0]])
    wrong = changed(right, probabilities=np.eye(3, dtype=np.float32)[[1]])
    row = rows(right, wrong)["top1_accuracy"]
    assert row["difference"] == 1 and row["verdict"] == "undecided" and not row["significant"]
    assert row["reason"] == "1 case; a verdict needs 20"
    a, b = (fake(60, skill=skill, patients=1) for skill in (9.0, 0.1))
    assert rows(a, b)["auc"]["reason"] == "1 patient; a verdict needs 20"


def test_few_replicates_decide_nothing():
    row = rows(fake(skill=9.0), fake(skill=0.1), Settings(2))["top1_accuracy"]
    assert row["reason"] == "2 replicates; a verdict needs 199" and not row["significant"]


def test_five_cases_that_differ_decide_nothing_and_six_do():
    a = fake(200, 2, probabilities=fake(200, 2).truth)
    for cases, verdict in ((5, "undecided"), (12, "better")):
        worse = a.probabilities.copy()
        worse[:cases] = 1 - worse[:cases]
        row = rows(a, changed(a, probabilities=worse), Settings(1000))["top1_accuracy"]
        assert row["verdict"] == verdict, row


def test_a_class_of_nine_cases_decides_nothing():
    truth = np.eye(2, dtype=np.float32)[[0] * 90 + [1] * 9]
    right, wrong = (fake(99, 2, truth=truth, probabilities=p) for p in (truth, 1 - truth))
    found = rows(right, wrong)
    assert found["auc:k1"]["reason"] == "rests on 9 cases; a verdict needs 10"
    assert found["top1_sensitivity:k0"]["verdict"] == "better"


def test_margin():
    near, far = fake(400, skill=2.0), fake(400, skill=0.1)
    assert rows(near, near, margin=0.01)["auc"]["non_inferior"] is True
    assert rows(far, near, margin=0.01)["auc"]["non_inferior"] is False
    assert rows(far, near, margin=0.9)["auc"]["non_inferior"] is True
    assert rows(far, near, margin=0.01)["brier"]["non_inferior"] is False
    assert rows(far, near)["auc"]["non_inferior"] is None
    for wrong in (-0.1, 5.0, float("nan")):  # 5 is meant in percent
        with pytest.raises(InputError, match=f"margin is {wrong}; .* at most 1"):
            rows(near, far, margin=wrong)


def test_pairs_of_three_and_against_a_baseline():
    models = {name: fake(skill=skill) for name, skill in (("a", 3), ("b", 2), ("c", 1))}

    def pairs(**options):
        found = paired.compare(models, Settings(20), **options)["differences"]
        return list(dict.fromkeys((row["model"], row["baseline"]) for row in found))

    assert pairs() == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs(baseline="b") == [("a", "b"), ("c", "b")]
    with pytest.raises(InputError, match="baseline is 'd'; expected one of a, b, c"):
        pairs(baseline="d")
    with pytest.raises(InputError, match="needs two models or more; given: a"):
        paired.compare({"a": fake()})


def test_order_of_cases_does_not_matter():
    a, b = fake(skill=2.0, patients=30), fake(skill=0.5, patients=30)
    assert rows(a, b) == rows(a, b.take(np.random.default_rng(0).permutation(60)))


@pytest.mark.parametrize(
    "b, message",
    [
        (fake(59), "in A alone: 'c59'"),
        (fake(75), "in B alone: 'c60', 'c61', 'c62', 'c63', 'c64' and 10 more"),
        (changed(fake(), truth=np.roll(fake().truth, 1, axis=1)), "60 cases have another truth"),
        (changed(fake(), patient_ids=fake(patients=30).patient_ids), "another patient in A than"),
        (changed(fake(), classes=tuple("abcde")), "in A alone: 'k0'.*; in B alone: 'a'"),
        (changed(fake(), classes=fake().classes[::-1]), "the same in another order"),
        (fake(task="multilabel"), "A is multiclass, B multilabel"),
    ],
)
def test_different_cases_are_refused(b, message):
    with pytest.raises(InputError, match=message):
        rows(fake(), b)


def test_holms_p_values():
    # Holm 1979: 0.01 * 4, 0.02 * 3, 0.03 * 2 (kept at 0.06), 0.04 * 1 (kept at 0.06)
    assert verdicts.holm([0.03, 0.01, None, 0.04, 0.02]) == pytest.approx(
        [0.06, 0.04, None, 0.06, 0.06]
    )
    assert verdicts.holm([0.6, 0.7]) == [1, 1]
    drawn = np.random.default_rng(0).random(20) ** 3
    by_hand = [
        max(
            min(1, (20 - place) * drawn[j])
            for place, j in enumerate(np.argsort(drawn))
            if drawn[j] <= p
        )
        for p in drawn
    ]
    assert verdicts.holm(list(drawn)) == pytest.approx(by_hand)


def test_replicates_that_differences_need_to_hold_together():
    """Where all replicates of each lie on one side of 0, which is the least p-value there is."""
    least = interval_ends.p_value(np.ones(199))
    few = "199 replicates are too few for significance after Holm's correction over"
    for count, said in ((5, ""), (6, few)):
        holds = interval_ends.rejects(verdicts.holm([least] * count)[0], 0.95)
        assert holds == (not said)
        assert verdicts.too_few_replicates(count, 199, 0.95).startswith(said)
        assert bool(said) == ("239 are needed" in verdicts.too_few_replicates(count, 199, 0.95))


def test_false_alarms_of_equal_models():
    """Two models of equal skill and independent noise differ significantly in 5 % at most."""
    alarms = {"top1_accuracy": 0, "auc": 0}
    for trial in range(60):
        random = np.random.default_rng(trial)
        truth = np.eye(3, dtype=np.float32)[random.integers(3, size=80)]
        a, b = (
            fake(
                80,
                3,
                truth=truth,
                probabilities=stats.norm.cdf(truth + random.normal(size=(80, 3))),
            )
            for _ in range(2)
        )
        found = rows(a, b, Settings(199, seed=trial))
        for metric in alarms:
            alarms[metric] += found[metric]["significant"]
    limit = stats.binom.ppf(0.995, 60, 0.05)
    assert max(alarms.values()) <= limit
