"""Whether probabilities mean what they say: Brier score, reliability curve, calibration error."""

import numpy as np

from simclr_med.evaluation.metrics import functions

BINS = 15


def brier(predictions, weights):
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


def reliability(predictions):
    """Return the reliability curve and the expected calibration error (Guo et al. 2017).

    Of 15 bins of equal width. Multiclass: of the highest probability, right where the class is one
    of the diagnoses (ties by expectation). Multilabel: of all known findings together.

    The error has no interval: chance alone makes each bin's error positive, and a bootstrap adds
    as much again, so that replicates centre above the value.

    Returns:
      {"error": number, "bins": [{"low", "high", "cases", "confidence", "frequency"}]}, of the
      bins that are not empty.
    """
    confidence, right = _claims(predictions)
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


def mean_bins(each):
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


def _claims(predictions):
    """Return what was said, in [0, 1], and how often it was so."""
    probabilities = predictions.probabilities.astype(float)
    if predictions.task == "multiclass":
        return probabilities.max(1), functions.top_k_hits(predictions.truth, probabilities, 1)
    known = ~np.isnan(predictions.truth)
    return probabilities[known], predictions.truth[known].astype(float)
