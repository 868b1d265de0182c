"""Cost of large batches: the loss and its gather; hours of the paper's pretrainings.

    python benchmarks/scaling.py --json=scaling.json

The loss (NT-Xent with its gradient, projections `[2B, 128]`) stands beside the three matrix
products that no implementation can do without, timed alone. The gather, of two devices into which
this machine's processor is split, stands beside a copy of what it moves. The last table is computed
and not measured: operations of each pretraining over what the hardware achieves, see docs/scale.md.
"""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.verdict import command_line, conclude, shown
from simclr_med.errors import run_main

DIM = 128
# Name, peak of bfloat16 or float16 products in 10^12 a second, list price in dollars an hour.
HARDWARE = (("TPU v3-32", 16 * 123, 32.0), ("8 A100", 8 * 312, 29.4), ("8 V100", 8 * 125, 24.5))
ACHIEVED = 0.2  # of the peak; about what published ResNet-50 trainings reach
# The paper's: name, encoder, width, image size, batch, steps (PAPER's appendix B).
PRETRAININGS = (
    ("SimCLR, dermatology", 512, 150_000),
    ("SimCLR, dermatology, longer", 1024, 450_000),
    ("MICLe, dermatology", 128, 100_000),
    ("SimCLR, CheXpert", 1024, 100_000),
)
ENCODERS = (("resnet50", 1), ("resnet152", 2), ("resnet50", 4))
SIZE, HOUR = 224, 3600


def best(function, repeats):
    """Seconds of the fastest call after a first."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def loss_row(batch, repeats):
    """Seconds of the loss and its gradient, and of its products alone."""
    import tensorflow as tf

    from simclr_med.training.models.objective import nt_xent

    z = tf.random.stateless_normal([2 * batch, DIM], [0, batch])
    logits = tf.random.stateless_normal([2 * batch, 2 * batch], [1, batch])

    @tf.function
    def loss():
        with tf.GradientTape() as tape:
            tape.watch(z)
            value, _ = nt_xent(z, 0.1)
        return tape.gradient(value, z)

    @tf.function
    def products():
        forward = tf.matmul(z, z, transpose_b=True)
        back = tf.matmul(logits, z) + tf.matmul(logits, z, transpose_a=True)
        return tf.reduce_max(forward), tf.reduce_max(back)

    seconds, floor = best(loss, repeats), best(products, repeats)
    return {"seconds": seconds, "products": floor, "ratio": seconds / floor}


def gather_row(batch, strategy, repeats):
    """Seconds of gathering both views' projections of two devices, and of a copy of them."""
    import tensorflow as tf

    from simclr_med import distribute

    z = tf.random.stateless_normal([batch // 2, DIM], [0, batch])
    run = distribute.compiled(
        lambda: [distribute.gather(z * scale) for scale in (1.0, 2.0)], strategy
    )
    copy = tf.function(lambda: [tf.tile(z * scale, [2, 1]) for scale in (1.0, 2.0)])
    seconds, floor = best(run, repeats), best(copy, repeats)
    return {"seconds": seconds, "copy": floor, "ratio": seconds / floor}


def pretrainings():
    """Hours and dollars of each pretraining, encoder and hardware."""
    from simclr_med.encoders.complexity import measure

    rows = []
    for encoder, width in ENCODERS:
        cost = measure(encoder, width, SIZE)
        for name, batch, steps in PRETRAININGS:
            operations = cost.step_flops(2 * batch) * steps
            for hardware, peak, price in HARDWARE:
                hours = operations / (ACHIEVED * peak * 1e12) / HOUR
                row = {"encoder": f"{encoder} {width}x", "pretraining": name, "hours": hours}
                rows.append(row | {"hardware": hardware, "dollars": hours * price})
    return rows


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument(
        "--batch_sizes", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096, 8192]
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    from simclr_med import distribute
    from simclr_med.config.sections.running import DistributeConfig

    strategy = distribute.strategy_of(DistributeConfig(strategy="mirrored", cpu_devices=2))
    result = {"loss": {}, "gather": {}}
    for batch in options.batch_sizes:
        row = result["loss"][batch] = loss_row(batch, options.repeats)
        moved = result["gather"][batch] = gather_row(batch, strategy, options.repeats)
        print(
            f"batch {batch:5}: loss {1e3 * row['seconds']:8.1f} ms, ratio to its products "
            f"{row['ratio']:5.2f}; gather {1e3 * moved['seconds']:7.2f} ms, ratio to a copy "
            f"{moved['ratio']:5.1f}",
            flush=True,
        )
    result["pretrainings"] = pretrainings()
    for row in result["pretrainings"]:
        print(
            f"{row['encoder']:13} {row['pretraining']:28} {row['hardware']:10} "
            f"{row['hours']:8.1f} h {row['dollars']:8,.0f} $"
        )
    ratios = {}
    for batch in options.batch_sizes:
        ratios[f"loss / its products, batch {batch}"] = result["loss"][batch]["ratio"]
        ratios[f"gather / a copy, batch {batch}"] = result["gather"][batch]["ratio"]
    return conclude(options, [shown(name) for name in ratios], ratios, **result)


if __name__ == "__main__":
    sys.exit(run_main(main))
