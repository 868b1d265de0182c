"""Metrics of a classifier, their bootstrap intervals, and paired comparisons. NumPy alone.

Letters: N cases, K classes, R bootstrap replicates. A replicate is a vector of counts: how often
each case was drawn. Every metric takes counts `[..., N]` and answers `[...]`, so the full sample
(all ones) and a block of replicates `[R, N]` share one code. What is not defined is NaN, never 0.
The definitions are Azizi et al. 2021, appendix B; docs/statistics.md says where we had to choose.
"""

import numpy as np

from simclr_med.errors import InputError

UNITS = ("case", "patient")
_BLOCK = 1 << 22  # counts held at once: bounds memory, changes no result
_LABELS = {
    "top1_accuracy": "top-1 accuracy",
    "top3_accuracy": "top-3 accuracy",
    "average_top1_sensitivity": "average top-1 sensitivity",
    "average_top3_sensitivity": "average top-3 sensitivity",
    "auc": "AUC",
}


def label(metric):
    """Return how to write a metric's name in a sentence: "auc:Acne" is "AUC of Acne"."""
    name, _, finding = metric.partition(":")
    return f"{_LABELS[name]} of {finding}" if finding else _LABELS[name]


def main_metrics(result):
    """Return the metrics to show first: the paper's five, or the mean AUC and each finding's."""
    multilabel = result["task"] == "multilabel"
    return [name for name in result["metrics"] if multilabel or ":" not in name]


def top_k_hits(truth, probabilities, k):
    """Return whether a present class is among the k highest scores, bool `[N]`.

    Ties go by class order.

    Args:
      truth: `[N, K]`, 1 for present.
      probabilities: `[N, K]`.
      k: 1 to K.
    """
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return (np.take_along_axis(truth, top, axis=1) == 1).any(axis=1)


def accuracy(hits, weights):
    """Return the share of the cases that hit: `hits` `[N]`, `weights` `[..., N]` -> `[...]`."""
    return _ratio(weights @ hits.astype(float), weights.sum(-1))


def average_sensitivity(hits, truth, weights):
    """Return the mean over conditions of the share of hits among the cases that carry them.

    Args:
      hits: bool `[N]`.
      truth: `[N, K]`, 1 for present.
      weights: `[..., N]`.

    Returns:
      `[...]`. A condition that no drawn case carries is left out of the mean.
    """
    present = (truth == 1).astype(float)  # [N, K]
    return _mean_of_defined(_ratio(weights @ (present * hits[:, None]), weights @ present))


def auc(truth, scores, weights):
    """Return the area under the ROC curve as the Mann-Whitney statistic; a tie counts one half.

    Args:
      truth: `[N]`; 1, 0, or NaN for a case to leave out.
      scores: `[N]`.
      weights: `[..., N]` integer counts.

    Returns:
      `[...]`, NaN where no positive or no negative was drawn.
    """
    positive = _sorted_rows(truth == 1, scores)
    negative = _sorted_rows(truth == 0, scores)
    below = np.searchsorted(scores[negative], scores[positive], side="left")
    not_above = np.searchsorted(scores[negative], scores[positive], side="right")
    # seen[..., j]: how many negatives were drawn among the j lowest.
    seen = np.zeros((*weights.shape[:-1], len(negative) + 1), np.int64)
    np.cumsum(weights[..., negative], axis=-1, out=seen[..., 1:])
    drawn = weights[..., positive].astype(np.int64)
    twice_won = (drawn * (seen[..., below] + seen[..., not_above])).sum(-1)
    return _ratio(twice_won, 2 * drawn.sum(-1) * seen[..., -1])


def score(predictions, weights):
    """Return all metrics of `predictions` for counts `weights` `[..., N]`: name -> `[...]`."""
    truth, probabilities = predictions.truth, predictions.probabilities
    values = {}
    if predictions.task == "multiclass":
        hits = {k: top_k_hits(truth, probabilities, k) for k in (1, 3)}
        conditions = truth[:, [name != predictions.other_class for name in predictions.classes]]
        for k in hits:
            values[f"top{k}_accuracy"] = accuracy(hits[k], weights)
        for k in hits:
            values[f"average_top{k}_sensitivity"] = average_sensitivity(
                hits[k], conditions, weights
            )
    each = [auc(truth[:, k], probabilities[:, k], weights) for k in range(truth.shape[1])]
    values["auc"] = _mean_of_defined(np.stack(each, axis=-1))
    return values | {
        f"auc:{name}": value for name, value in zip(predictions.classes, each, strict=True)
    }


