"""Findings scored by image, beside by case: as the paper scores CheXpert (Azizi et al. 2021).

    by_image = of_images(cases, probabilities, task)  # None where it says no more than by case

A row is an image then, in a predictions file of its own beside that of the cases.
"""

import pathlib
from typing import Any

import numpy as np

from simclr_med.evaluation.predictions import Predictions

SUFFIX = "_by_image"  # of the file's name, after the split's


def of_images(cases: Any, probabilities: np.ndarray, task: Any) -> Predictions | None:
    """Return `Predictions` whose rows are images, or None.

    An image has its case's truth and groups, and is called "CASE image 1" and so on. A case whose
    patient is unknown is the patient of its images, so that intervals draw them together.

    Args:
      cases: `Cases` with M images in all.
      probabilities: `[M, K]`.
      task: what has `task` and `classes`.

    Returns:
      `Predictions`; None for diagnoses, which are a case's, and where each case has one image.
    """
    sizes = np.diff(cases.offsets)
    if task.task != "multilabel" or (sizes == 1).all():
        return None
    images = cases.each_image_alone()
    numbers = np.concatenate([np.arange(1, size + 1) for size in sizes])
    ids = np.char.add(np.char.add(images.case_ids.astype(str), " image "), numbers.astype(str))
    alone = np.char.add("case ", images.case_ids.astype(str))
    return Predictions(
        case_ids=ids,
        patient_ids=np.where(images.patient_ids == "", alone, images.patient_ids),
        truth=images.targets,
        probabilities=np.asarray(probabilities, np.float32),
        classes=tuple(task.classes),
        task=task.task,
        groups=images.groups,
    )


def file_of(file: pathlib.Path) -> pathlib.Path:
    """Return the path of the predictions by image that belong to a file by case."""
    return file.with_name(f"{file.stem}{SUFFIX}{file.suffix}")
