"""Metrics and their differences in words: which to show first, what to call them, who is better."""

from simclr_med.evaluation.verdicts import UNDECIDED, UNDEFINED

_LABELS = {
    "top1_accuracy": "top-1 accuracy",
    "top3_accuracy": "top-3 accuracy",
    "average_top1_sensitivity": "average top-1 sensitivity",
    "average_top3_sensitivity": "average top-3 sensitivity",
    "average_top1_own_sensitivity": "average top-1 sensitivity, own diagnosis",
    "average_top3_own_sensitivity": "average top-3 sensitivity, own diagnosis",
    "top1_sensitivity": "top-1 sensitivity",
    "top3_sensitivity": "top-3 sensitivity",
    "top1_own_sensitivity": "top-1 sensitivity, own diagnosis,",
    "top3_own_sensitivity": "top-3 sensitivity, own diagnosis,",
    "auc": "AUC",
    "auc_weighted": "AUC weighted by positives",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "kappa": "Cohen's kappa",
    "brier": "Brier score",
}
_MAIN = {
    "multiclass": (
        "top1_accuracy",
        "top3_accuracy",
        "average_top1_sensitivity",
        "average_top3_sensitivity",
        "auc",
    ),
    "multilabel": ("auc",),
}


def label(metric):
    """Return how to write a metric's name in a sentence: "auc:Acne" is "AUC of Acne"."""
    name, _, finding = metric.partition(":")
    return f"{_LABELS[name]} of {finding}" if finding else _LABELS[name]


def main_metrics(result):
    """Return the metrics to show first: the paper's five, or the mean AUC and each finding's.

    Args:
      result: what has "task" and "classes".
    """
    names = list(_MAIN[result["task"]])
    return names + [f"auc:{c}" for c in result["classes"] if result["task"] == "multilabel"]


def with_interval(value, low, high, sign="", digits=3, sd=None):
    """Return "0.812 [0.774, 0.850]", the value alone where it has no interval, or "not defined".

    Args:
      value, low, high: numbers, or None.
      sign: "+" of a difference, whose numbers all have one.
      digits: behind the point.
      sd: over runs, shown as "0.812 ± 0.010 [0.774, 0.850]"; None for none.
    """
    if value is None:
        return "not defined"
    value, low, high = (n if n is None else f"{n:{sign}.{digits}f}" for n in (value, low, high))
    if sd is not None:
        value = f"{value} ± {sd:.{digits}f}"
    return value if low is None else f"{value} [{low}, {high}]"


def statement(row):
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
