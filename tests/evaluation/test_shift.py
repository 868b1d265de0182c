"""From the test split to another site's images."""

import dataclasses

import numpy as np
import pytest
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation.comparisons.shift import compare_splits
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate

SETTINGS = Settings(replicates=400)


def test_a_drop_is_external_minus_test_with_both_splits_spread():
    test, external = fake(200, skill=4.0), fake(150, skill=1.0, seed=1)
    drop = compare_splits([test], [external], SETTINGS).drops["top1_accuracy"]
    parts = [replicate(made, SETTINGS) for made in (test, external)]
    values = [part.values["top1_accuracy"] for part in parts]
    assert drop.value == pytest.approx(values[1] - values[0]) and drop.value < 0
    spread = np.sqrt(sum(part.samples["top1_accuracy"].var() for part in parts))
    assert (drop.high - drop.low) / 2 == pytest.approx(1.96 * spread, rel=0.15)


def test_the_drop_of_a_method_is_its_mean_with_the_interval_of_its_runs():
    """Where all cases are alike, the interval is that of Student's t of the runs' drops."""

    def run(p, cases):
        truth = np.tile(np.eye(2, dtype=np.float32)[0], (cases, 1))
        return fake(cases, 2, truth=truth, probabilities=np.tile([p, 1 - p], (cases, 1)))

    test, external = [0.8, 0.9, 0.85, 0.7], [0.6, 0.75, 0.5, 0.6]
    drop = compare_splits(
        [run(p, 60) for p in test], [run(p, 50) for p in external], Settings(1500)
    ).drops["brier"]
    before, after = ((1 - np.array(part)) ** 2 for part in (test, external))
    found = stats.t.interval(0.95, 3, loc=(after - before).mean(), scale=stats.sem(after - before))
    assert drop[:3] == pytest.approx((before.mean(), after.mean(), (after - before).mean()))
    np.testing.assert_allclose((drop.low, drop.high), found, atol=0.05 * np.ptp(found))


def test_a_drop_of_runs_that_are_alike_is_that_of_one():
    test, external = fake(200, skill=4.0), fake(150, skill=1.0, seed=1)
    one, two = (compare_splits([test] * n, [external] * n, SETTINGS).drops for n in (1, 2))
    for name in ("top1_accuracy", "average_top1_sensitivity", "auc"):
        np.testing.assert_allclose(two[name], one[name], atol=0.02)


def test_means_over_classes_take_the_classes_of_both_splits():
    test, external = fake(200), fake(150, seed=1)
    truth = external.truth.copy()
    truth[truth[:, 4] == 1] = np.eye(5, dtype=np.float32)[0]  # no case of the last class
    external = dataclasses.replace(external, truth=truth)
    shift = compare_splits([test], [external], SETTINGS)
    assert shift.left_out == ("k4",)
    common = [f"auc:k{k}" for k in range(4)]
    expected = [
        np.mean([replicate(made, SETTINGS).values[name] for name in common])
        for made in (test, external)
    ]
    drop = shift.drops["auc"]
    assert (drop.test, drop.external) == pytest.approx(tuple(expected))
    sensitivity = shift.drops["average_top1_sensitivity"]
    each = replicate(test, SETTINGS).values
    assert sensitivity.test == pytest.approx(
        np.mean([each[f"top1_sensitivity:k{k}"] for k in range(4)])
    )


def test_a_shift_from_or_to_one_patient_is_flagged():
    many, one = fake(200), fake(60, patients=1, seed=1)
    assert compare_splits([many], [fake(150, seed=1)], SETTINGS).warning == ""
    for pair, name in (((many, one), "external"), ((one, many), "test")):
        assert (
            compare_splits(*([part] for part in pair), SETTINGS).warning
            == f"{name} has 1 patient; a verdict needs 20"
        )


def test_other_classes_are_refused():
    with pytest.raises(InputError, match="--map_to"):
        compare_splits([fake(20)], [fake(20, classes=4)], SETTINGS)
