"""Both stacks, TensorFlow 2.15 with Keras 2 and 2.21 with Keras 3: the same work, turn about.

    python benchmarks/stacks.py --json=stacks.json

Needs both folders, .venv and .venv-current (docs/stacks.md), or `--card=` and `--current=` with
their Pythons. Each arm is a process of its own: seconds until it has imported what trains, peak
memory and seconds of a pretraining step by precision and compilation, and views a second of the
input pipeline on generated images.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import measured_apart, pairwise_ratio, peak_kib
from benchmarks.machine import ROOT
from benchmarks.verdict import at_least, at_most, command_line, conclude, shown
from simclr_med.errors import InputError, run_main

STEPS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "float32, XLA": {"jit_compile": True},
}
GOALS = (
    at_least("current / card, step", 0.95, "speed, float32"),
    at_least("current / card, views", 0.95, "speed of the input pipeline"),
    at_most("current / card, memory", 1.1, "peak of a process that takes float32 steps"),
    shown("current / card, start"),
    *(shown(f"{stack}: {arm} / float32") for stack in ("card", "current") for arm in [*STEPS][1:]),
)
STEP = {"encoder": "resnet18", "image_size": 64, "batch_size": 32, "optimizer": "adam"}


def one_arm(options):
    """Print what this process's stack takes, as JSON."""
    start = time.perf_counter()
    from benchmarks.our_step import pretraining_step

    found = {"start": time.perf_counter() - start}
    for arm, given in STEPS.items():
        step, _ = pretraining_step(**STEP, **given)
        step(), step()
        found[arm] = min(_seconds(step) for _ in range(options.steps))
        found.setdefault("memory", peak_kib() / 1024)  # of the first arm, MiB
    found["views"] = _views_a_second(options)
    print(json.dumps(found))


def _seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _views_a_second(options):
    from simclr_med.config.making import make_config
    from simclr_med.data import manifest
    from simclr_med.training import pretrain

    given = {"data_dir": options.data_dir, "work_dir": "none", "image_size": 64, "batch_size": 32}
    config = make_config("pretrain", given)
    data = manifest.read(options.data_dir)
    positions = pretrain.positions_of(config, data.cases(data.pretraining_splits()))
    batches = iter(pretrain.batches(config, positions))
    next(batches), next(batches)
    seconds = _seconds(lambda: [next(batches) for _ in range(options.batches)])
    return 2 * 32 * options.batches / seconds


def main(arguments):
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--card", default=str(ROOT / ".venv" / "bin" / "python"))
    parser.add_argument("--current", default=str(ROOT / ".venv-current" / "bin" / "python"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="of each arm; the best is taken")
    parser.add_argument("--batches", type=int, default=20, help="of the input pipeline")
    parser.add_argument("--data_dir", help=argparse.SUPPRESS)  # of an arm
    options = parser.parse_args(arguments[1:])
    if options.data_dir:
        return one_arm(options)
    pythons = {"card": options.card, "current": options.current}
    for stack, python in pythons.items():
        if not pathlib.Path(python).exists():
            raise InputError(f"--{stack}={python}: expected a Python; docs/stacks.md has both")
    rows = {stack: [] for stack in pythons}
    with tempfile.TemporaryDirectory() as folder:
        given = [f"--data_dir={_images(folder)}", f"--steps={options.steps}"]
        given.append(f"--batches={options.batches}")
        for _ in range(options.rounds):
            for stack, python in pythons.items():
                rows[stack].append(measured_apart(__file__, *given, python=python))
                print(stack, {name: round(v, 3) for name, v in rows[stack][-1].items()}, flush=True)
    return conclude(options, GOALS, ratios_of(rows), rows=rows)


def _images(folder):
    from simclr_med.preparation import phantom

    sizes = {"train": 60, "validation": 2, "test": 2, "external": 2, "unlabelled": 2}
    phantom.generate(pathlib.Path(folder) / "phantom", phantom.PhantomConfig(**sizes))
    return pathlib.Path(folder) / "phantom"


def ratios_of(rows):
    """Return the ratios of `GOALS`, medians over the rounds; speeds are of more than 1 if faster.

    Args:
      rows: stack to what its arms printed, one a round.
    """
    taken = {
        stack: {name: [row[name] for row in each] for name in each[0]}
        for stack, each in rows.items()
    }
    card, current = taken["card"], taken["current"]
    ratios = {
        "current / card, step": pairwise_ratio(card["float32"], current["float32"]),
        "current / card, views": pairwise_ratio(current["views"], card["views"]),
        "current / card, memory": pairwise_ratio(current["memory"], card["memory"]),
        "current / card, start": pairwise_ratio(current["start"], card["start"]),
    }
    for stack, values in taken.items():
        for arm in [*STEPS][1:]:
            speed = statistics.median(values["float32"]) / statistics.median(values[arm])
            ratios[f"{stack}: {arm} / float32"] = speed
    return ratios


if __name__ == "__main__":
    sys.exit(run_main(main, sys.argv))
