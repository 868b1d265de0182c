"""The parts of peers.py: the commands of either side, and their ratios.

Each is called as part(options, environment, an empty folder) and returns goals, ratios and what
else was measured.
"""

import contextlib
import json
import math
import statistics
import subprocess
import sys

from benchmarks.apart import Worker, pairwise_ratio, take_turns, watched
from benchmarks.machine import ROOT
from benchmarks.pictures import photographs
from benchmarks.verdict import at_least, at_most, shown
from simclr_med.config.architectures import has_small_stem
from simclr_med.errors import RunError

STEP, RUN, MEMORY, PIPELINE = 1.0, 1.15, 1.0, 1.3  # the goals
OURS, PEER = "ours", "lightly-train"
ANEW = "ours, --cache=none"  # each image is decoded at each visit, as lightly-train does
RUN_SIZE, WORKERS = 64, 2
PICTURE, VIEW, BATCH, PASSES = (640, 480), 224, 32, 4


class Skipped(Exception):
    """A part that cannot be measured here; the message says why."""


def ours(*arguments, python=sys.executable):
    """Return the command of our side."""
    return [python, str(ROOT / "benchmarks" / "peer_ours.py"), *arguments]


def theirs(options, *arguments):
    """Return the command of the peers' side."""
    python = options.peers / "bin" / "python"
    return [str(python), str(ROOT / "benchmarks" / "peer_torch.py"), *arguments]


def compared(commands, rounds, env):
    """Return each command's answers; they are alive together and take turns."""
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(command, env)) for name, command in commands.items()
        }
        return take_turns(workers, rounds)


def of_each(answers, key):
    """Return name to the values under `key`, in order of the rounds."""
    return {name: [row[key] for row in rows] for name, rows in answers.items()}


def step_part(options, env, folder):
    """Return goals, ratios and seconds of every network's step."""
    goals, ratios, measured = [], {}, {}
    for network in options.networks:
        name, size, cases = network.split(":")
        flags = [f"--network={name}", f"--image_size={size}", f"--batch_size={cases}"]
        stem = ["--small_stem"] if has_small_stem(name, int(size)) else []
        commands = {
            OURS: ours("step", *flags),
            "PyTorch": theirs(options, "step", *flags, *stem),
            "PyTorch channels last": theirs(options, "step", *flags, *stem, "--channels_last"),
        }
        answers = compared(commands, options.rounds, env)
        weights = {arm: counts[0] for arm, counts in of_each(answers, "weights").items()}
        if len(set(weights.values())) > 1:
            raise RunError(f"{network}: the networks differ, weights: {weights}")
        seconds = of_each(answers, "seconds")
        for arm, limit in (("PyTorch", None), ("PyTorch channels last", STEP)):
            ratio = f"step, {name}, {size} px: speed / {arm}"
            ratios[ratio] = pairwise_ratio(seconds[arm], seconds[OURS])
            goals.append(at_least(ratio, limit) if limit else shown(ratio))
        for arm, values in seconds.items():
            print(f"{network:15} {arm:22} {statistics.median(values):7.3f} s a step", flush=True)
        measured[network] = seconds
    return goals, ratios, {"step_seconds": measured}


def run_part(options, env, folder):
    """Return goals, ratios, rates and memory of the whole run."""
    images, data = options.ham10000 / "images", folder / "data"
    if not images.is_dir():
        raise Skipped(f"run: no HAM10000 at {options.ham10000} (--ham10000=PATH names its folder)")
    prepare(options, env, data)
    arms = {
        OURS: lambda work: our_run(options, env, data, work),
        PEER: lambda work: their_run(options, env, images, work),
    }
    rates, peaks = {arm: [] for arm in arms}, {arm: [] for arm in arms}
    for number in range(options.run_rounds):
        for arm in list(arms)[:: -1 if number % 2 else 1]:
            timeline, peak = arms[arm](folder / f"{arm}{number}")
            rates[arm].append(rate(timeline, options.batch_size))
            peaks[arm].append(peak)
            held = f", peak {peak:.0f} MiB" if peak else ""
            print(f"run {arm:14} {rates[arm][-1]:7.1f} images/s{held}", flush=True)
    speed, memory = f"run: images a second / {PEER}", f"run: peak memory / {PEER}"
    ratios = {speed: pairwise_ratio(rates[OURS], rates[PEER])}
    if all(peaks[OURS] + peaks[PEER]):
        ratios[memory] = pairwise_ratio(peaks[OURS], peaks[PEER])
    goals = [at_least(speed, RUN), at_most(memory, MEMORY)]
    return goals, ratios, {"run_images_per_second": rates, "run_peak_mib": peaks}


