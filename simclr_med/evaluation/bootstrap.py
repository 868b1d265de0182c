"""Bootstrap intervals of metrics, and paired comparisons of two models. NumPy alone.

    scores = evaluate(predictions, replicates=1000)
    differences = compare(predictions, others, unit="patient")

A replicate is a vector of counts, how often each case was drawn: R replicates of N cases are
`[R, N]`. docs/statistics.md describes both.
"""

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.metrics import score

UNITS = ("case", "patient")
_BLOCK = 1 << 22  # counts held at once: bounds memory, changes no result


def draw_weights(unit_ids, replicates, seed):
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
        for weights in draw_weights(_unit_ids(predictions, unit), replicates, seed)
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


def _number(value):
    return None if np.isnan(value) else float(value)
