"""Metrics and their differences in words."""

from typing import Any

from simclr_med.evaluation.metrics import records
from simclr_med.evaluation.verdicts import UNDECIDED, UNDEFINED


def label(metric: str) -> str:
    """Return a metric's name in a sentence: "auc:Acne" is "AUC of Acne"."""
    return records.metric(metric).label


def main_metrics(result: dict[str, Any]) -> list[str]:
    """Return the names of the metrics to show first, see `records.main_metrics`.

    Args:
      result: with "task" and "classes".
    """
    return [metric.name for metric in records.main_metrics(result["task"], result["classes"])]


def with_interval(
    value: float | None,
    low: float | None,
    high: float | None,
    sign: str = "",
    digits: int = 3,
    sd: float | None = None,
) -> str:
    """Return "0.812 [0.774, 0.850]", the value alone where it has no interval, or "not defined".

    Args:
      value, low, high: numbers, or None.
      sign: "+" of a difference, whose numbers all have one.
      digits: behind the point.
      sd: over runs, shown as "0.812 ± 0.010 [0.774, 0.850]"; None for none.
    """
    if value is None:
        return "not defined"
    said = f"{value:{sign}.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")
    if low is None or high is None:
        return said
    return f"{said} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def statement(row: dict[str, Any]) -> str:
    """Return a row of `comparing.compare` as a plain sentence: the model minus its baseline."""
    model, baseline, what = row["model"], row["baseline"], label(row["metric"])
    if row["verdict"] == UNDEFINED:
        return f"{what} is not defined on these cases"
    numbers = with_interval(row["difference"], row["low"], row["high"], "+", 4)
    if row["verdict"] == UNDECIDED:
        return f"{what}, {model} minus {baseline}: {numbers}; no verdict: {row['reason']}"
    if row["significant"]:
        sentence = f"{model} is {row['verdict']} than {baseline} in {what}: {numbers}, significant"
        sentence += "" if row["holds"] else " alone, not after Holm"
    else:
        sentence = f"no significant difference of {model} minus {baseline} in {what}: {numbers}"
    if row["non_inferior"] is None:
        return sentence
    return sentence + (
        "; non-inferior" if row["non_inferior"] else "; not shown to be non-inferior"
    )
