"""Evaluation: a trained head on a split, one row a case, then metrics with intervals."""

import json
import pathlib

import tensorflow as tf

from simclr_med import files
from simclr_med.data import manifest
from simclr_med.encoders import networks
from simclr_med.errors import InputError
from simclr_med.evaluation import metrics, predictions
from simclr_med.training import features, objective


def run(config):
    """Writes predictions/<split>.csv and metrics.json into the work folder of a trained head."""
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
    made = {}
    for split, cases in found:
        made[split] = predict(trained, task, nets, cases, config.evaluate.eval_batch, split)
    results = {}
    for split, part in made.items():  # all are made before the first is written
        predictions.write(work_dir / "predictions" / f"{split}.csv", part)
        results[split] = {"data_sha256": data.fingerprint} | metrics.evaluate(
            part,
            replicates=config.evaluate.bootstrap_replicates,
            confidence=config.evaluate.confidence,
            unit=config.evaluate.bootstrap_unit,
            seed=config.seed,
        )
    file = work_dir / "metrics.json"
    before = json.loads(file.read_text())["splits"] if file.exists() else {}
    files.write_text(file, json.dumps({"splits": {**before, **results}}, indent=1))
    for split, result in results.items():
        print(summary(work_dir.name, split, result))


def predict(config, task, nets, cases, batch_size, label):
    """`Predictions` of labelled cases: the mean over a case's images of their probabilities."""

    @tf.function(reduce_retracing=True)
    def infer(batch):
        return objective.probabilities(nets.logits(batch), task.task)

    by_image = features.of_images(infer, cases.paths, config, batch_size, label)  # [M, K]
    return predictions.of_images(cases, by_image, task)


def summary(name, split, result):
    """A few lines for a person: each main metric with its interval."""
    lines = [f"{name}, {split}: {result['cases']} cases"]
    for metric, value in result["metrics"].items():
        if ":" not in metric and value["value"] is not None:
            interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
            lines.append(f"  {metric:<28} {value['value']:.3f} {interval}")
    return "\n".join(lines)
