"""Predict and embed outlive kill -9: the same command goes on, to the same bytes."""

import multiprocessing
import signal
import time

import numpy as np
import pandas as pd
import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.data import manifest
from simclr_med.serving.bulk import parts, run

IMAGES = 512  # of a part


def answer(config):
    """Run a mode; called in a process of its own."""
    parts.IMAGES = IMAGES
    run.run(config)


@pytest.fixture(scope="module")
def started():
    """A function that starts a mode in a process of its own; TensorFlow is imported once."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])

    def start(mode, given):
        process = processes.Process(target=answer, args=(make_config(mode, given),))
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def table(data_dir, tmp_path_factory):
    """A CSV of as many images as three parts hold, and half of one; each is a case."""
    rows = np.resize(manifest.read(data_dir).cases(["test"]).paths, 3 * IMAGES + IMAGES // 2)
    file = tmp_path_factory.mktemp("table") / "images.csv"
    pd.DataFrame({"image": rows, "case_id": range(len(rows))}).to_csv(file, index=False)
    return file


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow  # each process loads the model anew
@pytest.mark.parametrize("mode", ["predict", "embed"])
def test_killed_twice_it_goes_on_to_the_same_bytes(started, exported_probe, table, tmp_path, mode):
    given = {"model": str(exported_probe), "images": str(table)}
    whole = started(mode, given | {"work_dir": str(tmp_path / "whole")})
    given |= {"work_dir": str(tmp_path / "killed")}
    kept, answered = tmp_path / ".killed.unfinished" / run.PARTS, set()
    for count in (1, 2):
        process = started(mode, given)
        while len(list(kept.glob("*.npz"))) < count:
            assert process.exitcode is None
            time.sleep(0.001)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL and not (tmp_path / "killed").exists()
        answered.add(min(kept.glob("*.npz")).stat().st_mtime_ns)
    assert len(answered) == 1  # and not again
    process = started(mode, given)
    process.join()
    whole.join()
    assert whole.exitcode == process.exitcode == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "killed"}
