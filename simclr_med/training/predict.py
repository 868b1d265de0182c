"""Predictions of a trained head on whole splits, by case; of findings by image too."""

import dataclasses
import pathlib

import tensorflow as tf

from simclr_med.data import learnt_from, manifest
from simclr_med.encoders import kept_step, networks
from simclr_med.errors import InputError
from simclr_med.evaluation import by_image, predictions
from simclr_med.training import features, objective
from simclr_med.training.memory import refuse_beyond_memory


@dataclasses.dataclass(frozen=True)
class Predicted:
    """What a head says of a data set.

    Attributes:
      splits: name of a split to its `Predictions`.
      by_image: name of a split to its `Predictions` by image, None where `by_image.of_images` is.
      data_sha256: the data set's fingerprint.
      weights: the `KeptStep` of the head's run.
      learnt_from: name of a split to what of it the head has learnt from, for metrics.json:
        "cases", how many of its cases; "by", how many a case's, patient's or image's identity
        gives away; "unknown", what the head started from of which that is not known.
    """

    splits: dict
    by_image: dict
    data_sha256: str
    weights: kept_step.KeptStep
    learnt_from: dict

    @property
    def origin(self):
        """What metrics.json says of where the predictions are from."""
        kept = {name: v for name, v in dataclasses.asdict(self.weights).items() if v is not None}
        return {"data_sha256": self.data_sha256, "weights": kept}


def predict_splits(config):
    """Return the `Predicted` of `config.evaluate.eval_splits`, by the head in `config.work_dir`.

    Raises:
      InputError: the folder has no head that is trained to the end, the data are of another task,
        a split is empty or was learnt from, or an image cannot be read.
    """
    work_dir = pathlib.Path(config.work_dir)
    trained, task, nets = networks.load_trained(work_dir)
    data = manifest.read(config.data.data_dir)
    if (data.info.task, tuple(data.info.classes)) != (task.task, task.classes):
        raise InputError(
            f"{config.data.data_dir} is {data.info.task} with the classes "
            f"{', '.join(data.info.classes)}; {work_dir} was trained as {task.task} with "
            f"{', '.join(task.classes)}"
        )
    found = [(split, data.cases([split])) for split in config.evaluate.eval_splits]
    learnt = {split: _learnt_from(config, split, cases) for split, cases in found}
    batch = config.evaluate.eval_batch
    refuse_beyond_memory(config, batch, "eval_batch")
    each = {split: predict(trained, task, nets, cases, batch, split) for split, cases in found}
    by_case, images = (
        {split: rows_of(cases, each[split], task) for split, cases in found}
        for rows_of in (predictions.average_over_images, by_image.of_images)
    )
    return Predicted(by_case, images, data.fingerprint, kept_step.kept_step(work_dir), learnt)


def _learnt_from(config, split, cases):
    record = learnt_from.load(config.work_dir)
    seen = record.seen(cases)
    if not config.evaluate.allow_seen:
        learnt_from.refuse_seen(seen, cases, split, config.work_dir)
    return {"cases": int(seen.rows.sum()), "by": seen.by, "unknown": record.unknown}


def predict(config, task, nets, cases, batch_size, label):
    """Return the probabilities of the M images of labelled cases, `[M, K]`.

    Args:
      config: the `Config` of the head's run.
      task: its `Task`.
      nets: its `Networks`.
      cases: `Cases`.
      batch_size: images at a time.
      label: says on stderr what is done.
    """

    @tf.function(reduce_retracing=True)
    def infer(batch):
        return objective.probabilities(nets.logits(batch), task.task)

    return features.outputs_of_images(infer, cases.paths, config, batch_size, label)
