"""What evaluation leaves: predictions, metrics with intervals, a few lines. No TensorFlow."""

import json
import pathlib

from simclr_med import files
from simclr_med.evaluation import bootstrap, predictions


def write_evaluation(work_dir, splits, settings, seed, data_sha256):
    """Write predictions/<split>.csv and metrics.json, which keeps the splits of former evaluations.

    Args:
      work_dir: of the head's run.
      splits: name of a split to its `Predictions`.
      settings: an `EvaluateConfig`, how intervals are drawn.
      seed: of the bootstrap.
      data_sha256: the data set's fingerprint, for metrics.json.

    Returns:
      The metrics of each split, by name, see `bootstrap.evaluate`.
    """
    work_dir = pathlib.Path(work_dir)
    results, drawn = {}, bootstrap.settings_of(settings, seed)
    for split, made in splits.items():
        predictions.write(work_dir / "predictions" / f"{split}.csv", made)
        results[split] = {"data_sha256": data_sha256} | bootstrap.evaluate(made, drawn)
    file = work_dir / "metrics.json"
    before = json.loads(file.read_text())["splits"] if file.exists() else {}
    files.write_text(file, json.dumps({"splits": {**before, **results}}, indent=1))
    return results


def summary(name, split, result):
    """Return a few lines for a person: each main metric with its interval.

    Args:
      name: of the run.
      split: the split's name.
      result: its metrics, see `write_evaluation`.
    """
    lines = [f"{name}, {split}: {result['cases']} cases"]
    for metric, value in result["metrics"].items():
        if ":" not in metric and value["value"] is not None:
            interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
            lines.append(f"  {metric:<28} {value['value']:.3f} {interval}")
    return "\n".join(lines)
