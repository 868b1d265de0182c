"""Metrics as records: every name that is scored has one, and one entry makes a metric."""

import re

import numpy as np
import pytest
from conftest import ROOT
from predictions_made import fake

from simclr_med.config.fields import FIELDS
from simclr_med.evaluation.metrics import records
from simclr_med.evaluation.metrics.scoring import score


def scored(task):
    made = fake(60, 4, task)
    if task == "multilabel":
        made = fake(60, 4, task, thresholds={"k1": 0.5})
    return made, score(made, np.ones(60))


@pytest.mark.parametrize("task", records.BOTH)
def test_every_score_has_a_record_and_lies_within_its_bounds(task):
    made, found = scored(task)
    for name, value in found.items():
        metric = records.metric(name)
        assert metric.name == name and task in metric.kind.tasks
        assert (metric.finding in made.classes) == metric.kind.each_class
        least, most = metric.kind.bounds
        assert np.isnan(value) or least <= value <= most
        assert metric.bounded(-9, 9) == (least, most)


@pytest.mark.parametrize("task", records.BOTH)
def test_equal_models_differ_in_no_case_and_turned_ones_in_some(task):
    made, found = scored(task)
    turned = fake(60, 4, task, truth=made.truth, probabilities=1 - made.probabilities,
                  thresholds=made.thresholds)  # fmt: skip
    for name in found:
        assert not len(records.metric(name).differing(made, made))
        assert len(records.metric(name).differing(made, turned)), name


def test_one_entry_is_a_metric(monkeypatch):
    share = records.Kind(
        "share_called", "share of certain cases",
        lambda scored: scored.share(scored.predictions.probabilities.max(1) > 0.5, np.ones(60) > 0),
        lambda a, b, column: np.ones(60, bool),
    )  # fmt: skip
    monkeypatch.setitem(records.KINDS, share.name, share)
    made, found = scored("multiclass")
    expected = (made.probabilities.max(1) > 0.5).mean()
    assert found["share_called"] == pytest.approx(expected)
    assert records.metric("share_called").label == "share of certain cases"


def test_heads_are_chosen_by_metrics_that_exist():
    choices = set(FIELDS["choose_by"][1].metadata["check"]) - {"loss"}
    assert choices <= {kind.name for kind in records.KINDS.values() if not kind.each_class}


def test_no_other_place_takes_a_metric_s_name_apart():
    taken = re.compile(r"""(partition|split|removeprefix|startswith)\(["'](:|auc:|top)""")
    found = [
        path.name
        for path in (ROOT / "simclr_med" / "evaluation").rglob("*.py")
        if taken.search(path.read_text(encoding="utf-8"))
        and path.name not in ("records.py", "run_settings.py")  # --init there
    ]
    assert not found
