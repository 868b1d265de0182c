"""The contrastive step beside keras.applications.ResNet50 in the same step, and gradient memory.

    python benchmarks/train_step.py --json=train_step.json

Each arm is one step of `ContrastiveModel` (forward, NT-Xent on two views, gradients, LARS)
on images that are in memory; only the encoder differs. Arms take turns, so that what else the
machine does falls on all. "resnet50" is SimCLR's, with the stride in the 3x3, and has 6 % more
multiply-adds than keras.applications'; "resnet50_v1" has the same. A step's operations are counted
as 3 forward passes; the peak is a square matrix product's of the same type. Memory with gradient
checkpointing is ResNet-152's, at the peak of a process that does nothing else, beyond what it took
before its first step; it holds gradients and workspaces too. Build time is ResNet-152's at twice
its width, weights included, in a fresh process, imports not counted; keras.applications' has
width 1.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.apart import measured_apart, peak_kib, print_peak
from benchmarks.verdict import at_least, at_most, command_line, conclude, shown
from simclr_med import devices
from simclr_med.errors import run_main

PEER = "keras.applications"
ARMS = (PEER, "resnet50", "resnet50_v1")
PRECISIONS = ("float32", "mixed_bfloat16")
BUILD_LIMIT = 15.0  # seconds, of ResNet-152 twice as wide
GOALS = (
    *(at_least(f"{name}: speed of resnet50 / {PEER}", 0.95) for name in PRECISIONS),
    *(shown(f"{name}: speed of resnet50_v1 / {PEER}") for name in PRECISIONS),
    at_most(f"seconds of building resnet152 / {BUILD_LIMIT:.0f}", 1),
    shown("memory of resnet152, recomputed by stages / none"),
    shown("memory of resnet152, recomputed by blocks / none"),
)


def build_step(arm, options):
    """A function that runs one training step on fixed images, and the encoder's multiply-adds."""
    import keras
    import tensorflow as tf

    from simclr_med.encoders import complexity, encoder, heads
    from simclr_med.training.models import optimizer
    from simclr_med.training.models.contrastive import ContrastiveModel

    keras.utils.set_random_seed(0)
    size, width = options.image_size, options.width
    if arm == PEER:
        network = keras.applications.ResNet50(
            include_top=False, weights=None, pooling="avg", input_shape=(size, size, 3)
        )
        counted = complexity.measure("resnet50_v1", 1.0, size)
    else:
        network = encoder.build_encoder(arm, width, size)
        counted = complexity.measure(arm, width, size)
    projection = heads.build_projection_head(network.output_shape[-1])
    cuts = "none" if arm == PEER else options.gradient_checkpointing
    model = ContrastiveModel(network, projection, 0.1, gradient_checkpointing=cuts)
    lars = optimizer.make_optimizer("lars", 0.1, 0.9, 1e-6, 0.001)
    model.compile(lars)
    shape = [options.batch_size, size, size, 3]
    batch = {f"view{i}": tf.random.stateless_uniform(shape, [0, i]) for i in (1, 2)}
    compiled = tf.function(lambda: model.train_step(batch))
    compiled.get_concrete_function()
    return lambda: float(compiled()["loss"]), counted.multiply_adds


def matmul_peak(precision, seconds=2.0):
    """FLOP/s of the fastest of square matrix products in `precision`'s compute type."""
    import tensorflow as tf

    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    best = 0.0
    for n in (1024, 2048):
        a = tf.cast(tf.random.stateless_normal([n, n], [0, 0]), dtype)
        product = tf.function(lambda a: tf.reduce_sum(tf.matmul(a, a)))
        product(a)
        end = time.perf_counter() + seconds / 2
        while time.perf_counter() < end:
            start = time.perf_counter()
            float(product(a))
            best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


