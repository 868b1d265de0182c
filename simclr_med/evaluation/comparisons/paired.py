"""Models on the same cases: the paired bootstrap of every difference, and its verdict.

    result = compare({"SimCLR": simclr, "MICLe": micle}, Settings(), baseline="SimCLR")
    result["differences"][0]  # MICLe minus SimCLR, in the first metric

A difference is always "this model minus the baseline" (Azizi et al. 2021, appendix B.1.1: both are
scored on the same replicates, and differ significantly where the interval excludes 0).
"""

import dataclasses
import itertools

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation import verdicts
from simclr_med.evaluation.comparisons import delong
from simclr_med.evaluation.comparisons.alignment import aligned
from simclr_med.evaluation.intervals import interval_ends
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate, summary
from simclr_med.evaluation.metrics import conditions, functions, scoring
from simclr_med.evaluation.verdicts import (
    BETTER,
    FEW_CASES,
    NO_DIFFERENCE,
    UNDECIDED,
    UNDEFINED,
    WORSE,
    too_few,
    units_that_decide,
)
from simclr_med.evaluation.wording import main_metrics


def compare(models, settings=None, baseline=None, margin=None):
    """Return each model's metrics, and the differences of pairs of models.

    Args:
      models: name -> `Predictions` of the same cases, two or more.
      settings: `Settings`.
      baseline: the model that the others are compared with; None compares each pair, the earlier
        name minus the later.
      margin: what a model may be worse by and still count as non-inferior, above 0, at most 1; or
        None.

    Returns:
      What json.dump can write: {"task", "classes", "models": {name: see `bootstrap.summary`},
      "baseline", "margin", "differences": rows, "bootstrap": the settings}. A row, None standing
      for what is not defined:
        "model", "baseline", "metric";
        "value", "baseline_value", "difference", "low", "high";
        "p_value": of the bootstrap, the level at which the interval leaves 0;
        "p_holm": Holm's, over all rows of the main metrics (`wording.main_metrics`), or over all
          other rows;
        "p_delong": DeLong's, for AUCs of one class;
        "verdict": "better", "worse", "no difference shown", "undecided" (too few units, replicates
          or cases: "reason" says which), "not defined";
        "reason": "" or a sentence;
        "significant": whether the verdict is better or worse;
        "holds": whether it still is when all that "p_holm" is over are counted together;
        "non_inferior": with a margin, True or False; None where undecided.

    Raises:
      InputError: the models differ in more than their probabilities, or no such baseline.
    """
    settings = settings or Settings()
    pairs = pairs_of(list(models), baseline)
    check_margin(margin)
    models = aligned(models)
    made = {name: replicate(model, settings, name) for name, model in models.items()}
    rows = [
        {"model": a, "baseline": b, "metric": metric}
        | difference_row(made[a], made[b], made[a] - made[b], metric, margin)
        for a, b in pairs
        for metric in made[a].values
    ]
    first = next(iter(models.values()))
    described = {"task": first.task, "classes": list(first.classes)}
    adjust(rows, main_metrics(described), settings.confidence)
    return described | {
        "models": {name: summary(replicates) for name, replicates in made.items()},
        "baseline": baseline,
        "margin": margin,
        "differences": rows,
        "bootstrap": dataclasses.asdict(settings),
    }


def check_margin(margin):
    """Raise `InputError` where a margin of non-inferiority is given that no metric has."""
    if margin is not None and not 0 < margin <= 1:
        raise InputError(f"margin is {margin}; expected a number above 0, at most 1")


def adjust(rows, main, confidence):
    """Add "p_holm" and "holds" to each row, over the main metrics and over all others."""
    for chosen in (True, False):
        family = [row for row in rows if (row["metric"] in main) == chosen]
        adjusted = verdicts.holm([row["p_value"] for row in family])
        for row, p in zip(family, adjusted, strict=True):
            row["p_holm"] = p
            row["holds"] = row["significant"] and interval_ends.rejects(p, confidence)


