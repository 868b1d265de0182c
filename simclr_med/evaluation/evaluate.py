"""What evaluation leaves: predictions, metrics with intervals, a few lines. No TensorFlow."""

import json
import pathlib

from simclr_med import files, stored
from simclr_med.evaluation import bootstrap, predictions

METRICS = "metrics.json"


def write_evaluation(work_dir, splits, settings, seed, origin):
    """Write predictions/<split>.csv and metrics.json, which keeps the splits of former evaluations.

    Either all of them are written or none.

    Args:
      work_dir: of the head's run.
      splits: name of a split to its `Predictions`.
      settings: an `EvaluateConfig`, how intervals are drawn.
      seed: of the bootstrap.
      origin: what metrics.json says beside the metrics: of which data and weights they are.

    Returns:
      The metrics of each split, by name, see `bootstrap.evaluate`.

    Raises:
      DamagedError: the metrics.json that is there is not what was written.
    """
    work_dir = pathlib.Path(work_dir)
    before, results, texts = former_results(work_dir), {}, {}
    drawn = bootstrap.settings_of(settings, seed)
    for split, made in splits.items():
        texts[work_dir / "predictions" / f"{split}.csv"] = predictions.to_csv(made)
        results[split] = origin | bootstrap.evaluate(made, drawn)
    texts[work_dir / METRICS] = json.dumps({"splits": {**before, **results}}, indent=1)
    files.write_texts(texts)
    return results


def former_results(work_dir):
    """Return what former evaluations found, by split, see `write_evaluation`.

    Raises:
      DamagedError: metrics.json is not what was written.
    """
    file = pathlib.Path(work_dir) / METRICS
    if not file.exists():
        return {}
    return stored.read_json(file, {"splits": dict}, "delete it, and evaluate its splits again")[
        "splits"
    ]


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