def compare(precision, options):
    """Rows of the arms in one precision."""
    from simclr_med import compat

    peak = matmul_peak(precision)
    with compat.precision(precision):
        steps = {arm: build_step(arm, options) for arm in ARMS}
    for step, _ in steps.values():
        step(), step()
    times = {arm: [] for arm in ARMS}
    for turn in range(options.repeats):
        order = ARMS if turn % 2 == 0 else ARMS[::-1]
        for arm in order:
            start = time.perf_counter()
            steps[arm][0]()
            times[arm].append(time.perf_counter() - start)
    images, rows = 2 * options.batch_size, {}
    for arm in ARMS:
        seconds = statistics.median(times[arm])
        # Of the same turn, so that drift cancels.
        ratio = statistics.median(
            theirs / ours for theirs, ours in zip(times[PEER], times[arm], strict=True)
        )
        flops = 3 * 2 * steps[arm][1] * images / seconds
        rows[arm] = {
            "seconds": seconds,
            "ratio": ratio,
            "flops": flops,
            "share_of_matmul_peak": flops / peak,
        }
        print(
            f"{precision:15} {arm:20} {seconds:8.3f} s a step {ratio:6.2f} of the peer's speed "
            f"{flops / 1e9:9.1f} GFLOP/s, {flops / peak:5.2f} of a matrix product's",
            flush=True,
        )
    return {"matmul_flops": peak, **rows}


def build_seconds(arm):
    """Prints the seconds that building ResNet-152 takes."""
    import keras

    from simclr_med.encoders import encoder

    start = time.perf_counter()
    if arm == PEER:
        keras.applications.ResNet152(include_top=False, weights=None, pooling="avg")
    else:
        encoder.build_encoder(arm, 2.0, 224)
    print(json.dumps(time.perf_counter() - start))


def build_times():
    """The row of the build time."""
    ours, peer = (measured_apart(__file__, f"--build={arm}") for arm in ("resnet152", PEER))
    row = {"seconds": ours, "ratio_to_limit": ours / BUILD_LIMIT, "peer_seconds": peer}
    print(
        f"build of resnet152, width 2: {ours:.1f} s, {row['ratio_to_limit']:.2f} of the limit of "
        f"{BUILD_LIMIT:.0f} s; {PEER}.ResNet152, width 1: {peer:.1f} s",
        flush=True,
    )
    return row


def peak_memory(options):
    """Prints the MiB that this process takes at its peak beyond those before its first step."""
    step, _ = build_step("resnet152", options)
    print_peak(step, peak_kib(), repeats=2)


def ratios_of(result, precisions):
    """Return the ratios that have names in the table."""
    limit = f"seconds of building resnet152 / {BUILD_LIMIT:.0f}"
    ratios = {limit: result["build"]["ratio_to_limit"]}
    for cuts, row in result["gradient_checkpointing"].items():
        ratios[f"memory of resnet152, recomputed by {cuts} / none"] = row["memory_ratio"]
    for name in precisions:
        for arm in ARMS[1:]:
            ratios[f"{name}: speed of {arm} / {PEER}"] = result[name][arm]["ratio"]
    return ratios


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--batch_size", type=int, default=4, help="cases, of two views each")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--width", type=float, default=1.0, help="of ours; for a quick trial")
    parser.add_argument("--repeats", type=int, default=3, help="steps of each arm")
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=PRECISIONS,
        default=PRECISIONS if devices.fast_in_bfloat16() else PRECISIONS[:1],
        help="lines to measure; bfloat16 unasked only where the processor gains by it",
    )
    parser.add_argument("--gradient_checkpointing", default="none", help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--build", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        return build_seconds(options.build)
    if options.memory:
        return peak_memory(options)
    result = {"build": build_times()}
    names = ("batch_size", "image_size", "width")
    arguments = [f"--{name}={getattr(options, name)}" for name in names]
    memory = {
        cuts: measured_apart(__file__, *arguments, f"--gradient_checkpointing={cuts}", "--memory")
        for cuts in ("none", "stages", "blocks")
    }
    for cuts, row in memory.items():
        for key, of in (("mib", "memory_ratio"), ("seconds", "time_ratio")):
            row[of] = row[key] / memory["none"][key]
        print(
            f"gradient_checkpointing={cuts:7} {row['mib']:8.0f} MiB, {row['memory_ratio']:.2f} of "
            f"none's, in {row['time_ratio']:.2f} of its time",
            flush=True,
        )
    result["gradient_checkpointing"] = memory
    for precision in options.precisions:
        result[precision] = compare(precision, options)
    return conclude(options, GOALS, ratios_of(result, options.precisions), **result)


if __name__ == "__main__":
    sys.exit(run_main(main))
