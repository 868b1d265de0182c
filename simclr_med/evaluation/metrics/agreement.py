"""The most probable class against the reference: confusion matrix and Cohen's kappa."""

from typing import Any

import numpy as np

from simclr_med.evaluation.metrics import functions


def confusion(predictions: Any) -> np.ndarray:
    """Return the confusion matrix `[K, K]`: reference by row, the most probable class by column.

    A case adds 1 in all: equal probabilities share its column; a case with several diagnoses
    counts for the one that was predicted, and where none was, for each of them in equal parts.
    """
    called, reference = _called_and_reference(predictions)
    both = called * (predictions.truth == 1)  # [N, K], predicted and a diagnosis
    matrix = np.diag(both.sum(0))
    return matrix + reference.T @ (called - both)


def kappa(predictions: Any, weights: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa against the reference: `weights` `[..., N]` -> `[...]`.

    NaN where chance alone would agree always. Cases as in `confusion`.
    """
    called, reference = _called_and_reference(predictions)
    both = called * (predictions.truth == 1)
    rows = both + reference * (1 - both.sum(1, keepdims=True))  # the reference that it counts for
    total = weights.sum(-1)
    agreed = functions.ratio(weights @ both.sum(1), total)
    chance = functions.ratio(((weights @ rows) * (weights @ called)).sum(-1), total**2)
    return functions.ratio(agreed - chance, np.where(chance < 1 - 1e-12, 1 - chance, 0))


def _called_and_reference(predictions):
    """Return `[N, K]` each: which class is the highest, and the diagnoses in equal parts."""
    truth = predictions.truth == 1
    called = functions.top_k_chances(predictions.probabilities, 1)
    return called, truth / truth.sum(1, keepdims=True)
