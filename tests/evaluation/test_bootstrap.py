"""Bootstrap intervals and paired comparisons, by what they promise of many samples."""

import dataclasses
import json

import numpy as np
import pytest
from predictions_made import fake

from simclr_med.errors import InputError
from simclr_med.evaluation import bootstrap, wording


def test_what_is_not_defined_is_none_and_left_out_of_means():
    predictions = fake(task="multilabel")
    truth = predictions.truth.copy()
    truth[:, 0] = np.nan
    truth[:, 1] = 0
    result = bootstrap.evaluate(dataclasses.replace(predictions, truth=truth), replicates=20)
    nothing = {"value": None, "low": None, "high": None}
    assert result["metrics"]["auc:k0"] == result["metrics"]["auc:k1"] == nothing
    rest = [result["metrics"][f"auc:k{k}"]["value"] for k in (2, 3, 4)]
    assert result["metrics"]["auc"]["value"] == pytest.approx(np.mean(rest))
    json.loads(json.dumps(result, allow_nan=False))


def test_nothing_defined_at_all():
    predictions = fake(4, 2, task="multilabel", truth=np.full((4, 2), np.nan, np.float32))
    assert bootstrap.evaluate(predictions, replicates=5)["metrics"]["auc"]["value"] is None
    result = bootstrap.compare(predictions, predictions, replicates=5)["metrics"]["auc"]
    assert result["difference"] is result["p_value"] is None
    assert not result["significant"]
    assert "not defined" in wording.statement("auc", result, "A", "B")


def test_blocks_change_nothing(monkeypatch):
    predictions = fake()
    whole = bootstrap.evaluate(predictions, replicates=20)
    monkeypatch.setattr(bootstrap, "_BLOCK", 150)
    assert bootstrap.evaluate(predictions, replicates=20) == whole
    blocks = list(bootstrap.draw_weights(predictions.case_ids, 5, seed=0))
    assert [len(block) for block in blocks] == [2, 2, 1]


def test_each_replicate_draws_as_many_units_as_there_are():
    patient = np.repeat(np.arange(10), 3)
    weights = np.concatenate(list(bootstrap.draw_weights(patient, 200, seed=0)))
    by_patient = weights.reshape(200, 10, 3)
    assert (by_patient == by_patient[:, :, :1]).all()
    assert (weights.sum(1) == 30).all()
    assert by_patient[:, :, 0].mean() == 1
    assert by_patient[:, :, 0].var() == pytest.approx(1 - 1 / 10, abs=0.1)  # multinomial


def test_the_order_of_rows_and_the_seed():
    predictions = fake()
    shuffled = predictions.take(np.random.default_rng(0).permutation(60))
    a, b = (bootstrap.evaluate(p, replicates=50)["metrics"] for p in (predictions, shuffled))
    for name in a:
        assert a[name] == pytest.approx(b[name])
    other_seed = bootstrap.evaluate(predictions, replicates=50, seed=1)["metrics"]
    assert a["auc"]["low"] != other_seed["auc"]["low"]


def test_patients_widen_the_interval_when_their_cases_agree():
    one_case_each = fake(40, patients=40)
    copies = one_case_each.take(np.repeat(np.arange(40), 5))
    copies = dataclasses.replace(copies, case_ids=np.array([f"c{i}" for i in range(200)]))

    def width(unit):
        result = bootstrap.evaluate(copies, replicates=300, unit=unit)["metrics"]["top1_accuracy"]
        return result["high"] - result["low"]

    assert width("patient") > 1.7 * width("case")  # in truth, the root of 5


def test_a_case_without_a_patient_is_its_own():
    alone = fake(30, patient_ids=np.array([""] * 30))
    named = fake(30)
    a, b = (bootstrap.evaluate(p, replicates=200, unit="patient") for p in (alone, named))
    widths = [r["metrics"]["auc"]["high"] - r["metrics"]["auc"]["low"] for r in (a, b)]
    assert widths[0] == pytest.approx(widths[1], rel=0.25)
    assert widths[0] > 0


@pytest.mark.parametrize("metric, truth", [("top1_accuracy", 0.7), ("auc", 0.7602)])
def test_intervals_cover_the_truth_as_often_as_they_say(metric, truth):
    random = np.random.default_rng(0)
    covered, cases = 0, 120
    for trial in range(150):
        labels = random.integers(2, size=cases)
        if metric == "auc":  # two normal distributions one deviation apart: Phi(1 / sqrt 2)
            score = 1 / (1 + np.exp(-(labels + random.normal(size=cases))))
        else:
            score = np.where(random.random(cases) < truth, labels, 1 - labels)
        predictions = fake(
            cases,
            2,
            truth=np.eye(2, dtype=np.float32)[labels],
            probabilities=np.stack([1 - score, score], axis=1),
        )
        interval = bootstrap.evaluate(predictions, replicates=200, seed=trial)["metrics"][metric]
        covered += interval["low"] <= truth <= interval["high"]
    assert 0.88 <= covered / 150 <= 0.99


