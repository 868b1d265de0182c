"""From which probability on a finding is called, chosen on validation."""

import dataclasses
from typing import Any

import numpy as np

from simclr_med.errors import InputError


def choose(validation: Any) -> dict[str, float]:
    """Return finding -> threshold: the highest sum of sensitivity and specificity (Youden 1950).

    A case is called where its probability is the threshold or more. Of equal sums the lowest
    threshold; a finding without a positive or a negative in validation has none.
    """
    chosen = {}
    for k, name in enumerate(validation.classes):
        truth, scores = validation.truth[:, k], validation.probabilities[:, k]
        positive, negative = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
        if len(positive) and len(negative):
            candidates = np.unique(np.concatenate([positive, negative]))
            missed = np.searchsorted(positive, candidates, side="left") / len(positive)
            spared = np.searchsorted(negative, candidates, side="left") / len(negative)
            chosen[name] = float(candidates[np.argmax(spared - missed)])
    return chosen


def chosen_on(validation: Any, predictions: Any) -> Any:
    """Return `predictions` with the thresholds that `validation` of the same model chooses.

    Raises:
      InputError: they are no findings, or of other ones.
    """
    same = (validation.task, validation.classes) == (predictions.task, predictions.classes)
    if predictions.task != "multilabel" or not same:
        raise InputError("thresholds are for findings (multilabel), the same in both splits")
    return dataclasses.replace(predictions, thresholds=choose(validation))
