"""Bootstrap intervals, by what they promise of many samples."""

import dataclasses
import json

import numpy as np
import pytest
from predictions_made import fake
from scipy import stats

from simclr_med.errors import InputError
from simclr_med.evaluation.intervals import bootstrap, interval_ends, resampling
from simclr_med.evaluation.intervals.bootstrap import Settings

PLAIN = Settings(interval="percentile", replicates=200)


def evaluate(predictions, **changes):
    return bootstrap.evaluate(predictions, dataclasses.replace(PLAIN, **changes))


def width(interval):
    return interval["high"] - interval["low"]


def test_what_is_not_defined_is_none_and_left_out_of_means():
    predictions = fake(task="multilabel")
    truth = predictions.truth.copy()
    truth[:, 0] = np.nan
    truth[:, 1] = 0
    result = bootstrap.evaluate(dataclasses.replace(predictions, truth=truth), Settings(20))
    nothing = {"value": None, "low": None, "high": None}
    assert result["metrics"]["auc:k0"] == result["metrics"]["auc:k1"] == nothing
    rest = [result["metrics"][f"auc:k{k}"]["value"] for k in (2, 3, 4)]
    assert result["metrics"]["auc"]["value"] == pytest.approx(np.mean(rest))
    assert result["absent"] == ["k0", "k1"]
    json.loads(json.dumps(result, allow_nan=False))


@pytest.mark.parametrize("interval", bootstrap.INTERVALS)
def test_nothing_defined_at_all(interval):
    predictions = fake(4, 2, task="multilabel", truth=np.full((4, 2), np.nan, np.float32))
    result = evaluate(predictions, interval=interval, replicates=5)
    assert {value["value"] for value in result["metrics"].values()} == {None}
    found = result["calibration"]
    assert found["error"] is found["mean_error"] is None and found["bins"] == []
    assert {each["cases"] for each in found["findings"].values()} == {0}
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("interval", bootstrap.INTERVALS)
def test_one_case_has_a_value_and_is_told_to_be_too_few(interval):
    result = evaluate(fake(1, 3), interval=interval)
    assert result["metrics"]["top3_accuracy"]["value"] == 1
    assert result["warnings"] == ["1 case; a verdict needs 20"]
    json.dumps(result, allow_nan=False)


def test_blocks_and_cores_change_nothing(monkeypatch):
    predictions = fake()
    whole = bootstrap.evaluate(predictions, Settings(50))["metrics"]
    monkeypatch.setattr(bootstrap, "_BLOCK", 150)
    monkeypatch.setattr(bootstrap, "_cores", lambda: 3)
    parts = bootstrap.evaluate(predictions, Settings(50))["metrics"]
    for name in whole:
        assert parts[name] == pytest.approx(whole[name], abs=1e-12)


def test_more_replicates_keep_the_first():
    units = resampling.units_of(fake(), "case")
    few, many = (resampling.draw(units, 7, range(n)) for n in (5, 50))
    np.testing.assert_array_equal(few, many[:5])


def test_each_replicate_draws_as_many_units_as_there_are():
    units = resampling.units_of(fake(30, patients=10), "patient")
    weights = resampling.draw(units, 0, range(200))
    by_patient = np.stack([weights[:, p::10] for p in range(10)], axis=1)  # [R, patient, case]
    assert (by_patient == by_patient[:, :, :1]).all()
    assert (weights.sum(1) == 30).all()
    assert by_patient[:, :, 0].mean() == 1
    assert by_patient[:, :, 0].var() == pytest.approx(1 - 1 / 10, abs=0.1)  # multinomial


def test_a_stratified_replicate_keeps_the_number_of_units_of_each_class():
    predictions = fake(50, 3)
    strata = predictions.truth.argmax(1)
    units = resampling.units_of(predictions, "case")
    weights = resampling.draw_within(units, strata, 0, range(20))
    assert (weights @ np.eye(3)[strata] == np.bincount(strata)).all()
    assert weights.max() > 1


def test_the_order_of_rows_and_the_seed():
    predictions = fake(patients=40)
    shuffled = predictions.take(np.random.default_rng(0).permutation(60))
    a, b = (
        bootstrap.evaluate(p, Settings(50, interval="bca"))["metrics"]
        for p in (predictions, shuffled)
    )
    for name in a:
        assert a[name] == pytest.approx(b[name])
    lows = {evaluate(predictions, seed=seed)["metrics"]["auc"]["low"] for seed in range(4)}
    assert len(lows) == 4 and np.ptp(list(lows)) < 0.1


@pytest.mark.parametrize("method, interval", [("percentile", "percentile"), ("BCa", "bca")])
def test_intervals_are_scipys(method, interval):
    predictions = fake(40, 2, probabilities=np.random.default_rng(5).random((40, 2)))
    hits = (predictions.truth.argmax(1) == predictions.probabilities.argmax(1)).astype(float)
    expected = stats.bootstrap(
        (hits,), np.mean, n_resamples=20_000, method=method, random_state=0
    ).confidence_interval
    found = evaluate(predictions, interval=interval, replicates=20_000)["metrics"]["top1_accuracy"]
    assert [found["low"], found["high"]] == pytest.approx(list(expected), abs=0.026)  # 1 / 40
    brier = ((predictions.probabilities - predictions.truth) ** 2).sum(1) / 2
    expected = stats.bootstrap(
        (brier,), np.mean, n_resamples=20_000, method=method, random_state=0
    ).confidence_interval
    found = evaluate(predictions, interval=interval, replicates=20_000)["metrics"]["brier"]
    assert [found["low"], found["high"]] == pytest.approx(list(expected), abs=0.002)


