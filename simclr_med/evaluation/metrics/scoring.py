"""All metrics of predictions, by name, for many weightings of the cases at once.

    score(predictions, np.ones(len(predictions.case_ids)))["auc"]

A name is a metric, or "metric:class". Definitions: docs/statistics.md.
"""

import numpy as np

from simclr_med.evaluation.metrics import agreement, calibration, conditions, functions

TOP = (1, 3)
BOUNDS = {"kappa": (-1, 1), "brier": (0, 2)}  # of a metric; of all others 0 and 1
LOWER_IS_BETTER = ("brier",)  # of a metric's name before the colon


def score(predictions, weights):
    """Return name -> `[...]` of every metric that has an interval.

    Args:
      predictions: `Predictions` of N cases.
      weights: `[..., N]`, how often each case counts.
    """
    weights = np.asarray(weights, float)
    if predictions.task == "multiclass":
        return _of_diagnoses(predictions, weights) | _rank_metrics(predictions, weights)
    return (
        _rank_metrics(predictions, weights)
        | _at_thresholds(predictions, weights)
        | {"brier": calibration.brier(predictions, weights)}
    )


def bounded(metric, low, high):
    """Return the ends of an interval, no further out than the metric itself can be."""
    least, most = BOUNDS.get(metric.partition(":")[0], (0, 1))
    return max(low, least), min(high, most)


def higher_is_better(metric):
    """Return whether more of a metric is better."""
    return metric.partition(":")[0] not in LOWER_IS_BETTER


def _of_diagnoses(predictions, weights):
    values = {}
    for k in TOP:
        hits = functions.top_k_hits(predictions.truth, predictions.probabilities, k)
        values[f"top{k}_accuracy"] = functions.mean(hits, weights)
    pairs = conditions.pairs_of(predictions)
    of_pairs = np.take(weights, pairs.case, axis=-1)
    each = {
        name: conditions.sensitivities(pairs, *counted, of_pairs)
        for name, counted in sensitivity_readings(predictions, pairs).items()
    }
    values |= {f"average_{name}": functions.mean_of_defined(each[name]) for name in each}
    values["kappa"] = agreement.kappa(predictions, weights)
    values["brier"] = calibration.brier(predictions, weights)
    for name in each:
        for column, k in enumerate(pairs.present):
            values[f"{name}:{predictions.classes[k]}"] = each[name][..., column]
    return values


def sensitivity_readings(predictions, pairs):
    """Return name -> (hits `[P]`, counted `[P]`) of each k and reading, see `conditions`."""
    return {
        f"top{k}_{reading}sensitivity": counted
        for k in TOP
        for reading, counted in conditions.readings(predictions, pairs, k).items()
    }


def _rank_metrics(predictions, weights):
    """Return AUC: its mean over classes, the mean weighted by positives, and of each class.

    Of findings average precision too.
    """
    aucs, precisions = [], []
    for ranking in predictions.rankings:
        weighed = ranking.weigh(weights)
        aucs.append(functions.auc(weighed))
        if predictions.task == "multilabel":
            precisions.append(functions.average_precision(weighed))
    each = np.stack(aucs, axis=-1)
    positives = weights @ (predictions.truth == 1).astype(float)  # [..., K]
    share = np.where(np.isnan(each), 0, positives)
    weighted = functions.ratio((share * np.nan_to_num(each)).sum(-1), share.sum(-1))
    values = _by_class(predictions, "auc", aucs)
    values = {"auc": values.pop("auc"), "auc_weighted": weighted} | values
    return values | (_by_class(predictions, "average_precision", precisions) if precisions else {})


def _by_class(predictions, name, each):
    """Return the mean over classes of a metric, and of each class."""
    named = zip(predictions.classes, each, strict=True)
    return {
        name: functions.mean_of_defined(np.stack(each, axis=-1)),
        **{f"{name}:{finding}": value for finding, value in named},
    }


def _at_thresholds(predictions, weights):
    """Return sensitivity and specificity of the findings that have a threshold."""
    values = {}
    for name, threshold in predictions.thresholds.items():
        k = predictions.classes.index(name)
        truth, called = predictions.truth[:, k], predictions.probabilities[:, k] >= threshold
        values[f"sensitivity:{name}"] = _share(called, truth == 1, weights)
        values[f"specificity:{name}"] = _share(~called, truth == 0, weights)
    return values


def _share(marked, among, weights):
    return functions.ratio(weights @ (marked & among).astype(float), weights @ among.astype(float))
