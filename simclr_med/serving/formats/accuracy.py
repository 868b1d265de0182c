"""Validation metrics of smaller models beside evaluation's: the loss by quantisation."""

from collections.abc import Callable

import numpy as np

from simclr_med.data.batches import evaluation_batches
from simclr_med.data.manifest import Manifest
from simclr_med.evaluation import predictions
from simclr_med.evaluation.metrics import scoring
from simclr_med.serving.trained import Trained
from simclr_med.training.models import objective

OWN = "evaluation"
CASES = 200  # of validation, evenly spaced; a model of one image takes them one by one


def on_validation(
    trained: Trained, data: Manifest, models: dict[str, Callable]
) -> dict[str, dict[str, float]]:
    """Return each model's metrics, and evaluation's, on validation cases.

    Args:
      trained: a `Trained`.
      data: a `Manifest`.
      models: name to a function of views `[M, S, S, 3]` to probabilities `[M, K]`.

    Returns:
      Name to {metric: value}, `OWN` to evaluation's; {} without a head or a validation split.
    """
    if trained.task is None or "validation" not in set(data.table["split"]):
        return {}
    cases = data.cases(["validation"])
    cases = cases.take(np.unique(np.linspace(0, len(cases) - 1, CASES).round().astype(int)))
    contract, task = trained.contract, trained.task.task
    own = {OWN: lambda views: objective.probabilities(trained.nets.logits(views), task).numpy()}
    models = own | models
    batches = evaluation_batches(
        cases.paths, batch_size=1, size=contract.size, proportion=contract.crop
    )
    by_image = {name: [] for name in models}
    for views in batches:
        for name, model in models.items():
            by_image[name].append(model(views))
    return {name: _metrics(cases, np.concatenate(rows), trained) for name, rows in by_image.items()}


def _metrics(cases, by_image, trained):
    predicted = predictions.average_over_images(cases, by_image, trained.task)
    scores = scoring.score_all_cases(predicted)
    return {name: value for name, value in scores.items() if np.isfinite(value)}


def sentences(found: dict[str, dict[str, float]]) -> list[str]:
    """Return a sentence a model on its loss, from the metrics of `on_validation`."""
    if not found:
        return ["there is no validation split, or no head, to measure what is lost on"]
    return [
        f"{name} on validation: {_said(scores, found[OWN])}"
        for name, scores in found.items()
        if name != OWN
    ]


def _said(scores, own):
    """Return each metric with its difference from evaluation's."""
    return ", ".join(f"{name} {scores[name]:.3f} ({scores[name] - own[name]:+.3f})" for name in own)