def test_patients_widen_the_interval_when_their_cases_agree():
    copies = fake(40).take(np.repeat(np.arange(40), 5))
    copies = dataclasses.replace(copies, case_ids=np.array([f"c{i}" for i in range(200)]))
    by_patient, by_case = (evaluate(copies, unit=unit) for unit in ("patient", "case"))
    auto = evaluate(copies, unit="auto")
    assert auto["units"] == {"unit": "patient", "count": 40, "cases_each": 5.0}
    assert auto["metrics"] == by_patient["metrics"]
    widths = [width(r["metrics"]["top1_accuracy"]) for r in (by_patient, by_case)]
    assert widths[0] == pytest.approx(np.sqrt(5) * widths[1], rel=0.2)
    assert "patients have 5.00 cases each" in by_case["warnings"][0]
    assert not by_patient["warnings"]


def test_a_case_without_a_patient_is_its_own():
    alone = fake(30, patient_ids=np.array([""] * 30))
    units = resampling.units_of(alone, "patient")
    assert units.count == 30 and resampling.units_of(alone, "auto").name == "case"
    result = evaluate(alone, unit="patient")
    assert 0 < width(result["metrics"]["auc"]) < 0.5


def test_few_units_widen_the_default_interval_as_students_t():
    predictions = fake(25)
    plain, auto = (
        evaluate(predictions, interval=kind, replicates=5000)["metrics"]["brier"]
        for kind in ("percentile", "auto")
    )
    wider = stats.t.ppf(0.975, 24) / stats.norm.ppf(0.975) * np.sqrt(25 / 24)
    assert width(auto) == pytest.approx(wider * width(plain), rel=0.03)


def test_rare_classes_widen_the_interval_of_the_mean_auc():
    """Of 60 cases one class has 2 and one none: the rarer kind of cases decides, class by class."""
    truth = np.eye(4, dtype=np.float32)[np.repeat([0, 1, 2], [40, 18, 2])]
    made = bootstrap.replicate(fake(60, 4, truth=truth), Settings(300))
    assert made.shape("auc") == interval_ends.of_classes([20, 18, 2])
    assert made.shape("auc").widening(0.95) > 1.3
    assert made._spread("auc_weighted") == interval_ends.small_sample(60)
    plain = bootstrap.replicate(fake(60, 4, truth=truth), Settings(300, interval="percentile"))
    assert plain.shape("auc") == interval_ends.PLAIN


def test_groups_are_evaluated_on_their_own():
    skin = np.array(["light", "dark", ""] * 20)
    predictions = fake(groups={"skin": skin})
    result = evaluate(predictions)["groups"]["skin"]
    assert {level: part["cases"] for level, part in result.items()} == {
        "": 20, "dark": 20, "light": 20
    }  # fmt: skip
    alone = evaluate(predictions.take(skin == "dark"))
    assert result["dark"]["metrics"] == alone["metrics"]


def test_too_few_replicates_are_told():
    assert evaluate(fake(), replicates=198)["warnings"] == ["198 replicates; a verdict needs 199"]
    assert evaluate(fake(), replicates=199)["warnings"] == []
    assert "needs 999" in evaluate(fake(), confidence=0.99)["warnings"][0]


def test_classes_with_few_cases_are_named():
    truth = np.eye(3, dtype=np.float32)[[0] * 20 + [1] * 9]
    result = evaluate(fake(29, 3, truth=truth, other_class="k2"))
    assert result["few"] == {"k1": 9} and result["absent"] == []
    assert evaluate(fake(29, 3, truth=truth))["absent"] == ["k2"]


@pytest.mark.parametrize(
    "setting",
    [
        {"replicates": 1},  # of one there is no interval
        {"replicates": 10**13},
        {"confidence": 1.0},
        {"confidence": 0.05},  # alpha was meant
        {"confidence": 95},
        {"confidence": float("nan")},
        {"unit": "image"},
        {"interval": "normal"},
        {"seed": -1},
    ],
)
def test_bad_settings_are_refused(setting):
    name, value = next(iter(setting.items()))
    with pytest.raises(InputError, match=f"{name} is .*{value}"):
        Settings(**setting)


def test_the_interval_of_a_share_is_one_of_shares():
    few = fake(40, classes=8, skill=0.0, seed=3)
    found = bootstrap.evaluate(few, Settings(replicates=200))["metrics"]
    worse = bootstrap.replicate(few, Settings(replicates=200)) - bootstrap.replicate(
        fake(40, classes=8, skill=9.0, seed=3), Settings(replicates=200)
    )
    assert all(found[name]["low"] >= 0 for name in found if name != "kappa")
    assert worse.interval("average_top1_sensitivity")["low"] < 0
