"""Settings that others leave behind stop early: when, which, and the same table after any kill."""

import csv
import pathlib

import numpy as np
import pytest
from kill_runs import same, weights

from simclr_med.config import sweeping
from simclr_med.config.checked_config import make_config
from simclr_med.encoders import checkpoint
from simclr_med.errors import DivergedError, InputError
from simclr_med.evaluation.sweep_table import SweepTable
from simclr_med.runs.claim import claimed_work_dir
from simclr_med.training.heads import train_head
from simclr_med.training.sweep import finetuned_runs, train_sweep

RATES = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "1e30")
GIVEN = {"head": "finetune", "learning_rates": RATES, "weight_decays": ("0",), "halving": 2}
GIVEN |= {"steps": 80, "batch_size": 8, "label_fractions": ("0.5", "1")}


def config_of(data_dir="a", work_dir="b", **more):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), **GIVEN, **more}
    return make_config("sweep", given)


@pytest.mark.parametrize(
    ("halving", "expected"),
    [
        (0, []),
        (2, [(5, 5), (10, 3), (20, 2), (40, 1)]),
        (3, [(8, 3), (26, 1)]),
        (9, [(8, 1)]),
        (10, []),
    ],
)
def test_each_time_one_in_so_many_goes_on_to_so_many_times_the_steps(halving, expected):
    assert sweeping.rungs(config_of(halving=halving)) == expected


class KilledError(Exception):
    pass


class Trainer:
    """In the place of `finetune.run`: a run whose worth at a step is known, killed at one call."""

    def __init__(self, kill_at=None):
        self.calls, self.kill_at = [], kill_at

    def __call__(self, config, until=None):
        rate, steps = config.optimizer.learning_rate, until or config.train.steps
        self.calls.append((config.data.label_fraction, rate, steps))
        if len(self.calls) == self.kill_at:
            raise KilledError
        if rate > 1:
            raise DivergedError("the loss is nan", 3)
        with claimed_work_dir(config, "data"):
            pass
        log = "step,validation_auc\n"
        for step in sorted({5, 10, 20, 40, 80} & {*range(steps + 1)}):
            log += f"{step},{self.worth(rate, step)}\n"
        (pathlib.Path(config.work_dir) / "log.csv").write_text(log)
        checkpoint.save(config.work_dir, {"a": np.zeros(1)}, steps, keep=1)

    @staticmethod
    def worth(rate, step):
        """The best in the end is fifth at first, and first later on."""
        return step / 100 - (0.4 - rate) ** 2 if step > 5 else rate


def tried(data_dir, work_dir, monkeypatch, kill_at=None, **more):
    """Sweep the grid with a `Trainer`; return it, and the table's rows."""
    trainer = Trainer(kill_at)
    monkeypatch.setattr(finetuned_runs.train_head, "run", trainer)
    config = config_of(data_dir, work_dir, **more)
    data = train_sweep.manifest.read(config.data.data_dir)
    with claimed_work_dir(config, "sweep"):
        runs = finetuned_runs.FinetunedRuns(config, data)
        train_sweep._try_grid(config, runs, SweepTable(config.work_dir))
    with open(work_dir / "sweep.csv", newline="") as file:
        return trainer, list(csv.DictReader(file))


def test_those_left_behind_stop_and_are_told_and_the_best_is_chosen(
    data_dir, tmp_path, monkeypatch, capsys
):
    trainer, rows = tried(data_dir, tmp_path / "sweep", monkeypatch)
    found = {row["learning_rate"]: (row["status"], row["step"]) for row in rows[len(rows) // 2 :]}
    assert found == {
        "1e+30": ("diverged", "3"),
        "0.1": ("stopped", "5"), "0.2": ("stopped", "5"), "0.3": ("stopped", "5"),
        "0.7": ("stopped", "10"), "0.8": ("stopped", "10"), "0.6": ("stopped", "20"),
        "0.5": ("stopped", "40"), "0.4": ("done", "80"),
    }  # fmt: skip
    for row in rows:
        if row["status"] != "diverged":
            worth = Trainer.worth(float(row["learning_rate"]), int(row["step"]))
            assert float(row["validation_auc"]) == pytest.approx(worth)
    steps = sum(max(s for f, r, s in trainer.calls if (f, r) == key) for key in
                {(f, r) for f, r, _ in trainer.calls if r < 1})  # fmt: skip
    assert steps == 2 * (3 * 5 + 2 * 10 + 20 + 40 + 80)
    assert "labels_50_rate_0.1_decay_0_seed_0: stopped at step 5" in capsys.readouterr().out
    table, trials = SweepTable(tmp_path / "sweep"), sweeping.grid(config_of())
    assert table.best(trials[:9], "auc").learning_rate == 0.4
    kept = {path.parent.name for path in tmp_path.glob("sweep/settings/*/checkpoints")}
    assert kept == {f"labels_{share}_rate_0.4_decay_0_seed_0" for share in (50, 100)}


def test_a_sweep_killed_anywhere_ends_in_the_same_table(data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(GIVEN, "label_fractions", ("1",))
    trainer, _ = tried(data_dir, tmp_path / "whole", monkeypatch)
    expected = (tmp_path / "whole" / "sweep.csv").read_bytes()
    for kill_at in range(1, len(trainer.calls) + 1):
        work_dir = tmp_path / str(kill_at)
        with pytest.raises(KilledError):
            tried(data_dir, work_dir, monkeypatch, kill_at)
        tried(data_dir, work_dir, monkeypatch)
        assert (work_dir / "sweep.csv").read_bytes() == expected


def test_without_halving_all_go_to_the_end(data_dir, tmp_path, monkeypatch):
    _, rows = tried(data_dir, tmp_path / "sweep", monkeypatch, halving=0)
    assert {row["status"] for row in rows if row["learning_rate"] != "1e+30"} == {"done"}


def test_a_run_that_paused_ends_as_one_that_did_not(data_dir, tmp_path, shortest_encoder):
    given = {"data_dir": str(data_dir), "encoder": "resnet18", "width": 0.125, "image_size": 32}
    given |= {"batch_size": 16, "steps": 3, "validate_every": 3, "save_every": 3}
    for name, stops in (("whole", [None]), ("paused", [2, None])):
        config = make_config("finetune", given | {"work_dir": str(tmp_path / name)})
        for until in stops:
            train_head.run(config, until)
            if until:
                assert checkpoint.steps(tmp_path / name) == [2]
                outcome = finetuned_runs.outcome_of(tmp_path / name, until)
                assert outcome.step == 2 and 0 < outcome.scalars["validation_auc"] < 1
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "paused"))
    assert not (tmp_path / "paused" / "stopped_early").exists()


def test_a_log_that_lacks_the_step_is_named(tmp_path):
    (tmp_path / "log.csv").write_text("step,validation_auc\n1,0.5\n2,0.6\n")
    assert finetuned_runs.outcome_of(tmp_path, 2).scalars == {"validation_auc": 0.6}
    with pytest.raises(
        InputError, match=r"log.csv is damaged: no row of step 3; delete the folder"
    ):
        finetuned_runs.outcome_of(tmp_path, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"halving": 1}, "--halving=1: expected 0, or from 2 to 64"),
        ({"head": "linear_probe"}, "--halving has no effect with --head=linear_probe"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        config_of(**given)
