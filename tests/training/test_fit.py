"""The command and Keras's `fit` train the same, and leave the same behind."""

import csv

import pytest
from conftest import ROOT
from kill_runs import same, weights

import simclr_med
from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data import manifest
from simclr_med.encoders import checkpoint
from simclr_med.training import pretrain

pytestmark = pytest.mark.usefixtures("shortest_encoder")

STEPS = 5


def rows(work_dir):
    """log.csv less the columns that the command alone has: of time, and of its data set."""
    with open(work_dir / "log.csv", newline="") as content:
        found = list(csv.DictReader(content))
    for row in found:
        row.pop("input_wait", None)
        row.pop("true_pairs", None)
    return found


# On the device `fit` does all that it does with views of the host.
@pytest.mark.parametrize("augment_on", [pytest.param("host", marks=pytest.mark.slow), "device"])
def test_five_steps_by_fit_and_by_the_command_end_with_the_same_weights(
    augment_on, data_dir, tmp_path
):
    given = {
        "data_dir": str(data_dir), "work_dir": str(tmp_path / "command"), "encoder": "resnet18",
        "width": 0.125, "image_size": 32, "batch_size": 8, "steps": STEPS, "positives": "case",
        "augment_on": augment_on, "precision": "float32",
    }  # fmt: skip
    config = make_config("pretrain", given)
    pretrain.run(config)

    recipe = Recipe.of(config.augment)
    data = manifest.read(data_dir)
    positions = pretrain.positions_of(config, data.cases(data.pretraining_splits()))
    model, _ = pretrain.model_of(config, recipe)
    work_dir = tmp_path / "fit"
    callbacks = [
        simclr_med.ViewSheet(work_dir, positions, recipe),
        simclr_med.RunLog(work_dir),
        simclr_med.Checkpoints(work_dir),
    ]
    history = model.fit(pretrain.batches(config, positions), verbose=0, callbacks=callbacks).history

    assert checkpoint.steps(work_dir) == [STEPS]
    assert same(weights(tmp_path / "command"), weights(work_dir))
    assert rows(work_dir) == rows(tmp_path / "command")
    views = [(folder / "views.png").read_bytes() for folder in (work_dir, tmp_path / "command")]
    assert views[0] == views[1]
    losses = [float(row["loss"]) for row in rows(work_dir)]
    assert history["loss"] == [pytest.approx(sum(losses) / STEPS, rel=1e-5)]


def test_what_the_documentation_tells_a_keras_user_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "keras.md").read_text(encoding="utf-8")
    code = [line[4:] for line in text.splitlines() if line.startswith("    ") or not line]
    told = {}
    exec(compile("\n".join(code), "docs/keras.md", "exec"), told)
    assert told["step"] == 8 == len((tmp_path / "work/mine/log.csv").read_text().splitlines()) - 1
    assert type(told["classifier"]) is simclr_med.SupervisedModel
    assert not told["stop"].stopped
