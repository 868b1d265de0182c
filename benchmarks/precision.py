"""The precision and compilation that a run takes by itself here, beside the others.

    python benchmarks/precision.py --json=precision.json

One training step of ours in float32, in bfloat16 and compiled by XLA, turn about. What
`devices.DEFAULTS` takes on this kind of device should be the fastest, within a twentieth.
"""

import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import pairwise_ratio
from benchmarks.verdict import at_least, command_line, conclude, shown
from simclr_med.errors import run_main

ARMS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "float32, XLA": {"jit_compile": True},
}
GOALS = (
    at_least("default / fastest, speed", 0.95),
    shown("mixed_bfloat16 / float32, speed"),
    shown("float32, XLA / float32, speed"),
)


def seconds(step):
    """Return how long one call takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def default_arm():
    """Return the key of `ARMS` that a run takes by itself here, and the kind of device."""
    from simclr_med import devices
    from simclr_med.config.sections.running import DistributeConfig

    kind = devices.kind_of_device(DistributeConfig())
    row = devices.DEFAULTS[kind]
    return ("float32, XLA" if row.jit_compile else row.precision), kind


def main(arguments):
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch_size", type=int, default=32, help="cases, of two views each")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments[1:])
    from benchmarks.our_step import pretraining_step

    settings = {name: getattr(options, name) for name in ("encoder", "image_size", "width")}
    settings |= {"batch_size": options.batch_size, "optimizer": "adam", "learning_rate": 0.001}
    steps = {arm: pretraining_step(**settings, **given)[0] for arm, given in ARMS.items()}
    for step in steps.values():
        step(), step()
    times = {arm: [] for arm in ARMS}
    for _ in range(options.rounds):
        for arm, step in steps.items():
            times[arm].append(seconds(step))
    speed = {arm: pairwise_ratio(times["float32"], values) for arm, values in times.items()}
    default, kind = default_arm()
    for arm, values in times.items():
        taken = " (the default)" if arm == default else ""
        middle = statistics.median(values)
        print(f"{arm:15} {middle:7.3f} s a step, {speed[arm]:.2f} of float32's speed{taken}")
    ratios = {f"{arm} / float32, speed": value for arm, value in speed.items() if arm != "float32"}
    ratios["default / fastest, speed"] = speed[default] / max(speed.values())
    return conclude(options, GOALS, ratios, kind_of_device=kind, seconds=times)


if __name__ == "__main__":
    sys.exit(run_main(main, sys.argv))