def bootstrap_weights(unit_ids, replicates, seed):
    """Draw units with replacement, as many as there are, `replicates` times.

    Counts depend on the set of units and on the seed, not on the order of rows.

    Args:
      unit_ids: `[N]`; rows of one unit are drawn together.

    Yields:
      Blocks `[R, N]` int32 of counts, `replicates` rows in all, each of bounded size.
    """
    units, unit = np.unique(unit_ids, return_inverse=True)
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(unit))
    for start in range(0, replicates, block):
        counts = [
            np.bincount(random.integers(len(units), size=len(units)), minlength=len(units))
            for _ in range(min(block, replicates - start))
        ]
        yield np.stack(counts).astype(np.int32)[:, unit]


def evaluate(predictions, replicates=1000, confidence=0.95, unit="case", seed=0):
    """Return every metric with its percentile bootstrap interval, over all cases and by group.

    Cases of a group are resampled within the group.

    Returns:
      What json.dump can write: {"task", "cases", "classes", "metrics": {name: {"value", "low",
      "high"}}, "groups": {group: {level: {"cases", "metrics"}}}, "bootstrap": the settings}.
      None stands for a value that is not defined.
    """
    settings = _settings(replicates, confidence, unit, seed)

    def summary(part):
        values, samples = _bootstrap(part, replicates, unit, seed)
        metrics = {name: _interval(values[name], samples[name], confidence) for name in values}
        return {"cases": len(part.case_ids), "metrics": metrics}

    groups = {
        group: {
            str(level): summary(predictions.take(np.flatnonzero(levels == level)))
            for level in np.unique(levels)
        }
        for group, levels in predictions.groups.items()
    }
    return {
        "task": predictions.task,
        "classes": list(predictions.classes),
        **summary(predictions),
        "groups": groups,
        "bootstrap": settings,
    }


def compare(a, b, replicates=1000, confidence=0.95, unit="case", seed=0, names=("A", "B")):
    """Return the paired bootstrap of two models on the same cases (appendix B.1.1).

    Both are scored on the same resamples; the interval is of the difference, a minus b.

    Args:
      names: what error messages call the two.

    Returns:
      What json.dump can write: {"task", "cases", "classes", "metrics": {name: {"value_a",
      "value_b", "difference", "low", "high", "significant", "p_value"}}, "bootstrap"}.

    Raises:
      InputError: the two differ in classes, cases, truth or, drawing patients, in those.
    """
    settings = _settings(replicates, confidence, unit, seed)
    b = _aligned(a, b, unit, names)
    # The same units and seed give the same counts.
    values_a, samples_a = _bootstrap(a, replicates, unit, seed)
    values_b, samples_b = _bootstrap(b, replicates, unit, seed)
    metrics = {}
    for name in values_a:
        samples = samples_a[name] - samples_b[name]
        interval = _interval(values_a[name] - values_b[name], samples, confidence)
        defined = interval["value"] is not None
        metrics[name] = {
            "value_a": _number(values_a[name]),
            "value_b": _number(values_b[name]),
            "difference": interval["value"],
            "low": interval["low"],
            "high": interval["high"],
            "significant": defined and (interval["low"] > 0 or interval["high"] < 0),
            "p_value": _p_value(samples) if defined else None,
        }
    return {
        "task": a.task,
        "cases": len(a.case_ids),
        "classes": list(a.classes),
        "metrics": metrics,
        "bootstrap": settings,
    }


