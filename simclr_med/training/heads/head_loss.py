"""Settings of a head's training loss, as keyword arguments of `losses`.

objective.losses(targets, logits, task, **loss_changes(config.head, targets, task))
"""

import dataclasses

import numpy as np

from simclr_med.errors import InputError


def loss_changes(settings, targets, task):
    """Return the keyword arguments of `objective.losses` that a `HeadConfig` asks for.

    Args:
      settings: a `HeadConfig`.
      targets: `[N, K]`, those that are learnt from.
      task: "multiclass" or "multilabel".
    """
    return {
        "label_smoothing": settings.label_smoothing,
        "focal_gamma": settings.focal_gamma,
        "class_weights": class_weights(targets, task, settings.class_weights),
    }


def with_targets(kind, cases, data_dir):
    """Return `Cases` with the targets that are learnt from (`--targets`).

    Raises:
      InputError: the manifest has no weights.
    """
    if kind == "primary":
        return cases
    if cases.shares is None:
        raise InputError(
            f"--targets=weighted: {data_dir} has no diagnoses with weights; expected "
            "the column label_weights in manifest.csv"
        )
    return dataclasses.replace(cases, targets=cases.shares)


def refuse_focal(gamma, info, data_dir):
    """Refuse the focal loss of diagnoses.

    Raises:
      InputError: names the flag and the data set.
    """
    if gamma and info.task != "multilabel":
        raise InputError(f"--focal_gamma={gamma:g} is for findings; {data_dir} is {info.task}")


def class_weights(targets, task, kind):
    """Return the weights of absent and present classes in the loss, float32 `[2, K]`, or None.

    "balanced": n / (c m), of n examples, c kinds of answers and m examples of this one, so that
    each kind weighs the same in all (scikit-learn's `compute_class_weight`): the answers are the
    classes, or for each finding present and absent. "sqrt": the root of that. Where an answer never
    occurs its weight is 0.

    Args:
      targets: `[N, K]`; several primary diagnoses share an example, NaN is left out.
      task: "multiclass", where an absent class weighs nothing, or "multilabel".
      kind: "none", "balanced" or "sqrt".
    """
    if kind == "none":
        return None
    y = np.asarray(targets, np.float64)
    if task == "multiclass":
        present = (y / y.sum(axis=1, keepdims=True)).sum(axis=0)
        weights = np.stack([np.zeros_like(present), _balanced(present)])
    else:
        weights = _balanced(np.stack([np.nansum(1 - y, axis=0), np.nansum(y, axis=0)]))
    return np.float32(np.sqrt(weights) if kind == "sqrt" else weights)


def _balanced(counts):
    """Return the weights of answers by their counts along the first axis."""
    occurring = counts > 0
    scale = counts.sum(axis=0) / np.maximum(1, occurring.sum(axis=0))
    return np.divide(scale, counts, out=np.zeros_like(counts), where=occurring)