def difference_row(a, b, difference, metric, margin=None):
    """Return a row's numbers and verdict, see `compare`.

    Args:
      a, b: `Replicates` of the model and of the baseline.
      difference: a - b.
      metric: its name.
      margin: of non-inferiority, or None.
    """
    interval = difference.interval(metric)
    row = {
        "value": _number(a.values[metric]),
        "baseline_value": _number(b.values[metric]),
        "difference": interval["value"],
        "low": interval["low"],
        "high": interval["high"],
        "p_value": None,
        "p_delong": None,
        "non_inferior": None,
    }
    if interval["low"] is None:
        return row | {"verdict": UNDEFINED, "reason": "", "significant": False}
    row["p_value"] = interval_ends.p_value(
        difference.defined(metric), difference.shape(metric), difference.values[metric]
    )
    if metric.startswith("auc:"):
        row["p_delong"] = _number(_delong(a, b, metric))
    found = direction(row, metric)
    reason = too_few(a.settings, a.units) or class_too_small(a, metric)
    if margin is not None and not reason:
        row["non_inferior"] = non_inferior(row, metric, margin)
    if found and not reason:
        reason = _too_alike(a, b, metric) or _out_of_reach(row, a.settings)
    if reason:
        return row | {"verdict": UNDECIDED, "reason": reason, "significant": False}
    return row | {"verdict": found or NO_DIFFERENCE, "reason": "", "significant": bool(found)}


def pairs_of(names, baseline):
    """Return pairs (model, its baseline): each name with a baseline, or all pairs without one.

    Raises:
      InputError: fewer than two names, or no such baseline.
    """
    if len(names) < 2:
        raise InputError(f"a comparison needs two models or more; given: {', '.join(names)}")
    if baseline is None:
        return list(itertools.combinations(names, 2))
    if baseline not in names:
        raise InputError(f"baseline is {baseline!r}; expected one of {', '.join(names)}")
    return [(name, baseline) for name in names if name != baseline]


def direction(row, metric):
    """Return "better" or "worse" where the interval excludes 0, else ""."""
    if row["low"] <= 0 <= row["high"]:
        return ""
    return BETTER if (row["low"] > 0) == scoring.higher_is_better(metric) else WORSE


def non_inferior(row, metric, margin):
    """Return whether all of a row's interval lies above what may be lost."""
    worst = row["low"] if scoring.higher_is_better(metric) else -row["high"]
    return bool(worst > -margin)


def class_too_small(replicates, metric):
    """Return why a metric of one class rests on too few of its units, "" where it does not."""
    count = units_that_decide(replicates.predictions, replicates.units, metric)
    if ":" in metric and count < FEW_CASES:
        return f"rests on {count} {replicates.units.name}s; a verdict needs {FEW_CASES}"
    return ""


def _too_alike(a, b, metric):
    """Return why too few units tell two models apart for a verdict, "" where enough do.

    Where d units differ, all in favour of one, chance alone does so in 2 of 2^d: no test can find
    p = 0.05 below d = 6 (McNemar 1947, exact), and a bootstrap that does is wrong.
    """
    rows = differing(a.predictions, b.predictions, metric)
    count = len(np.unique(a.units.index[rows]))
    needed = int(np.ceil(1 - np.log2(1 - a.settings.confidence)))
    if count < needed:
        return f"only {count} {a.units.name}s tell the two apart; a verdict needs {needed}"
    return ""


def _out_of_reach(row, settings):
    """Return why an interval that excludes 0 claims too much, "" where its p-value says the same.

    A skewed or widened interval may ask for a quantile further out than any replicate lies.
    """
    if interval_ends.rejects(row["p_value"], settings.confidence):
        return ""
    return f"the interval would end beyond all {settings.replicates} replicates"


def differing(a, b, metric):
    """Return the rows `[n]` of cases that can make two models differ in a metric."""
    metric, _, finding = metric.partition(":")
    columns = slice(None) if not finding else [a.classes.index(finding)]
    if metric.startswith(("top", "average_top")):
        k = int(metric.removeprefix("average_")[3])
        hits = [functions.top_k_hits(p.truth, p.probabilities, k) for p in (a, b)]
        differ = hits[0] != hits[1]
        if "own" in metric:
            own = [functions.top_k_chances(p.probabilities, k) * (p.truth == 1) for p in (a, b)]
            differ |= (own[0] != own[1]).any(1)
        if "sensitivity" in metric:
            pairs = conditions.pairs_of(a)
            carriers = pairs.case if not finding else pairs.case[pairs.condition == columns[0]]
            differ &= np.isin(np.arange(len(differ)), carriers)
    elif metric in ("sensitivity", "specificity"):
        called = [p.probabilities[:, columns[0]] >= p.thresholds[finding] for p in (a, b)]
        differ = (called[0] != called[1]) & (a.truth[:, columns[0]] == (metric == "sensitivity"))
    else:
        differ = (a.probabilities[:, columns] != b.probabilities[:, columns]).any(1)
    return np.flatnonzero(differ)


def _delong(a, b, metric):
    k = a.predictions.classes.index(metric.removeprefix("auc:"))
    scores = np.stack([part.predictions.probabilities[:, k] for part in (a, b)])
    return delong.p_value(a.predictions.truth[:, k], scores, a.units.index)


def _number(value):
    return None if np.isnan(value) else float(value)
