"""From the test split to another site's images."""

import dataclasses

import numpy as np
import pytest
from predictions_made import fake

from simclr_med.errors import InputError
from simclr_med.evaluation.bootstrap import Settings, replicate
from simclr_med.evaluation.shift import compare_splits

SETTINGS = Settings(replicates=400)


def test_a_drop_is_external_minus_test_with_both_splits_spread():
    test, external = fake(200, skill=4.0), fake(150, skill=1.0, seed=1)
    drop = compare_splits(test, external, SETTINGS).drops["top1_accuracy"]
    parts = [replicate(made, SETTINGS) for made in (test, external)]
    values = [part.values["top1_accuracy"] for part in parts]
    assert drop.value == pytest.approx(values[1] - values[0]) and drop.value < 0
    spread = np.sqrt(sum(part.samples["top1_accuracy"].var() for part in parts))
    assert (drop.high - drop.low) / 2 == pytest.approx(1.96 * spread, rel=0.15)


def test_means_over_classes_take_the_classes_of_both_splits():
    test, external = fake(200), fake(150, seed=1)
    truth = external.truth.copy()
    truth[truth[:, 4] == 1] = np.eye(5, dtype=np.float32)[0]  # no case of the last class
    external = dataclasses.replace(external, truth=truth)
    shift = compare_splits(test, external, SETTINGS)
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
    assert compare_splits(many, fake(150, seed=1), SETTINGS).warning == ""
    for pair, name in (((many, one), "external"), ((one, many), "test")):
        assert (
            compare_splits(*pair, SETTINGS).warning == f"{name} has 1 patient; a verdict needs 20"
        )


def test_other_classes_are_refused():
    with pytest.raises(InputError, match="--map_to"):
        compare_splits(fake(20), fake(20, classes=4), SETTINGS)
