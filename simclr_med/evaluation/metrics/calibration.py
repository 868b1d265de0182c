"""Calibration of probabilities: Brier score, reliability curve, slope and intercept.

    reliability(predictions)["findings"]["Cardiomegaly"]["slope"]  # of one finding

Findings are calibrated one by one: pooled over findings, the curve of a common one hides that a
rare one's probabilities are several times too high. metrics.json has, under "calibration":

    {"error": expected calibration error (of findings: of all known ones pooled, kept for files of
              older versions and not to be shown alone),
     "bins": [{"low", "high", "cases", "confidence", "frequency"}],
     "mean_error": the mean of the findings' errors (multilabel),
     "findings": {name: {"error", "bins", "cases", "positives", "slope", "intercept",
                         "observed_expected"}} (multilabel)}

None stands for what is not defined: a finding without a known case has no error, one without
positives or negatives, or whose probabilities separate them, no slope.
"""

from typing import Any

import numpy as np
from scipy.special import expit, logit

from simclr_med.evaluation.metrics import functions

BINS = 15
_PARTS = ("bins", "findings")  # of a calibration, beside its numbers
_EDGE = 1e-7  # closest to 0 and 1 that a logit is taken of: the resolution of float32 below 1


def brier(predictions: Any, weights: np.ndarray) -> np.ndarray:
    """Return the Brier score, 0 to 1, less is better: `weights` `[..., N]` -> `[...]`.

    Multiclass: half the squared distance of the probabilities from the reference (Brier 1950,
    halved, so that two classes give what is known of one), which several diagnoses share equally.
    Multilabel: the squared error of each known finding, averaged by finding, then over findings.
    """
    truth, probabilities = predictions.truth, predictions.probabilities.astype(float)
    if predictions.task == "multiclass":
        reference = truth / truth.sum(1, keepdims=True)
        return functions.mean(((probabilities - reference) ** 2).sum(1) / 2, weights)
    known = ~np.isnan(truth)
    error = np.where(known, (probabilities - np.nan_to_num(truth)) ** 2, 0)
    return functions.mean_of_defined(
        functions.ratio(weights @ error, weights @ known.astype(float))
    )


def reliability(predictions: Any) -> dict:
    """Return the calibration of predictions as metrics.json has it, see the module.

    15 bins of equal width (Guo et al. 2017). Multiclass: of the highest probability, right where
    the class is one of the diagnoses (ties by expectation). Multilabel: of each finding, over the
    cases where it is known.

    The error has no interval: chance alone makes each bin's error positive, and a bootstrap adds
    as much again, so that replicates centre above the value.
    """
    found = _curve(*_claims(predictions))
    if predictions.task == "multiclass":
        return found
    findings = {
        name: _of_finding(predictions.truth[:, k], predictions.probabilities[:, k].astype(float))
        for k, name in enumerate(predictions.classes)
    }
    errors = [each["error"] for each in findings.values()]
    return found | {"mean_error": _mean(errors), "findings": findings}


def mean_of_runs(each: list[dict]) -> dict:
    """Return the `reliability` of several runs on the same cases as one run's: means over runs.

    What a run does not have, such as a slope, is left out of its mean.
    """
    found = {key: _mean([run[key] for run in each]) for key in each[0] if key not in _PARTS}
    found["bins"] = mean_bins([run["bins"] for run in each])
    if "findings" in each[0]:
        found["findings"] = {
            name: mean_of_runs([run["findings"][name] for run in each])
            for name in each[0]["findings"]
        }
    return found


def mean_bins(each: list[list[dict]]) -> list[dict]:
    """Return the bins of `reliability` of several runs on the same cases as one run's.

    A bin's "cases" are the mean over runs, the rest is of all that the runs stated there.
    """
    found = []
    for low in sorted({b["low"] for bins in each for b in bins}):
        same = [b for bins in each for b in bins if b["low"] == low]
        cases = [b["cases"] for b in same]
        means = {
            key: float(np.average([b[key] for b in same], weights=cases))
            for key in ("confidence", "frequency")
        }
        found.append(same[0] | means | {"cases": round(sum(cases) / len(each), 1)})
    return found


