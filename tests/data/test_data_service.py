"""A dispatcher and two workers on this machine make the batches of a run."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from kill_runs import same, weights
from PIL import Image

from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data import data_service
from simclr_med.data.batches import contrastive_batches
from simclr_med.data.cases import Cases
from simclr_med.data.positions import Positions
from simclr_med.errors import InputError, RunError
from simclr_med.training import pretrain

pytestmark = pytest.mark.usefixtures("shortest_encoder")
TOOL = ROOT / "tools" / "data_service.py"


@contextlib.contextmanager
def started(*arguments):
    """A process of the tool, and the port that it says it has."""
    command = [sys.executable, str(TOOL), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGKILL)


SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "augmentation": "partial"}


@pytest.fixture(scope="module")
def address():
    with started("--role=dispatcher", "--port=0") as (_, address):
        assert address.startswith("grpc://localhost:")
        joining = ["--role=worker", "--port=0", f"--dispatcher={address}"]
        with started(*joining) as first, started(*joining) as second:
            assert first[1] and second[1]
            yield address


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    paths = [str(folder / f"{i}.png") for i in range(40)]
    for i, path in enumerate(paths):
        Image.new("RGB", (20, 24), (6 * i, 0, 100)).save(path)
    names = np.array([str(i) for i in range(40)])
    return Cases(names, names, np.array(paths), np.arange(41), np.zeros([40, 1], np.float32), {})


def batches(cases, **running):
    positions = Positions(cases, batch_size=4, seed=1)
    made = contrastive_batches(positions, Recipe.named("full", 16), **running)
    return list(made.as_numpy_iterator())


def test_the_same_examples_once_each_in_the_same_order(address, cases):
    here = batches(cases, start_step=9, steps=20)
    there = batches(cases, start_step=9, steps=20, data_service=address)
    for ours, theirs in zip(here, there, strict=True):
        for name, values in ours.items():
            np.testing.assert_allclose(values, theirs[name], atol=1e-5)
    images = np.concatenate([batch["image1"] for batch in there[1:]])  # an epoch
    assert sorted(images) == list(range(40))


def test_a_run_with_a_service_is_the_run_without(address, data_dir, tmp_path):
    given = SMALL | {"data_dir": str(data_dir), "steps": 3, "batch_size": 8, "positives": "case"}
    for name, service_flag in (("here", {}), ("there", {"data_service": address})):
        pretrain.run(make_config("pretrain", given | service_flag | {"work_dir": tmp_path / name}))
    assert same(weights(tmp_path / "here"), weights(tmp_path / "there"))


def test_a_bad_image_on_a_worker_is_stood_in_for(address, data_dir, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(data_dir, folder)
    bad = sorted((folder / "images" / "train").glob("*.jpg"))[3]
    bad.write_bytes(b"no image")
    given = SMALL | {"data_dir": str(folder), "steps": 10, "batch_size": 30}
    given |= {"splits": ("train",), "skip_bad_images": 1, "data_service": address}
    pretrain.run(make_config("pretrain", given | {"work_dir": tmp_path / "run"}))
    assert bad.name in (tmp_path / "run" / "skipped.csv").read_text()
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 11


def test_a_dead_worker_is_a_failure_and_not_a_gap(data_dir, tmp_path, monkeypatch):
    """Its share of the steps is lost; the run stops where the first of them is due."""

    def losing(made):
        return tf.data.Dataset.zip(tf.data.Dataset.range(99), made).filter(
            lambda i, _: i != 2
        ).map(lambda _, pair: pair)  # fmt: skip

    monkeypatch.setattr(tf.data.experimental.service, "distribute", lambda **settings: losing)
    monkeypatch.setattr(data_service, "refuse_unanswered", lambda *_: None)
    monkeypatch.setattr(data_service, "WAITING_BYTES", 1)
    monkeypatch.setattr(data_service, "WAITING_BATCHES", 2)
    given = SMALL | {"data_dir": str(data_dir), "steps": 6, "batch_size": 8, "save_every": 1}
    given["work_dir"] = str(tmp_path / "run")
    with pytest.raises(RunError, match="the data service failed after step 2: has a worker died"):
        pretrain.run(make_config("pretrain", given | {"data_service": "grpc://localhost:1"}))
    pretrain.run(make_config("pretrain", given))  # and goes on


def test_batches_that_come_out_of_order_are_put_in_order(cases, monkeypatch):
    def late(made):
        first, second = made.take(1), made.skip(1)
        return second.take(3).concatenate(first).concatenate(second.skip(3))

    monkeypatch.setattr(tf.data.experimental.service, "distribute", lambda **settings: late)
    monkeypatch.setattr(data_service, "refuse_unanswered", lambda *_: None)
    here, there = batches(cases, steps=8), batches(cases, steps=8, data_service="grpc://a:1")
    assert [b["image1"].tolist() for b in here] == [b["image1"].tolist() for b in there]


def test_wrong_addresses(cases):
    for address in ("localhost:5000", "grpc://localhost", "grpc://:1"):
        with pytest.raises(InputError, match="expected grpc://HOST:PORT"):
            make_config("pretrain", {"data_dir": "a", "work_dir": "b", "data_service": address})
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="no dispatcher answers"):
        batches(cases, steps=1, data_service=f"grpc://localhost:{port}")


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--role=worker"], "--dispatcher"),
        (["--role=worker", "--dispatcher=localhost:1"], "grpc://"),
        (["--role=worker", "--dispatcher=grpc://localhost"], "grpc://HOST:PORT"),
        (["--role=worker", "--dispatcher=grpc://localhost:1"], "no dispatcher answers"),
        (["--role=dispatcher", "--dispatcher=grpc://localhost:1"], "--dispatcher"),
        (["--role=dispatcher", "--port=99999"], "--port"),
    ],
)
def test_the_tool_refuses_what_does_not_fit(flags, problem):
    done = subprocess.run([sys.executable, str(TOOL), *flags], capture_output=True, text=True)
    assert done.returncode == 2 and problem in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(address):
    port = address.rsplit(":", 1)[1]
    command = [sys.executable, str(TOOL), "--role=dispatcher", f"--port={port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"--port={port}" in done.stderr
