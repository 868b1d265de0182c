"""What is said of metrics and of their differences."""

import re

import pytest
from predictions_made import fake

from simclr_med.evaluation import wording
from simclr_med.evaluation.comparisons.paired import compare
from simclr_med.evaluation.intervals.bootstrap import INTERVALS, Settings
from simclr_med.evaluation.metrics.scoring import score

ROW = {
    "model": "A",
    "baseline": "B",
    "metric": "top1_accuracy",
    "difference": 0.034,
    "low": 0.01,
    "high": 0.058,
    "verdict": "better",
    "significant": True,
    "holds": True,
    "reason": "",
    "non_inferior": None,
}


@pytest.mark.parametrize(
    "changes, said",
    [
        ({}, "A is better than B in top-1 accuracy: +0.0340 [+0.0100, +0.0580], significant"),
        (
            {"verdict": "worse", "difference": -0.034, "low": -0.058, "high": -0.01},
            "A is worse than B in top-1 accuracy: -0.0340 [-0.0580, -0.0100], significant",
        ),
        (
            {"verdict": "no difference shown", "significant": False, "metric": "auc:Acne"},
            "no significant difference of A minus B in AUC of Acne: +0.0340 [+0.0100, +0.0580]",
        ),
        (
            {"verdict": "undecided", "significant": False, "reason": "1 case"},
            "top-1 accuracy, A minus B: +0.0340 [+0.0100, +0.0580]; no verdict: 1 case",
        ),
        (
            {"holds": False},
            "A is better than B in top-1 accuracy: +0.0340 [+0.0100, +0.0580], significant alone, "
            "not after Holm",
        ),
        ({"verdict": "not defined"}, "top-1 accuracy is not defined on these cases"),
    ],
)
def test_statements(changes, said):
    assert wording.statement(ROW | changes) == said


def test_non_inferiority_is_said():
    assert wording.statement(ROW | {"non_inferior": True}).endswith("; non-inferior")
    assert wording.statement(ROW | {"non_inferior": False}).endswith("not shown to be non-inferior")


def test_main_metrics():
    assert wording.main_metrics({"task": "multiclass", "classes": ["a"]}) == [
        "top1_accuracy",
        "top3_accuracy",
        "average_top1_sensitivity",
        "average_top3_sensitivity",
        "auc",
    ]
    multilabel = {"task": "multilabel", "classes": ["a", "b"]}
    assert wording.main_metrics(multilabel) == ["auc", "auc:a", "auc:b"]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_every_metric_has_words(task):
    predictions = fake(task=task, thresholds={"k0": 0.5} if task == "multilabel" else {})
    for name in score(predictions, [1] * 60):
        words = wording.label(name)
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9 ,'-]+", words) and words != name


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_row_of_a_comparison_can_be_said(interval):
    rows = compare({"A": fake(), "B": fake(skill=3)}, Settings(40, interval=interval))
    assert all("minus" in wording.statement(row) for row in rows["differences"])


def test_a_number_with_its_interval():
    assert wording.with_interval(0.8123, 0.7744, 0.85) == "0.812 [0.774, 0.850]"
    assert wording.with_interval(-0.01, -0.03, 0.02, "+", 4) == "-0.0100 [-0.0300, +0.0200]"
    assert wording.with_interval(0.5, None, None) == "0.500"
    assert wording.with_interval(None, None, None) == "not defined"
