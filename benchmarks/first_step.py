"""A pretraining of one step, start to end, beside the same with functions rewritten by AutoGraph.

    python benchmarks/first_step.py --json=first_step.json

Both in processes of their own, turn about; processor's seconds, the median over the pairs of a
round. AutoGraph is what TensorFlow does unless it is told otherwise, see simclr_med/graphs.py.
"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import ROOT
from benchmarks.verdict import at_most, command_line, conclude
from simclr_med.errors import RunError, run_main
from simclr_med.preparation import phantom

RATIO = "as written / AutoGraph, processor's time of a run of one step"
GOALS = (at_most(RATIO, 0.9),)
BEFORE = {
    "as written": "",
    "AutoGraph": "import simclr_med, tensorflow as tf\nfrom simclr_med import graphs\n"
    "graphs.as_written, graphs.function = lambda function: function, tf.function\n",
}
RUN = "from simclr_med import run\nrun.entry_point()"


def seconds(arm, flags):
    """Return the processor's seconds of a run, its children's included.

    Raises:
      RunError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", BEFORE[arm] + RUN, *flags],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        raise RunError(f"{arm}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    took = {arm: [] for arm in BEFORE}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sizes = {"train": 16, "validation": 2, "test": 2, "external": 2, "unlabelled": 2}
        phantom.generate(folder / "data", phantom.PhantomConfig(**sizes, image_size=64))
        flags = ["--mode=pretrain", f"--data_dir={folder / 'data'}", "--steps=1", "--batch_size=8"]
        flags += [f"--{n}={getattr(options, n)}" for n in ("encoder", "width", "image_size")]
        for turn in range(options.rounds):
            for arm in list(BEFORE)[:: 1 if turn % 2 else -1]:
                took[arm].append(seconds(arm, [*flags, f"--work_dir={folder}/{arm}{turn}"]))
    for arm, values in took.items():
        print(f"{arm:12} {statistics.median(values):7.2f} s of a processor")
    pairs = zip(*took.values(), strict=True)
    return conclude(options, GOALS, {RATIO: statistics.median(a / b for a, b in pairs)}, took=took)


if __name__ == "__main__":
    sys.exit(run_main(main))
