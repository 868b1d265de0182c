"""A head beside the validation split: what is logged, which step is kept, and when it stops."""

import csv
import json
import shutil

import numpy as np
import pytest
from kill_runs import same, weights

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.encoders import checkpoint, heads
from simclr_med.errors import InputError
from simclr_med.modes import evaluate
from simclr_med.runs.kept_step import kept_checkpoint, kept_step
from simclr_med.training.heads import train_head
from simclr_med.training.loop.validation import ValidationSplit

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 16}
# So large a rate makes a probe of few cases worse and better by turns.
BEST = {"steps": 7, "save_every": 2, "validate_every": 2, "keep": "best", "learning_rate": 3.0}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


def trained(mode, data_dir, work_dir, **more):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **SMALL}
    train_head.run(make_config(mode, given | more))
    return work_dir


def log(work_dir):
    with open(work_dir / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def measured(work_dir, name):
    rows = log(work_dir)
    return {int(r["step"]): float(r[f"validation_{name}"]) for r in rows if r[f"validation_{name}"]}


@pytest.fixture(scope="module")
def probe(data_dir, tmp_path_factory):
    return trained("linear_probe", data_dir, tmp_path_factory.mktemp("best") / "run", **BEST)


def test_the_log_has_validation_at_its_steps_and_the_last(probe):
    assert list(measured(probe, "loss")) == list(measured(probe, "auc")) == [2, 4, 6, 7]
    assert len(log(probe)) == 7


def test_evaluation_takes_the_best_step_and_says_so(probe, capsys):
    evaluate(for_existing_run("evaluate", str(probe), {"eval_splits": ("validation",)}))
    found = measured(probe, "auc")
    best = max(found, key=found.get)
    assert best != 7, "the case is of use where the last step is not the best"
    assert (
        f"run: weights of step {best} of 7, the best on validation (auc " in capsys.readouterr()[0]
    )
    result = json.loads((probe / "metrics.json").read_text())["splits"]["validation"]
    assert result["weights"]["step"] == best and result["weights"]["keep"] == "best"
    assert result["metrics"]["auc"]["value"] == pytest.approx(found[best], abs=1e-5)
    assert result["metrics"]["auc"]["value"] == pytest.approx(kept_step(probe).value)


def test_a_run_that_goes_on_keeps_the_same_step(probe, data_dir, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(probe, copy)
    for step in checkpoint.steps(copy)[1:]:
        shutil.rmtree(copy / "checkpoints" / str(step))
    assert checkpoint.steps(copy) == [6]
    trained("linear_probe", data_dir, copy, **BEST)
    assert kept_step(copy) == kept_step(probe)
    assert [list(r.values())[:-1] for r in log(copy)] == [list(r.values())[:-1] for r in log(probe)]


def test_patience_ends_a_training_that_is_done_and_evaluated_as_such(data_dir, tmp_path, capsys):
    given = BEST | {"steps": 40, "save_every": 40, "patience": 2}
    run = trained("linear_probe", data_dir, tmp_path / "run", **given)
    found = measured(run, "auc")
    best = max(found, key=found.get)  # the first of equal ones
    assert max(found) == best + 2 * 2 < 40
    assert f"run: stopped early, at step {best + 4}" in capsys.readouterr()[0]
    assert kept_checkpoint(run).name == str(best)
    trained("linear_probe", data_dir, run, **given)
    assert f"its {best + 4} steps were done already" in capsys.readouterr()[0]


def test_a_finetuned_head_is_measured_as_it_is_evaluated(data_dir, tmp_path):
    given = {"steps": 2, "validate_every": 1, "log_every": 2}
    run = trained("finetune", data_dir, tmp_path / "run", **given)
    assert list(measured(run, "top1_accuracy")) == [1, 2]
    evaluate(for_existing_run("evaluate", str(run), {"eval_splits": ("validation",)}))
    result = json.loads((run / "metrics.json").read_text())["splits"]["validation"]
    assert result["weights"] == {"step": 2, "steps": 2, "keep": "last"}
    for name in ("auc", "top1_accuracy"):
        assert result["metrics"][name]["value"] == pytest.approx(measured(run, name)[2], abs=1e-4)


def test_looking_at_validation_changes_no_weight(probe, data_dir, tmp_path):
    given = {name: BEST[name] for name in ("steps", "save_every", "learning_rate")}
    assert same(weights(probe), weights(trained("linear_probe", data_dir, tmp_path / "a", **given)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"keep": "best"},
            "--keep has no effect with --validate_every=0; it acts with --validate_every",
        ),
        (
            {"choose_by": "loss"},
            "--choose_by has no effect with --keep=last; it acts with --keep=best",
        ),
        ({"patience": 3, "validate_every": 1}, "--patience has no effect with --keep=last"),
        ({"validate_every": 1, "keep": "best", "choose_by": "f1"}, "--choose_by=f1: expected one"),
    ],
)
def test_flags_of_validation_act_together(given, message):
    with pytest.raises(InputError, match=message):
        make_config("linear_probe", {"data_dir": "a", "work_dir": "b"} | given)


def test_a_metric_that_the_split_has_not_is_refused(data_dir):
    data = manifest.read(data_dir)
    cases = data.cases(["validation"])
    alike = cases.take(np.flatnonzero(cases.targets[:, 0] == 1))
    split = ValidationSplit(alike, data.info, lambda: None)
    split.refuse_undefined("top1_accuracy")
    for metric in ("auc", "average_precision_of_nothing"):
        with pytest.raises(
            InputError, match=f"--choose_by={metric}: .*; expected one of loss, top1"
        ):
            split.refuse_undefined(metric)


def test_a_unit_that_is_all_but_dead_has_no_say(data_dir):
    draw = np.random.default_rng(0)
    seen = draw.standard_normal([100, 4]).astype(np.float32) * [1, 2, 3, 1e-7]
    head = heads.build_classifier(4, 2, normalise=True)
    heads.standardise(head, seen)
    layer = head.get_layer("normalization")
    np.testing.assert_allclose(
        layer(seen)[:, :3], ((seen - seen.mean(0)) / seen.std(0))[:, :3], 1e-4
    )
    rms = np.sqrt((seen.std(0) ** 2).mean())
    assert np.abs(layer(np.ones([1, 4], np.float32))[0, 3]) == pytest.approx(100 / rms, rel=1e-3)


def test_features_of_no_spread_are_standardised_to_what_they_differ():
    head = heads.build_classifier(2, 2, normalise=True)
    heads.standardise(head, np.full([5, 2], 3, np.float32))
    found = head.get_layer("normalization")(np.array([[3.0, 4.0]], np.float32))
    np.testing.assert_allclose(found, [[0, 1]])
