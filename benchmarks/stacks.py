"""TensorFlow 2.21 with Keras 3 beside 2.15 with Keras 2: step, pipeline, start, memory.

    make ready PYTHON=python3.13 VENV=.venv-current   # the other stack, once
    python benchmarks/stacks.py --json=stacks.json

The same work of ours, on the processor alone, in one run, turn about, each in a process of its own;
a ratio is of the current stack to the card's, the median over the pairs of a round. Parts:
  step      a pretraining step on images in memory, of each network in each precision
  pipeline  two views of 224 pixels of generated 640 x 480 JPEGs: images a second from the first
            batch on, with decoded images kept in memory as a run has it, and with --cache=none
  start     from the call of a command to its end: TensorFlow's import, the help, and a pretraining
            of one step, in which most is tracing; and the peak memory of each
  run       `run.py --mode=pretrain` on generated images: images a second from the second step on,
            and the peak memory of all its processes
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import startup
from benchmarks.apart import Failed, pairwise_ratio, watched
from benchmarks.machine import ROOT
from benchmarks.peer_parts import BATCH, PICTURE, compared, of_each, ours, rate, timeline_of
from benchmarks.peers import check
from benchmarks.pictures import photographs
from benchmarks.verdict import at_least, at_most, command_line, conclude, shown
from simclr_med.errors import InputError, RunError, run_main
from simclr_med.preparation import phantom

CARD, CURRENT = "card's", "current"
FOLDERS = {CARD: ".venv", CURRENT: ".venv-current"}
NETWORKS = ("resnet18:64:32", "resnet50:224:4")
PRECISIONS = ("float32", "mixed_bfloat16")
SECONDS, MIB = "s", "MiB"
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONPATH": str(ROOT),
}
SPEED, MEMORY = 0.95, 1.1  # the goals
SIDE, CASES = 64, 300  # of generated images


def steps(options, pythons, folder):
    """Yield the seconds of a step of every network in every precision."""
    for text in options.networks:
        name, side, cases = text.split(":")
        flags = [f"--network={name}", f"--image_size={side}", f"--batch_size={cases}"]
        for precision in options.precisions:
            commands = of_both(pythons, "step", *flags, f"--precision={precision}")
            answers = compared(commands, options.rounds, os.environ | ENVIRONMENT)
            yield f"step, {name}, {side} px, {precision}", SECONDS, of_each(answers, "seconds")


def pipelines(options, pythons, folder):
    """Yield the seconds an image of the input pipeline."""
    photographs(folder, max(1, options.images // BATCH) * BATCH, PICTURE)
    for name, flags in (("pipeline", ["--keep"]), ("pipeline, --cache=none", [])):
        commands = of_both(pythons, "pipeline", f"--images={folder}", *flags)
        answers = compared(commands, options.rounds, os.environ | ENVIRONMENT)
        rates = of_each(answers, "rate")
        yield name, SECONDS, {stack: [1 / each for each in rates[stack]] for stack in rates}


def starts(options, pythons, folder):
    """Yield the seconds of whole commands, and their peaks in MiB where one can tell."""
    commands = {name: startup.COMMANDS[name] for name in ("import tensorflow", "run --helpshort")}
    one_step = ["-m", "simclr_med.run", *pretraining(options, folder, steps=1)]
    for name, arguments in {**commands, "a run of one step": one_step}.items():
        seconds, peaks = {stack: [] for stack in pythons}, {stack: [] for stack in pythons}
        for number, stack in turns(options.run_rounds):
            work = [f"--work_dir={folder}/{stack}{number}"] if arguments is one_step else []
            start = time.perf_counter()
            _, peak = watched([pythons[stack], *arguments, *work], os.environ | ENVIRONMENT)
            seconds[stack].append(time.perf_counter() - start)
            peaks[stack].append(peak)
        yield f"start, {name}", SECONDS, seconds
        yield from told(f"start, {name}", peaks)


def runs(options, pythons, folder):
    """Yield the seconds an image of a whole run, and its peak in MiB where one can tell."""
    flags = pretraining(options, folder, options.steps)
    seconds, peaks = {stack: [] for stack in pythons}, {stack: [] for stack in pythons}
    for number, stack in turns(options.run_rounds):
        work = f"--work_dir={folder}/{stack}{number}"
        command = ours("run", "--", *flags, work, python=pythons[stack])
        printed, peak = watched(command, os.environ | ENVIRONMENT)
        seconds[stack].append(1 / rate(timeline_of(printed), options.batch_size))
        peaks[stack].append(peak)
    yield "run", SECONDS, seconds
    yield from told("run", peaks)


def told(name, peaks):
    """Yield the peaks where every one could be told."""
    if all(peaks[CARD] + peaks[CURRENT]):
        yield name, MIB, peaks


PARTS = {"step": steps, "pipeline": pipelines, "start": starts, "run": runs}


def of_both(pythons, *arguments):
    """Return each stack's command of our side of peers.py."""
    return {stack: ours(*arguments, python=python) for stack, python in pythons.items()}


