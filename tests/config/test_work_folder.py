"""A run that has ended is given more steps where its learning rate goes on."""

import json

import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.runs.claim import claimed_work_dir


def claim(work_dir, steps, **others):
    given = {"data_dir": "d", "work_dir": str(work_dir), "steps": steps, "warmup_fraction": 0.1}
    config = make_config("pretrain", given | others)
    with claimed_work_dir(config, "data"):
        (work_dir / "checkpoints" / str(steps)).mkdir(parents=True, exist_ok=True)


def test_a_constant_rate_goes_on(tmp_path):
    work_dir = tmp_path / "run"
    for steps in (100, 900):
        claim(work_dir, steps, schedule="constant")
        assert load_config(work_dir).train.steps == steps
    with pytest.raises(InputError, match="holds another run.*\n.*--steps: there 900, now 100"):
        claim(work_dir, 100, schedule="constant")
    with pytest.raises(InputError, match=r"--seed: there 0, now 1\n  --steps: there 900, now 1000"):
        claim(work_dir, 1000, schedule="constant", seed=1)


def test_a_rate_that_has_decayed_does_not(tmp_path):
    work_dir = tmp_path / "run"
    claim(work_dir, 100)
    before = (work_dir / "config.json").read_text()
    with pytest.raises(InputError, match=f"--steps=200: .*decayed to 0.*--init=run:{work_dir}"):
        claim(work_dir, 200)
    assert (work_dir / "config.json").read_text() == before


def test_a_warm_up_that_would_begin_again_is_refused(tmp_path):
    work_dir = tmp_path / "run"
    claim(work_dir, 100, schedule="constant")
    with pytest.raises(InputError, match="warm-up would be of 110 steps.*at most --steps=1000"):
        claim(work_dir, 1100, schedule="constant")
    claim(work_dir, 1000, schedule="constant")


def test_numbers_of_a_former_model_are_not_left_beside_another(tmp_path):
    work_dir = tmp_path / "run"
    claim(work_dir, 100, schedule="constant")
    (work_dir / "metrics.json").write_text(json.dumps({"splits": {}}))
    with pytest.raises(InputError, match="evaluated after 100 steps; move its metrics.json"):
        claim(work_dir, 200, schedule="constant")
