"""Metrics of a classifier. NumPy alone.

    values = score(predictions, np.ones(len(predictions.case_ids)))  # by name

Letters: N cases, K classes. Every metric takes counts `[..., N]`, how often each case was drawn,
and answers `[...]`, so that the full sample (all ones) and a block of bootstrap replicates `[R, N]`
share one code. What is not defined is NaN, never 0. The definitions are Azizi et al. 2021, appendix
B; docs/statistics.md says where we had to choose.
"""

import numpy as np


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
