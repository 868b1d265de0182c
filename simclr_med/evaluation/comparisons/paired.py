"""Models on the same cases: the paired bootstrap of every difference, and its verdict.

    result = compare({"SimCLR": simclr, "MICLe": micle}, Settings(), baseline="SimCLR")
    result["differences"][0]  # MICLe minus SimCLR, in the first metric

A difference is always "this model minus the baseline" (Azizi et al. 2021, appendix B.1.1: both are
scored on the same replicates, and differ significantly where the interval excludes 0).
"""

import dataclasses
import itertools
from typing import Any

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation import verdicts
from simclr_med.evaluation.comparisons import delong
from simclr_med.evaluation.comparisons.alignment import aligned
from simclr_med.evaluation.comparisons.verdict import judged
from simclr_med.evaluation.intervals import interval_ends
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate, summary
from simclr_med.evaluation.metrics import records
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.wording import main_metrics


def compare(
    models: dict[str, Predictions],
    settings: Settings | None = None,
    baseline: str | None = None,
    margin: float | None = None,
) -> dict[str, Any]:
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
        "p_delong": DeLong's, for AUCs of one class; None where undecided, as its false alarms are
          many there;
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
    }
    asked, pair = records.metric(metric), (a.predictions, b.predictions)
    if interval["low"] is not None:
        row["p_value"] = interval_ends.p_value(
            difference.defined(metric), difference.shape(metric), difference.values[metric]
        )
    row = judged(row, asked, a.settings, a.units, [pair], margin)
    if asked.kind.name == "auc:" and row["verdict"] not in (verdicts.UNDECIDED, verdicts.UNDEFINED):
        row["p_delong"] = _number(_delong(*pair, a.units, asked))
    return row


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


def _delong(a, b, units, metric):
    k = metric.column(a.classes)
    scores = np.stack([part.probabilities[:, k] for part in (a, b)])
    return delong.p_value(a.truth[:, k], scores, units.index)


def _number(value):
    return None if np.isnan(value) else float(value)
