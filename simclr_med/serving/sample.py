"""Real images of a data set with evaluation's answers: the check of each export."""

import dataclasses
from typing import Any

import numpy as np

from simclr_med import graphs
from simclr_med.data import manifest
from simclr_med.data.batches import evaluation_batches
from simclr_med.data.unreadable import why_unreadable
from simclr_med.errors import InputError
from simclr_med.serving.trained import Trained
from simclr_med.training import features
from simclr_med.training.models import bags
from simclr_med.views.decode import content

CASES, IMAGES = 16, 32  # at most; the first case is kept whole


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """M images of C cases with evaluation's answers.

    Attributes:
      data: the `Manifest` of their data set.
      contents: their files' bytes, a list of M.
      owners: number of each image's case, int64 `[M]`, ascending from 0.
      views: float32 `[M, S, S, 3]` in [0, 1].
      features: float32 `[M, D]`.
      probabilities: float32 `[M, K]`; None without a head.
      by_case: float32 `[C, K]`; None without a head.
    """

    data: manifest.Manifest
    contents: list
    owners: np.ndarray
    views: np.ndarray
    features: np.ndarray
    probabilities: Any  # an array, or None
    by_case: np.ndarray | None


def draw(trained: Trained, data_dir: str) -> Sample:
    """Return a `Sample` of the cases that the run learnt from, evenly spaced.

    The test split stays unseen. Images that cannot be decoded are left out, as in training.

    Args:
      trained: a `Trained`.
      data_dir: the data set folder.

    Raises:
      InputError: it is no data set folder, or none of its images can be read.
    """
    data = manifest.read(data_dir)
    cases = _some(data.cases(_splits(trained.config.data.splits, data)), data_dir)
    found = features.extract(trained.nets.encoder, cases.paths, trained.config)
    by_image = by_case = None
    if trained.task:
        infer, bag = (
            graphs.function(trained.nets.outputs, reduce_retracing=True),
            trained.config.head.bag,
        )
        outputs = features.outputs_of_images(infer, cases.paths, trained.config)
        by_image, by_case = (
            bags.predictions_of_images(outputs, each, bag, trained.task).probabilities
            for each in (cases.each_image_alone(), cases)
        )
    size, proportion = trained.contract.size, trained.contract.crop
    views = evaluation_batches(
        cases.paths, batch_size=len(cases.paths), size=size, proportion=proportion
    )
    return Sample(
        data=data,
        contents=[content(path).numpy() for path in cases.paths],
        owners=np.repeat(np.arange(len(cases)), np.diff(cases.offsets)),
        views=next(iter(views)).numpy(),
        features=found,
        probabilities=by_image,
        by_case=by_case,
    )


def _splits(learnt_from, data):
    """Return the splits that the run learnt from, or all that this data set has of others."""
    there = set(data.table["split"])
    wanted = [split for split in learnt_from or data.pretraining_splits() if split in there]
    return wanted or sorted(there - {"test"}) or sorted(there)


def _some(cases, data_dir):
    """Return some of the cases, without images that cannot be read."""
    rows = np.unique(np.linspace(0, len(cases) - 1, CASES).round().astype(int))
    chosen = cases.take(rows)
    readable = np.array([not why_unreadable(path) for path in chosen.paths])
    if not readable.any():
        raise InputError(f"{data_dir}: none of the {len(readable)} images tried can be decoded")
    owners = np.repeat(np.arange(len(chosen)), np.diff(chosen.offsets))
    kept = np.flatnonzero(readable)[:IMAGES]
    counts = np.bincount(owners[kept], minlength=len(chosen))
    left = chosen.take(np.flatnonzero(counts))
    offsets = np.concatenate([[0], np.cumsum(counts[counts > 0])])
    return dataclasses.replace(left, paths=chosen.paths[kept], offsets=offsets)