def test_groups_are_evaluated_on_their_own():
    skin = np.array(["light", "dark", ""] * 20)
    predictions = fake(groups={"skin": skin})
    result = bootstrap.evaluate(predictions, replicates=20)["groups"]["skin"]
    assert {level: part["cases"] for level, part in result.items()} == {
        "": 20, "dark": 20, "light": 20
    }  # fmt: skip
    alone = bootstrap.evaluate(predictions.take(skin == "dark"), replicates=20)
    assert result["dark"]["metrics"] == alone["metrics"]


def test_comparison_is_antisymmetric():
    a, b = fake(skill=2.0), fake(skill=0.5)
    forth, back = bootstrap.compare(a, b)["metrics"], bootstrap.compare(b, a)["metrics"]
    for name in forth:
        assert forth[name]["difference"] == -back[name]["difference"]
        assert forth[name]["low"] == pytest.approx(-back[name]["high"])
        assert forth[name]["p_value"] == back[name]["p_value"]
        assert forth[name]["significant"] == back[name]["significant"]


def test_identical_predictions_do_not_differ():
    for result in bootstrap.compare(fake(), fake())["metrics"].values():
        assert result["difference"] == result["low"] == result["high"] == 0
        assert result["p_value"] == 1
        assert not result["significant"]


def test_a_clear_difference_is_significant_and_pairing_finds_it():
    a = fake(cases=200, skill=3.0)
    noise = np.random.default_rng(3).normal(scale=0.02, size=a.probabilities.shape)
    # b is a with one case in ten spoilt: too small a step for unpaired intervals to part.
    spoilt = a.probabilities + noise * 1e-3
    spoilt[::10] = 1 - a.truth[::10]
    b = dataclasses.replace(a, probabilities=spoilt)
    result = bootstrap.compare(a, b)["metrics"]["top1_accuracy"]
    assert result["significant"]
    assert result["p_value"] < 0.01
    assert result["difference"] == pytest.approx(result["value_a"] - result["value_b"])
    unpaired = [bootstrap.evaluate(p)["metrics"]["top1_accuracy"] for p in (a, b)]
    paired_width = result["high"] - result["low"]
    assert paired_width < sum(r["high"] - r["low"] for r in unpaired)


def test_p_value_of_a_null_comparison_is_not_small_too_often():
    small = 0
    for trial in range(100):
        a, b = fake(cases=80, seed=trial), fake(cases=80, seed=trial)
        random = np.random.default_rng(trial + 1000)
        a, b = (
            dataclasses.replace(
                p, probabilities=1 / (1 + np.exp(-p.truth - random.normal(size=(80, 5))))
            )
            for p in (a, b)
        )
        result = bootstrap.compare(a, b, replicates=200, seed=trial)["metrics"]["top1_accuracy"]
        small += result["p_value"] <= 0.05
    assert small <= 12


def test_order_of_cases_does_not_matter():
    a, b = fake(skill=2.0), fake(skill=0.5)
    shuffled = b.take(np.random.default_rng(0).permutation(60))
    assert bootstrap.compare(a, b) == bootstrap.compare(a, shuffled)


def changed(predictions, **changes):
    return dataclasses.replace(predictions, **changes)


@pytest.mark.parametrize(
    "b, message",
    [
        (fake(59), "'c59' is in first alone"),
        (fake(61), "'c60' is in second alone"),
        (changed(fake(), truth=np.roll(fake().truth, 1, axis=1)), "case 'c0' has another truth"),
        (changed(fake(), patient_ids=fake(patients=30).patient_ids), "'c30' has another patient"),
        (changed(fake(), classes=tuple("abcde")), "must share task and classes"),
        (fake(task="multilabel"), "must share task and classes"),
    ],
)
def test_different_cases_are_refused(b, message):
    with pytest.raises(InputError, match=message):
        bootstrap.compare(fake(), b, unit="patient", names=("first", "second"))


@pytest.mark.parametrize(
    "setting", [{"replicates": 0}, {"confidence": 1.0}, {"confidence": 95}, {"unit": "image"}]
)
def test_bad_settings_are_refused(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        bootstrap.evaluate(fake(), **setting)
