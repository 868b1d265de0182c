"""A sweep that the system kills at any moment goes on, and ends in the same table, bit for bit."""

import subprocess
import sys
import time

import pytest

GIVEN = {"mode": "sweep", "encoder": "resnet18", "width": 0.125, "image_size": 32, "seeds": 2}
GIVEN |= {"batch_size": 16, "weight_decays": "0", "bootstrap_replicates": 40}
PROBES = {"head": "linear_probe", "learning_rates": "0.01,0.1", "steps": 3000}
TUNED = {"head": "finetune", "learning_rates": "0.1,0.01", "steps": 4, "save_every": 1}


def start(data_dir, work_dir, given):
    flags = {"data_dir": data_dir, "work_dir": work_dir, **GIVEN, **given}
    return subprocess.Popen(
        [sys.executable, "-m", "simclr_med.run", *(f"--{n}={v}" for n, v in flags.items())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(data_dir, work_dir, given):
    process = start(data_dir, work_dir, given)
    _, error = process.communicate(timeout=500)
    assert process.returncode == 0, error
    return [(work_dir / name).read_bytes() for name in ("sweep.csv", "summary.csv")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "moments"),
    [
        (PROBES, ["features/*.npy", "chosen/*/checkpoints/*"]),
        (TUNED, ["settings/*rate_0.01*/checkpoints/2", "chosen/*seed_1/checkpoints/1"]),
    ],
    ids=["probes", "tuned"],
)
def test_a_killed_sweep_ends_in_the_same_table(given, moments, data_dir, tmp_path):
    whole = finish(data_dir, tmp_path / "whole", given)
    for there in moments:
        process = start(data_dir, tmp_path / "killed", given)
        while process.poll() is None and not list((tmp_path / "killed").glob(there)):
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()[1]
        process.kill()
        process.communicate()
    assert finish(data_dir, tmp_path / "killed", given) == whole
