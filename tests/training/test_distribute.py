"""Replicas, machines: the same run by the command line, and what is said where one is missing."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import short_run
from kill_runs import weights

from simclr_med import distribute
from simclr_med.config import architectures
from simclr_med.config.checked_config import make_config
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.encoders import checkpoint
from simclr_med.errors import EXIT_RETRY, EXIT_TERMINATED, InputError
from simclr_med.training import pretrain

STEPS = 5
GIVEN = {
    "steps": STEPS, "encoder": "resnet18", "width": 0.125, "image_size": 40, "batch_size": 16,
    "temperature": 0.5, "precision": "float32",
}  # fmt: skip


def here(data_dir, work_dir, **more):
    """Pretrain in this process, which has two devices and has imported TensorFlow."""
    given = GIVEN | {"data_dir": str(data_dir), "work_dir": str(work_dir)}
    pretrain.run(make_config("pretrain", given | more))


def start(data_dir, work_dir, *flags, **environment):
    given = GIVEN | {"data_dir": data_dir, "work_dir": work_dir}
    command = [sys.executable, short_run.__file__, "--mode=pretrain"]
    command += [*(f"--{name}={value}" for name, value in given.items()), *flags]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def machines(data_dir, work_dir, *flags, second=""):
    """Two workers on this machine, one with a flag more."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("localhost", 0)), other.bind(("localhost", 0))
        hosts = [f"localhost:{s.getsockname()[1]}" for s in (one, other)]
    cluster = {"cluster": {"worker": hosts}}
    return [
        start(
            data_dir, work_dir, "--strategy=multi_worker", *flags, *[second][: index * len(second)],
            TF_CONFIG=json.dumps(cluster | {"task": {"type": "worker", "index": index}}),
        )
        for index in (0, 1)
    ]  # fmt: skip


def finished(*processes):
    for process in processes:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error


def losses(work_dir):
    rows = (work_dir / "log.csv").read_text().splitlines()
    assert len(rows) == 1 + STEPS
    return [float(row.split(",")[1]) for row in rows[1:]]


def test_two_devices_and_two_machines_train_as_one(data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(architectures.ENCODERS, "resnet18", short_run.ROW)
    pair = machines(data_dir, tmp_path / "machines")
    here(data_dir, tmp_path / "one")
    expected = weights(tmp_path / "one")
    here(data_dir, tmp_path / "mirrored", strategy="mirrored", cpu_devices=2)
    finished(*pair)
    for run in ("mirrored", "machines"):
        # log.csv has six digits.
        np.testing.assert_allclose(losses(tmp_path / run), losses(tmp_path / "one"), rtol=2e-5)
        found = weights(tmp_path / run)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            # They are 1e-6 apart until rounding turns a ReLU: 2e-6 was seen on the current stack.
            limit = max(1e-5 * np.abs(value).max(), 1e-5)
            np.testing.assert_allclose(found[name], value, atol=limit, err_msg=f"{run} {name}")


@pytest.mark.slow
def test_machines_that_differ_refuse_to_start(data_dir, tmp_path):
    pair = machines(data_dir, tmp_path / "run", second="--learning_rate=0.2")
    for process in pair:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 2 and "the machines differ in flags or data" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_one_machine_that_ends_stops_the_others_and_the_run_goes_on(data_dir, tmp_path):
    work_dir, many = tmp_path / "run", ("--steps=100000", "--save_every=2")
    for lost in ("terminated", "second", "first"):
        pair = machines(data_dir, work_dir, *many)
        before = saved(work_dir)
        while saved(work_dir) == before:
            assert [process.poll() for process in pair] == [None, None]
            time.sleep(0.1)
        pair[1].terminate() if lost == "terminated" else pair[lost == "second"].kill()
        errors = [process.communicate(timeout=300)[1] for process in pair]
        codes = [process.returncode for process in pair]
        if lost == "terminated":
            assert codes == [EXIT_TERMINATED, EXIT_TERMINATED]
            assert f"terminated: saved step {saved(work_dir)}" in errors[0]
        else:
            assert codes[lost == "first"] == EXIT_RETRY
            assert "another machine was lost, or failed, after step" in errors[lost == "first"]


def saved(work_dir):
    return max(checkpoint.steps(work_dir), default=0)


def test_missing_hardware_is_told(monkeypatch):
    def refused(**settings):
        with pytest.raises(InputError) as told:
            distribute.strategy_of(DistributeConfig(**settings))
        return str(told.value)

    assert "--strategy=mirrored looked for two or more GPUs; TensorFlow sees 0" in refused(
        strategy="mirrored"
    )
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert "TF_CONFIG and found nothing; expected" in refused(strategy="multi_worker")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    assert 'found {"cluster": {}}; expected' in refused(strategy="multi_worker")
    with socket.socket() as nobody:
        nobody.bind(("localhost", 0))
        address = f"grpc://localhost:{nobody.getsockname()[1]}"
        assert f"no TPU answers at {address}" in refused(strategy="tpu", tpu=address)


def test_the_flags_of_a_tpu_reach_its_resolver(monkeypatch):
    given = {}

    def resolver(tpu, zone, project):
        given.update(tpu=tpu, zone=zone, project=project)
        raise ValueError("no such TPU")

    monkeypatch.setattr(distribute.tf.distribute.cluster_resolver, "TPUClusterResolver", resolver)
    flags = {"use_tpu": True, "tpu": "mine", "tpu_zone": "europe-west4-a", "gcp_project": "lab"}
    settings = make_config("pretrain", {"data_dir": "a", "work_dir": "b", **flags}).distribute
    assert settings.strategy == "tpu"
    with pytest.raises(InputError, match="a TPU named 'mine' in europe-west4-a and found none: no"):
        distribute.strategy_of(settings)
    assert given == {"tpu": "mine", "zone": "europe-west4-a", "project": "lab"}
    with pytest.raises(InputError, match="two strategies"):
        make_config("pretrain", {"data_dir": "a", "work_dir": "b", **flags, "strategy": "one"})


def test_workers_take_their_share_in_order():
    """Of two workers with two replicas each, the batches' pieces are the whole batch, in order."""
    import tensorflow as tf

    @dataclasses.dataclass
    class Strategy:
        num_replicas_in_sync: int = 4

        def distribute_datasets_from_function(self, of_worker):
            contexts = [tf.distribute.InputContext(2, worker, 4) for worker in (0, 1)]
            return [of_worker(context) for context in contexts]

    def make(share, pieces):
        return share, pieces

    parts = distribute.batches(make, Strategy(), micro_batches=3)
    assert parts == [((0, 2), 6), ((1, 2), 6)]
