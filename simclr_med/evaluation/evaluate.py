"""Files of an evaluation: predictions and metrics with intervals; its summary. No TensorFlow."""

import json
import pathlib
from typing import Any

from simclr_med.config.sections.results import EvaluateConfig
from simclr_med.config.splits import MIXED
from simclr_med.config.storage import load_config
from simclr_med.evaluation import predictions
from simclr_med.evaluation.by_image import file_of
from simclr_med.evaluation.intervals import bootstrap
from simclr_med.evaluation.metrics import thresholds
from simclr_med.evaluation.wording import with_interval
from simclr_med.files import atomic, stored
from simclr_med.runs import layout, lineage

_NUMBER = stored.optional(float)
SCHEMA = {  # of what is read back of metrics.json
    "splits": stored.Each({
        "cases": stored.between(0, 2**53),
        "metrics": stored.Each(dict.fromkeys(("value", "low", "high"), _NUMBER)),
        "mixed": stored.Absent(stored.Each(int)),
        "learnt_from": stored.Absent({"cases": int, "unknown": stored.Absent([str])}),
        "thresholds": stored.Absent(stored.Each(float)),
    })
}  # fmt: skip
RATES = ("sensitivity", "specificity")  # of a finding, at its threshold


def write_evaluation(
    work_dir: str | pathlib.Path,
    splits: dict[str, predictions.Predictions],
    settings: EvaluateConfig,
    seed: int,
    origin: dict[str, Any],
    learnt_from: dict[str, Any] | None = None,
    by_image: dict[str, predictions.Predictions] | None = None,
) -> dict[str, Any]:
    """Write predictions/<split>.csv and metrics.json, which keeps the splits of former evaluations.

    Findings by image are in predictions/<split>_by_image.csv, and in metrics.json under "by_image".
    Either all files are written or none. Findings have sensitivity and specificity too, at the
    thresholds that the validation split chooses: that of `splits`, else the one that a former
    evaluation of the same data and weights left.

    Args:
      work_dir: of the head's run.
      splits: name of a split to its `Predictions`.
      settings: an `EvaluateConfig`, how intervals are drawn.
      seed: of the bootstrap.
      origin: what metrics.json says beside the metrics: of which data and weights they are. It
        says "start" too, the name of what the head started from, see `lineage.name_of`.
      learnt_from: name of a split to what of it the head has learnt from, for metrics.json, see
        `predict.Predicted`; None where nobody has asked.
      by_image: name of a split to its `Predictions` by image, or to None; see `by_image.of_images`.

    Returns:
      The metrics of each split, by name, see `bootstrap.evaluate`; where thresholds were chosen,
      with "thresholds", finding -> probability from which on it is called; where images are scored
      one by one, with "by_image", see `bootstrap.summary`.

    Raises:
      DamagedError: the metrics.json that is there is not what was written.
      InputError: the predictions of validation that are there are not what was written.
    """
    work_dir = pathlib.Path(work_dir)
    before, results, texts = former_results(work_dir), {}, {}
    start = _start(work_dir)
    drawn = bootstrap.settings_of(settings, seed)
    validation = splits.get("validation") or _former_validation(work_dir, before, origin)
    for split, made in _with_thresholds(splits, validation).items():
        texts[layout.predictions(work_dir, split)] = predictions.to_csv(made)
        results[split] = origin | start | bootstrap.evaluate(made, drawn)
        if images := (by_image or {}).get(split):
            texts[file_of(layout.predictions(work_dir, split))] = predictions.to_csv(images)
            replicates = bootstrap.replicate(images, drawn, f"{split} by image")
            results[split]["by_image"] = bootstrap.summary(replicates)
        if made.thresholds:
            results[split]["thresholds"] = made.thresholds
        mixed = {name: int((level == MIXED).sum()) for name, level in made.groups.items()}
        results[split]["mixed"] = {name: count for name, count in mixed.items() if count}
        if learnt_from is not None:
            results[split]["learnt_from"] = learnt_from[split]
        results[split]["warnings"] += notes_on(results[split])
    texts[work_dir / layout.METRICS] = json.dumps({"splits": {**before, **results}}, indent=1)
    atomic.write_texts(texts)
    for split in splits:
        if (former := file_of(layout.predictions(work_dir, split))) not in texts:
            former.unlink(missing_ok=True)  # of other data: it belongs to no predictions here
    return results


def _start(work_dir):
    """Return {"start": name of the head's start}, empty where it is unknown."""
    name = lineage.start_of(load_config(work_dir)) if layout.holds_run(work_dir) else None
    return {"start": name} if name else {}


def _former_validation(work_dir, before, origin):
    """Return `Predictions` of validation of the same data and weights, or None."""
    file, former = layout.predictions(work_dir, "validation"), before.get("validation", {})
    same = {name: former.get(name) for name in origin} == json.loads(json.dumps(origin))
    return predictions.read(file) if former and same and file.exists() else None


def _with_thresholds(splits, validation):
    """Return the splits, those of findings with thresholds; not validation, where they are best."""
    return {
        split: thresholds.chosen_on(validation, made)
        if validation and made.task == "multilabel" and split != "validation"
        else made
        for split, made in splits.items()
    }


def former_results(work_dir: str | pathlib.Path) -> dict[str, Any]:
    """Return the results of former evaluations by split, see `write_evaluation`.

    Raises:
      DamagedError: metrics.json is not what was written.
    """
    file = pathlib.Path(work_dir) / layout.METRICS
    if not file.exists():
        return {}
    remedy = "delete it, and evaluate its splits again"
    return stored.read_json(file, SCHEMA, remedy)["splits"]


def notes_on(result: dict[str, Any]) -> list[str]:
    """Return sentences, a list, on the cases of a split, for readers of its metrics."""
    learnt = result.get("learnt_from", {})
    found = []
    if learnt.get("cases"):
        found.append(
            f"no test: the head has learnt from {learnt['cases']} of these {result['cases']} cases"
        )
    found += [
        f"{name} is {MIXED} in {count} of {result['cases']} cases: their images have several levels"
        for name, count in result.get("mixed", {}).items()
    ]
    found += [f"what {name} learnt from is not known" for name in learnt.get("unknown", ())]
    return found


def summary(name: str, split: str, result: dict[str, Any]) -> str:
    """Return a few lines for a person: each main metric with its interval, findings at thresholds.

    Args:
      name: of the run.
      split: the split's name.
      result: its metrics, see `write_evaluation`.
    """
    lines = [f"{name}, {split}: {result['cases']} cases"]
    found = result["metrics"]
    for metric, value in found.items():
        if ":" not in metric and value["value"] is not None:
            lines.append(f"  {metric:<28} {_interval(value)}")
    if by_image := result.get("by_image"):
        lines.append(f"  by image, {by_image['cases']} images:")
        for metric, value in by_image["metrics"].items():
            if ":" not in metric and value["value"] is not None:
                lines.append(f"  {metric:<28} {_interval(value)}")
    for finding, threshold in result.get("thresholds", {}).items():
        rates = (f"{rate} {_interval(found[f'{rate}:{finding}'])}" for rate in RATES)
        lines.append(f"  {finding}, from {threshold:.3f} on: {', '.join(rates)}")
    if result["task"] == "multilabel" and split != "validation" and "thresholds" not in result:
        lines.append("  no thresholds: --eval_splits=validation,test chooses them on validation")
    lines += [f"  note: {sentence}" for sentence in result["warnings"]]
    return "\n".join(lines)


def _interval(found):
    return with_interval(found["value"], found["low"], found["high"])