def slope_and_intercept(truth: np.ndarray, probabilities: np.ndarray) -> tuple:
    """Return the calibration slope and intercept (Cox 1958; Van Calster et al. 2019).

    Logistic regression on the logit of the probabilities, which are kept 1e-7 off 0 and 1. The
    slope is 1 where they are right, below where they are too extreme; the intercept is that of
    slope 1 (calibration in the large), 0 where they are right, below where they are too high.

    Args:
      truth: `[N]`, 1 or 0.
      probabilities: `[N]`.

    Returns:
      Two numbers, None for what is not defined: both without positives or negatives, the slope
      where the probabilities separate them.
    """
    present, x = truth == 1, logit(np.clip(probabilities, _EDGE, 1 - _EDGE))
    if present.all() or not present.any():
        return None, None
    intercept = _fitted(np.ones((len(x), 1)), x, present)[0]
    up, down = x[present], x[~present]
    if up.min() >= down.max() or up.max() <= down.min():
        return None, float(intercept)
    centred = np.column_stack([np.ones(len(x)), (x - x.mean()) / x.std()])
    slope = _fitted(centred, np.zeros(len(x)), present)[1] / x.std()
    return float(slope), float(intercept)


def _fitted(columns, offset, present):
    """Return logistic regression's coefficients: Newton's steps, halved where they go too far."""
    found = np.zeros(columns.shape[1])

    def loss(coefficients: Any) -> Any:
        eta = offset + columns @ coefficients
        return np.logaddexp(0, np.where(present, -eta, eta)).sum()

    for _ in range(100):
        p = expit(offset + columns @ found)
        curvature = (columns * (p * (1 - p))[:, None]).T @ columns
        step = np.linalg.lstsq(curvature, columns.T @ (present - p), rcond=None)[0]
        step = step / max(1, abs(step).max() / 5)  # where the curve is flat, not to infinity
        while loss(found + step) > loss(found) and abs(step).max() > 1e-12:
            step = step / 2
        found = found + step
        if abs(step).max() < 1e-11:
            break
    return found


def _of_finding(truth, probabilities):
    """Return the calibration of one finding, of the cases where it is known."""
    known = ~np.isnan(truth)
    truth, probabilities = truth[known].astype(float), probabilities[known]
    slope, intercept = slope_and_intercept(truth, probabilities)
    expected = probabilities.sum()
    return _curve(probabilities, truth) | {
        "cases": len(truth),
        "positives": int(truth.sum()),
        "slope": slope,
        "intercept": intercept,
        "observed_expected": float(truth.sum() / expected) if expected > 0 else None,
    }


def _curve(confidence, right):
    """Return the error and the bins that are not empty of claims `[n]` and their truth `[n]`."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = []
    for b in np.unique(place):
        inside = place == b
        bins.append({
            "low": float(b / BINS),
            "high": float((b + 1) / BINS),
            "cases": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "frequency": float(right[inside].mean()),
        })  # fmt: skip
    gaps = [b["cases"] * abs(b["confidence"] - b["frequency"]) for b in bins]
    return {"error": float(sum(gaps) / len(confidence)) if bins else None, "bins": bins}


def _mean(values):
    """Return the mean of the numbers that are not None, None without any."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _claims(predictions):
    """Return the stated probabilities `[n]`, and their truth `[n]` (ties by expectation)."""
    probabilities = predictions.probabilities.astype(float)
    if predictions.task == "multiclass":
        return probabilities.max(1), functions.top_k_hits(predictions.truth, probabilities, 1)
    known = ~np.isnan(predictions.truth)
    return probabilities[known], predictions.truth[known].astype(float)