def prepare(options, env, data):
    """Make a data set folder of the images at `data`."""
    command = [sys.executable, str(ROOT / "tools" / "prepare_data.py"), "--source=ham10000"]
    command += [f"--input={options.ham10000}", f"--output={data}", "--check_images=none"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)


def timeline_of(printed):
    """Return the end of each step from a run's output: {"steps": numbers, "times": seconds}."""
    return json.loads(printed.splitlines()[-1])


def rate(timeline, batch_size):
    """Return the images a second from the second step on.

    Args:
      timeline: of `timeline_of`.
    """
    steps, times = timeline["steps"], timeline["times"]
    return (steps[-1] - steps[1]) * batch_size / (times[-1] - times[1])


def our_run(options, env, data, work):
    """Return the timeline of our run and its peak, MiB."""
    command = [
        *ours("run", "--"), "--mode=pretrain", f"--data_dir={data}",
        f"--work_dir={work}", "--splits=train,validation,test", "--encoder=resnet18",
        f"--image_size={RUN_SIZE}", f"--batch_size={options.batch_size}",
        f"--steps={options.steps}", "--optimizer=adam", "--learning_rate=0.001",
        "--learning_rate_scaling=none", "--precision=float32",
    ]  # fmt: skip
    printed, peak = watched(command, env)
    return timeline_of(printed), peak


def their_run(options, env, images, work):
    """Return the timeline of lightly-train's run and its peak, MiB."""
    epochs = math.ceil(options.steps / (len(list(images.iterdir())) // options.batch_size))
    printed, peak = watched(
        theirs(
            options, "run", f"--images={images}", f"--output={work}", f"--image_size={RUN_SIZE}",
            f"--batch_size={options.batch_size}", f"--steps={options.steps}", f"--epochs={epochs}",
            f"--workers={WORKERS}",
        ),
        env,
    )  # fmt: skip
    return timeline_of(printed), peak


def pipeline_part(options, env, folder):
    """Return goals, ratios and rates of the input pipelines."""
    images = folder / "images"
    images.mkdir()
    photographs(images, max(1, options.images // BATCH) * BATCH, PICTURE)
    given = [f"--images={images}", f"--image_size={VIEW}", f"--batch_size={BATCH}"]
    loader = [f"--passes={PASSES}", f"--workers={WORKERS}", f"--output={folder / 'loader'}"]
    commands = {
        OURS: ours("pipeline", *given, "--keep"),
        ANEW: ours("pipeline", *given),
        PEER: theirs(options, "pipeline", *given, *loader),
    }
    rates = of_each(compared(commands, options.rounds, env), "rate")
    for arm, values in rates.items():
        print(f"pipeline {arm:14} {statistics.median(values):7.1f} images/s", flush=True)
    ratio = f"pipeline: images a second / {PEER}"
    without = f"pipeline, --cache=none: images a second / {PEER}"
    ratios = {
        ratio: pairwise_ratio(rates[OURS], rates[PEER]),
        without: pairwise_ratio(rates[ANEW], rates[PEER]),
    }
    return (
        [at_least(ratio, PIPELINE), shown(without)],
        ratios,
        {"pipeline_images_per_second": rates},
    )


PARTS = {"step": step_part, "run": run_part, "pipeline": pipeline_part}