def statement(metric, result, name_a, name_b):
    """Return one metric of `compare` as a plain sentence, whichever way it falls."""
    difference, low, high = (result[key] for key in ("difference", "low", "high"))
    if difference is None:
        return f"{label(metric)} is not defined on these cases"
    if not result["significant"]:
        return (
            f"no significant difference between {name_a} and {name_b} in {label(metric)}: "
            f"{difference:.4f} [{low:.4f}, {high:.4f}]"
        )
    if high < 0:
        name_a, name_b = name_b, name_a
        difference, low, high = -difference, -high, -low
    return (
        f"{name_a} is better than {name_b} in {label(metric)} "
        f"by {difference:.4f} [{low:.4f}, {high:.4f}]: significant"
    )


def _settings(replicates, confidence, unit, seed):
    if replicates < 1:
        raise InputError(f"replicates is {replicates}; expected 1 or more")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected a number between 0 and 1")
    if unit not in UNITS:
        raise InputError(f"unit is {unit!r}; expected one of {', '.join(UNITS)}")
    return {"replicates": replicates, "confidence": confidence, "unit": unit, "seed": seed}


def _bootstrap(predictions, replicates, unit, seed):
    """Return metrics of the sample, name -> number, and of its resamples, name -> `[R]`."""
    values = score(predictions, np.ones(len(predictions.case_ids), np.int32))
    blocks = [
        score(predictions, weights)
        for weights in bootstrap_weights(_unit_ids(predictions, unit), replicates, seed)
    ]
    return values, {name: np.concatenate([block[name] for block in blocks]) for name in values}


def _unit_ids(predictions, unit):
    """Return `[N]` of what is drawn together. A case without a patient is a patient of its own."""
    if unit == "case":
        return predictions.case_ids
    alone = np.char.add("case ", np.asarray(predictions.case_ids, str))
    patients = np.char.add("patient ", np.asarray(predictions.patient_ids, str))
    return np.where(predictions.patient_ids == "", alone, patients)


def _aligned(a, b, unit, names):
    """Return `b` with its cases in the order of `a`."""
    first, second = names
    if (a.task, a.classes) != (b.task, b.classes):
        raise InputError(
            f"{first} and {second} must share task and classes: {a.task} {list(a.classes)} "
            f"and {b.task} {list(b.classes)}"
        )
    for here, there, name in ((a, b, first), (b, a, second)):
        alone = ~np.isin(here.case_ids, there.case_ids)
        if alone.any():
            raise InputError(
                f"{first} and {second} must hold the same cases: "
                f"{str(here.case_ids[alone.argmax()])!r} is in {name} alone"
            )
    row = {case_id: number for number, case_id in enumerate(b.case_ids.tolist())}
    b = b.take([row[case_id] for case_id in a.case_ids.tolist()])
    same = (a.truth == b.truth) | (np.isnan(a.truth) & np.isnan(b.truth))
    differing = {"truth": ~same.all(1)}
    if unit == "patient":
        differing["patient"] = a.patient_ids != b.patient_ids
    for what, marks in differing.items():
        if marks.any():
            case_id = str(a.case_ids[marks.argmax()])
            raise InputError(f"case {case_id!r} has another {what} in {first} than in {second}")
    return b


def _interval(value, samples, confidence):
    """Return the value with the percentile interval of those `samples` that are defined."""
    defined = samples[~np.isnan(samples)]
    low = high = np.nan
    if len(defined):
        low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"value": _number(value), "low": _number(low), "high": _number(high)}


def _p_value(differences):
    """Return the two-sided p-value: twice the smaller share beside 0, one replicate added."""
    differences = differences[~np.isnan(differences)]
    one_side = min((differences <= 0).sum(), (differences >= 0).sum())
    return min(1.0, float(2 * (one_side + 1) / (len(differences) + 1)))


def _sorted_rows(chosen, scores):
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(scores[rows], kind="stable")]


def _ratio(numerator, denominator):
    """Return the quotient, NaN where the denominator is 0."""
    with np.errstate(invalid="ignore"):
        return np.where(denominator > 0, numerator, np.nan) / np.maximum(denominator, 1)


def _mean_of_defined(values):
    """Return the mean over the last axis of what is not NaN; NaN where nothing is defined."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _number(value):
    return None if np.isnan(value) else float(value)
