"""Predictions of a trained head on whole splits, by case; of findings by image too."""

import dataclasses
import pathlib

import numpy as np

from simclr_med import graphs
from simclr_med.data import manifest, seen_cases
from simclr_med.encoders import networks
from simclr_med.errors import InputError
from simclr_med.evaluation import by_image
from simclr_med.evaluation.evaluate import write_evaluation
from simclr_med.runs import kept_step, training_record
from simclr_med.training import features
from simclr_med.training.memory import refuse_beyond_memory
from simclr_med.training.models import bags


@dataclasses.dataclass(frozen=True)
class Predicted:
    """Predictions of a head on a data set.

    Attributes:
      splits: name of a split to its `Predictions`.
      by_image: name of a split to its `Predictions` by image, None where `by_image.of_images` is.
      data_sha256: the data set's fingerprint.
      weights: the `KeptStep` of the head's run.
      learnt_from: name of a split to the cases of it that the head has learnt from, for
        metrics.json: "cases", their number; "by", their number by the identity of case, patient
        or image; "unknown", starts of the head of which that is not known.
    """

    splits: dict
    by_image: dict
    data_sha256: str
    weights: kept_step.KeptStep
    learnt_from: dict

    @property
    def origin(self):
        """Origin of the predictions, for metrics.json."""
        kept = {name: v for name, v in dataclasses.asdict(self.weights).items() if v is not None}
        return {"data_sha256": self.data_sha256, "weights": kept}

    def write(self, work_dir, settings, seed):
        """Write predictions and metrics, see `evaluate.write_evaluation`; return the metrics."""
        return write_evaluation(
            work_dir, self.splits, settings, seed, self.origin, self.learnt_from, self.by_image
        )


@graphs.as_written
def predict_splits(config, head=None):
    """Return the `Predicted` of `config.evaluate.eval_splits`, by the head in `config.work_dir`.

    Args:
      config: of an evaluation, a `Config`.
      head: of `networks.load_trained`, where it has been loaded already.

    Raises:
      InputError: the folder has no head that is trained to the end, the data are of another task,
        a split is empty or was learnt from, or an image cannot be read.
    """
    work_dir = pathlib.Path(config.work_dir)
    trained, task, nets = head or networks.load_trained(work_dir)
    data = manifest.read(config.data.data_dir)
    if (data.info.task, tuple(data.info.classes)) != (task.task, task.classes):
        raise InputError(
            f"{config.data.data_dir} is {data.info.task} with the classes "
            f"{', '.join(data.info.classes)}; {work_dir} was trained as {task.task} with "
            f"{', '.join(task.classes)}"
        )
    found = [(split, data.cases([split])) for split in config.evaluate.eval_splits]
    learnt = {
        split: _learnt_from(work_dir, split, cases, config.evaluate.allow_seen)
        for split, cases in found
    }
    batch = config.evaluate.eval_batch
    refuse_beyond_memory(config, batch, "eval_batch")
    by_case, images = {}, {}
    for split, cases in found:
        outputs, bag = predict(trained, nets, cases, batch, split), trained.head.bag
        by_case[split] = bags.predictions_of_images(outputs, cases, bag, task)
        alone = bags.predictions_of_images(outputs, cases.each_image_alone(), bag, task)
        images[split] = by_image.of_images(cases, alone.probabilities, task)
    return Predicted(by_case, images, data.fingerprint, kept_step.kept_step(work_dir), learnt)


def _learnt_from(work_dir, split, cases, allow_seen):
    record = training_record.load(work_dir)
    seen = seen_cases.seen_by(record, cases)
    if not allow_seen:
        seen_cases.refuse_seen(seen, cases, split, work_dir)
    return {"cases": int(seen.rows.sum()), "by": seen.by, "unknown": record.unknown}


def predict(config, nets, cases, batch_size, label):
    """Return the outputs of a head for the M images of labelled cases, see `bags.case_logits`.

    Args:
      config: the `Config` of the head's run.
      nets: its `Networks`.
      cases: `Cases`.
      batch_size: images at a time.
      label: of the progress on stderr.

    Raises:
      InputError: an image cannot be decoded, or an answer is not finite.
    """
    infer = graphs.function(nets.outputs, reduce_retracing=True)
    found = features.outputs_of_images(infer, cases.paths, config, batch_size, label)
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(wrong):
        raise InputError(
            f"{config.work_dir}: the head's answer is not finite for {len(wrong)} of {len(found)} "
            f"images of {label}, such as {cases.paths[wrong[0]]}: its weights are damaged, or its "
            "training diverged; train it again"
        )
    return found
