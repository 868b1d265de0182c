"""Micro-batches: the memory of a small batch and the gradient of a large one, and what that costs.

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
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import measured_apart, peak_kib, print_peak

MEMORY_LIMIT, TIME_LIMIT = 1.4, 1.5
ARMS = ("small", "micro", "plain")


def one_arm(options):
    """Prints peak MiB and seconds a step of one arm, of this process."""
    import numpy as np
    import tensorflow as tf

    from simclr_med import distribute
    from simclr_med.config.making import make_config
    from simclr_med.config.recipes import Recipe
    from simclr_med.training import pretrain
    from simclr_med.training.train_step import compiled_step

    tf.reduce_sum(tf.zeros([8]))  # TensorFlow's own start is no part of it
    before = peak_kib()
    cases = options.micro_batch if options.arm == "small" else options.batch_size
    micro = options.micro_batch if options.arm == "micro" else 0
    given = {"data_dir": "none", "work_dir": "none", "batch_size": cases, "micro_batch": micro}
    given |= {"encoder": options.encoder, "width": options.width, "image_size": options.image_size}
    config = make_config("pretrain", given)
    model, _ = pretrain.model_of(config, Recipe.of(config.augment))
    strategy = tf.distribute.get_strategy()
    parts = distribute.micro_batches(config, strategy)
    step = compiled_step(model, strategy, parts)
    draw, shape = np.random.default_rng(0), [cases // parts, *2 * [options.image_size], 3]
    batches = [
        {f"view{i}": tf.constant(draw.random(shape, np.float32)) for i in (1, 2)}
        for _ in range(parts)
    ]
    print_peak(lambda: step(batches), before, options.steps)


def fits(options):
    """Whether the plain large batch should fit into the memory that is free."""
    from simclr_med.encoders.complexity import measure

    cost = measure(options.encoder, options.width, options.image_size)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1.3 * cost.memory(2 * options.batch_size) < free


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=1024)
    parser.add_argument("--micro_batch", type=int, default=64)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--encoder", default="resnet50")
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=1, help="after the first; the best is taken")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.arm:
        return one_arm(options)
    names = ("batch_size", "micro_batch", "image_size", "encoder", "width", "steps")
    arguments = [f"--{name}={getattr(options, name)}" for name in names]
    rows = {}
    for arm in ARMS if fits(options) else ARMS[:2]:
        rows[arm] = measured_apart(__file__, *arguments, f"--arm={arm}")
        print(f"{arm:6} {rows[arm]['mib']:8.0f} MiB {rows[arm]['seconds']:8.2f} s", flush=True)
    memory = rows["micro"]["mib"] / rows["small"]["mib"]
    print(f"memory of micro / small: ratio {memory:.2f} (limit {MEMORY_LIMIT})")
    # Without the large batch at once: as many small ones.
    plain = rows.get("plain", {}).get("seconds") or (
        rows["small"]["seconds"] * options.batch_size / options.micro_batch
    )
    cost = rows["micro"]["seconds"] / plain
    print(f"time of micro / a plain pass: ratio {cost:.2f} (limit {TIME_LIMIT})")
    result = {"arms": rows, "memory_ratio": memory, "time_ratio": cost}
    if "plain" in rows:
        result["memory_ratio_to_plain"] = rows["micro"]["mib"] / rows["plain"]["mib"]
        print(f"memory of micro / plain: ratio {result['memory_ratio_to_plain']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    return None


if __name__ == "__main__":
    main()