def turns(rounds):
    """Yield (round, stack), the order of the stacks turned round each time."""
    for number in range(rounds):
        for stack in (CARD, CURRENT)[:: -1 if number % 2 else 1]:
            yield number, stack


def pretraining(options, folder, steps):
    """Generate images, and return the flags of a pretraining on them, but for its work folder."""
    none = dict.fromkeys(phantom.SPLITS, 0)
    config = phantom.PhantomConfig(**none | {"train": CASES, "image_size": SIDE})
    phantom.generate(folder / "data", config, workers=0)
    name, *_ = options.networks[0].split(":")
    return [
        "--mode=pretrain", f"--data_dir={folder}/data", f"--encoder={name}",
        f"--image_size={SIDE}", f"--batch_size={options.batch_size}", f"--steps={steps}",
        "--precision=float32",
    ]  # fmt: skip


def goal(part, name, unit):
    """Return the `Goal` of a part's ratio."""
    if unit == MIB:
        what = f"{name}: peak memory / {CARD}"
        return at_most(what, MEMORY) if part == "run" else shown(what)
    if part == "start":
        return shown(f"{name}: seconds / {CARD}")
    return at_least(f"{name}: speed / {CARD}", SPEED)


def ratio(wanted, values):
    """Return the ratio that a `Goal` is of: of speeds where more is wanted, else as measured."""
    over, under = (CARD, CURRENT) if wanted.sign == ">=" else (CURRENT, CARD)
    return pairwise_ratio(values[over], values[under])


def interpreters(options):
    """Return each stack's Python, and the versions that it has.

    Raises:
      InputError: one is missing, cannot run ours, or both have the same TensorFlow.
    """
    pythons, versions = {}, {}
    for stack, folder in ((CARD, options.card), (CURRENT, options.current)):
        pythons[stack] = str(folder / "bin" / "python")
        ask = [pythons[stack], "-c", "from simclr_med import packages; print(packages.versions())"]
        try:
            done = subprocess.run(
                ask, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            raise InputError(
                f"no {stack} stack at {folder}: `make ready VENV={FOLDERS[stack]} "
                f"PYTHON={'python3.11' if stack == CARD else 'python3.13'}` makes it"
            ) from None
        versions[stack] = done.stdout.strip()
    if versions[CARD].split(", ")[1:] == versions[CURRENT].split(", ")[1:]:
        raise InputError(f"{options.card} and {options.current} have the same: {versions[CARD]}")
    return pythons, versions


def parse(arguments=None):
    """Return the options.

    Raises:
      InputError: a part or a network is unknown.
    """
    parser = command_line(__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="which, with commas between")
    for flag, stack in (("--card", CARD), ("--current", CURRENT)):
        default = ROOT / FOLDERS[stack]
        parser.add_argument(flag, type=pathlib.Path, default=default, help="its environment")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="NAME:SIZE:CASES,...")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="of step")
    parser.add_argument("--rounds", type=int, default=3, help="of step and pipeline")
    parser.add_argument("--run_rounds", type=int, default=2, help="of start and run")
    parser.add_argument("--images", type=int, default=64, help="of pipeline")
    parser.add_argument("--batch_size", type=int, default=64, help="of run")
    parser.add_argument("--steps", type=int, default=8, help="of run, 3 or more")
    options = parser.parse_args(arguments)
    check(options, PARTS)
    options.precisions = options.precisions.split(",")
    return options


def main():
    """Measure the parts, print and conclude."""
    options = parse()
    pythons, versions = interpreters(options)
    for stack, line in versions.items():
        print(f"{stack:8} {line}")
    goals, ratios, measured = [], {}, {}
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            try:
                for name, unit, values in PARTS[part](options, pythons, pathlib.Path(folder)):
                    goals.append(goal(part, name, unit))
                    ratios[goals[-1].ratio] = ratio(goals[-1], values)
                    measured[f"{name}, {unit}"] = values
                    show(name, unit, values, ratios[goals[-1].ratio])
            except Failed as error:
                raise RunError(f"{part}: a measured process failed\n{error}") from None
    return conclude(options, goals, ratios, versions=versions, measured=measured)


def show(name, unit, values, found):
    """Print a line of the measurement."""
    card, current = (statistics.median(values[stack]) for stack in (CARD, CURRENT))
    print(f"{name:42} {card:9.4g} {current:9.4g} {unit:4} {found:.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(run_main(main))
