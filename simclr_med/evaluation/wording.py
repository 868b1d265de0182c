"""Metrics and their differences in words: which to show first, what to call them, who is better."""

_LABELS = {
    "top1_accuracy": "top-1 accuracy",
    "top3_accuracy": "top-3 accuracy",
    "average_top1_sensitivity": "average top-1 sensitivity",
    "average_top3_sensitivity": "average top-3 sensitivity",
    "auc": "AUC",
}


def label(metric):
    """Return how to write a metric's name in a sentence: "auc:Acne" is "AUC of Acne"."""
    name, _, finding = metric.partition(":")
    return f"{_LABELS[name]} of {finding}" if finding else _LABELS[name]


def main_metrics(result):
    """Return the metrics to show first: the paper's five, or the mean AUC and each finding's."""
    multilabel = result["task"] == "multilabel"
    return [name for name in result["metrics"] if multilabel or ":" not in name]


def statement(metric, result, name_a, name_b):
    """Return one metric of `bootstrap.compare` as a plain sentence, whichever way it falls."""
    difference, low, high = (result[key] for key in ("difference", "low", "high"))
    if difference is None:
        return f"{label(metric)} is not defined on these cases"
    if not result["significant"]:
        return (
            f"no significant difference between {name_a} and {name_b} in {label(metric)}: "
            f"{difference:.4f} [{low:.4f}, {high:.4f}]"
        )
    if high < 0:
        name_a, name_b = name_b, name_a
        difference, low, high = -difference, -high, -low
    return (
        f"{name_a} is better than {name_b} in {label(metric)} "
        f"by {difference:.4f} [{low:.4f}, {high:.4f}]: significant"
    )
