"""Micro-batches: the memory of a small batch, the gradient of a large one, and their time.

    python benchmarks/memory.py --json=memory.json

Each arm is a process of its own, that takes training steps of `ContrastiveModel` (two
views, NT-Xent, LARS) as `compiled_step` makes them, on images that are in memory:
  small    a plain batch of so many cases as a micro-batch has
  micro    the large batch, through micro-batches
  plain    the large batch at once, where the machine's memory holds it by our own estimate
Memory is the peak beyond what the process took before it built the network: weights, gradients,
momenta, images, activations and workspaces.
"""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import measured_apart, peak_kib, print_peak
from benchmarks.verdict import at_most, command_line, conclude, shown
from simclr_med.errors import run_main

GOALS = (
    at_most("micro / small, memory", 1.4),
    at_most("micro / plain, time", 1.5),
    shown("micro / plain, memory"),
)
ARMS = ("small", "micro", "plain")


def one_arm(options):
    """Prints peak MiB and seconds a step of one arm, of this process."""
    import tensorflow as tf

    from benchmarks.our_step import pretraining_step

    tf.reduce_sum(tf.zeros([8]))  # TensorFlow's own start is no part of it
    before = peak_kib()
    step, _ = pretraining_step(
        batch_size=options.micro_batch if options.arm == "small" else options.batch_size,
        micro_batch=options.micro_batch if options.arm == "micro" else 0,
        encoder=options.encoder,
        width=options.width,
        image_size=options.image_size,
    )
    print_peak(step, before, options.steps)


def fits(options):
    """Return whether the plain large batch should fit into the free memory."""
    from simclr_med.encoders.complexity import measure

    cost = measure(options.encoder, options.width, options.image_size)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1.3 * cost.memory(2 * options.batch_size) < free


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--batch_size", type=int, default=1024)
    parser.add_argument("--micro_batch", type=int, default=64)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--encoder", default="resnet50")
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=1, help="after the first; the best is taken")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        return one_arm(options)
    names = ("batch_size", "micro_batch", "image_size", "encoder", "width", "steps")
    arguments = [f"--{name}={getattr(options, name)}" for name in names]
    rows = {}
    for arm in ARMS if fits(options) else ARMS[:2]:
        rows[arm] = measured_apart(__file__, *arguments, f"--arm={arm}")
        print(f"{arm:6} {rows[arm]['mib']:8.0f} MiB {rows[arm]['seconds']:8.2f} s", flush=True)
    # Without the large batch at once: as many small ones.
    plain = rows.get("plain", {}).get("seconds") or (
        rows["small"]["seconds"] * options.batch_size / options.micro_batch
    )
    ratios = {
        "micro / small, memory": rows["micro"]["mib"] / rows["small"]["mib"],
        "micro / plain, time": rows["micro"]["seconds"] / plain,
    }
    if "plain" in rows:
        ratios["micro / plain, memory"] = rows["micro"]["mib"] / rows["plain"]["mib"]
    return conclude(options, GOALS, ratios, arms=rows)


if __name__ == "__main__":
    sys.exit(run_main(main))
