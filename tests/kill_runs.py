"""Kills pretraining with SIGKILL at random moments, resumes it, and compares the weights.

    python tests/kill_runs.py --runs=20

Every run has to end with bitwise the weights of one that was not killed. Prints a line a run, and
exits with 1 where one differs.
"""

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from simclr_med.encoders import checkpoint
from simclr_med.preparation import phantom

STEPS = 60
RUN = ("-m", "simclr_med.run")


def command(data_dir, work_dir, program=RUN):
    """Of a run of a few seconds, whose checkpoints are often being written."""
    return [
        sys.executable, *program, "--mode=pretrain", f"--data_dir={data_dir}",
        f"--work_dir={work_dir}", f"--steps={STEPS}", "--encoder=resnet18", "--width=0.125",
        "--image_size=32", "--batch_size=8", "--save_every=5", "--precision=float32",
    ]  # fmt: skip


def start(data_dir, work_dir, program=RUN):
    return subprocess.Popen(
        command(data_dir, work_dir, program),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(data_dir, work_dir, program=RUN):
    """Runs to the end; the seconds it took, and those from its first checkpoint on."""
    begin = time.monotonic()
    process = start(data_dir, work_dir, program)
    while process.poll() is None and not list(work_dir.glob("checkpoints/*")):
        time.sleep(0.01)
    saved = time.monotonic()
    _, error = process.communicate(timeout=600)
    assert process.returncode == 0, error
    return time.monotonic() - begin, time.monotonic() - saved


def weights(work_dir):
    """All that the newest checkpoint holds, by name."""
    newest = checkpoint.steps(work_dir)[-1]
    with np.load(pathlib.Path(work_dir) / "checkpoints" / str(newest) / "variables.npz") as saved:
        return dict(saved)


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def differ(a, b):
    """Whether what `weights` returns differs by more than another order of sums would make it.

    Optimizers' buffers hold the last step: of a short run with a small rate they tell more than the
    weights do. Those of kernels are measured apart: with LARS they are small beside the others.
    """
    if a.keys() != b.keys() or any(a[name].shape != b[name].shape for name in a):
        return True
    kinds = {}
    for name in a:
        kind = next((part for part in ("optimizer/", "moving_") if part in name), "weights")
        kinds.setdefault((kind, min(a[name].ndim, 2)), []).append(name)
    return any(
        np.linalg.norm([np.linalg.norm(a[name] - b[name]) for name in names])
        > 1e-3 * np.linalg.norm([np.linalg.norm(a[name]) for name in names])
        for names in kinds.values()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments, differing = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sizes = {"train": 60, "validation": 2, "test": 2, "external": 2, "unlabelled": 30}
        phantom.generate(folder / "data", phantom.PhantomConfig(**sizes, image_size=32))
        seconds, trained = finish(folder / "data", folder / "whole")
        expected = weights(folder / "whole")
        for number in range(1, options.runs + 1):
            work_dir = folder / f"run{number}"
            process = start(folder / "data", work_dir)
            # Every other run while it trains and saves, the rest at any time from the start on.
            since = "its first checkpoint" if number % 2 else "its start"
            while number % 2 and not list(work_dir.glob("checkpoints/*")):
                time.sleep(0.01)
            moment = moments.uniform(0, trained if number % 2 else seconds)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            kept = checkpoint.steps(work_dir)
            finish(folder / "data", work_dir)
            equal = same(expected, weights(work_dir))
            differing += not equal
            print(
                f"run {number}: killed {moment:.1f} s after {since} with step "
                f"{max(kept, default=0)} saved; resumed, its weights "
                f"{'are equal' if equal else 'DIFFER'}",
                flush=True,
            )
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
