"""The paper's grid of linear probes, 28 settings x 3 label fractions, at once beside one by one.

    python benchmarks/linear_probe.py --json=linear_probe.json

Both begin with a pretrained encoder and a data set folder and end with every probe's accuracy on
validation. At once: features computed once, then one batched problem. One by one: a run of
`--mode=linear_probe` for each setting and fraction, in one process, without what starting 84 would
cost, and without measuring anything but the last step; it computes the features of its images each
time, as it did before they were kept. A second loop is given the kept features, and shows what the
batched problem alone is worth. Since 84 runs take long, the loops do a part, evenly spread over the
grid, and their time is scaled up.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.verdict import at_least, at_most, command_line, conclude, shown
from simclr_med.errors import run_main

GOALS = (
    at_least("one by one / at once", 20, "features included; the aim is 50"),
    shown("one by one on kept features / at once on kept features"),
    at_most("largest difference of accuracy, points", 0.5),
)
FRACTIONS = ("0.1", "0.5", "1")
PRETRAINING = {
    "encoder": "resnet18", "width": 0.5, "image_size": 64, "steps": 10, "batch_size": 64,
    "optimizer": "adam", "learning_rate": 0.001, "learning_rate_scaling": "none",
}  # fmt: skip


def main():
    """Measure, compare and print."""
    parser = command_line(__doc__)
    parser.add_argument("--cases", type=int, default=1500, help="labelled, to train on")
    parser.add_argument("--steps", type=int, default=500, help="of each probe")
    parser.add_argument("--loops", type=int, default=4, help="of 84 runs, those that are timed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, pathlib.Path(folder))


def measure(options, folder):
    """Return the exit code of the benchmark, done in `folder`."""
    from simclr_med.config import sweeping
    from simclr_med.config.checked_config import make_config
    from simclr_med.training import pretrain

    given = {"data_dir": str(data_set(folder / "data", options.cases))}
    pretrain.run(make_config("pretrain", given | PRETRAINING | {"work_dir": str(folder / "start")}))
    given |= {"init": f"run:{folder / 'start'}", "steps": options.steps, "batch_size": 64}
    given |= {"features_dir": str(folder / "features"), "work_dir": str(folder / "sweep")}
    config = make_config("sweep", given | {"label_fractions": FRACTIONS})
    trials = sweeping.grid(config)
    once, together = timed(at_once, config)
    again, _ = timed(at_once, config)  # whose features are kept
    some = trials[:: len(trials) // options.loops][: options.loops]
    keeping = dataclasses.replace(config.data, features_gib=0.0)
    plain = dataclasses.replace(config, data=keeping)
    each, alone = timed(one_by_one, plain, some, folder / "plain")
    on_kept, _ = timed(one_by_one, config, some, folder / "kept")
    scale = len(trials) / len(some)
    points = max(100 * abs(together[trial] - alone[trial]) for trial in some)
    ratios = {
        "one by one / at once": scale * each / once,
        "one by one on kept features / at once on kept features": scale * on_kept / again,
        "largest difference of accuracy, points": points,
    }
    seconds = {"at once": once, "at once, kept": again, "one by one": scale * each}
    seconds["one by one, kept"] = scale * on_kept
    for name, took in seconds.items():
        print(f"{name:24} {took:8.1f} s for {len(trials)} probes")
    return conclude(options, GOALS, ratios, seconds=seconds)


def data_set(folder, cases):
    """Make and return a generated data set with so many cases to train on."""
    from simclr_med.preparation import phantom

    phantom.generate(
        folder,
        phantom.PhantomConfig(
            train=cases, validation=400, test=10, external=10, unlabelled=64, image_size=64
        ),
    )
    return folder


def timed(function, *arguments):
    """Return the seconds that a call took, and its result."""
    begin = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - begin, result


def at_once(config):
    """Return `{trial: accuracy on validation}` of the whole grid."""
    from simclr_med.config import sweeping
    from simclr_med.data import manifest
    from simclr_med.training.sweep.probed_runs import ProbedRuns

    runs = ProbedRuns(config, manifest.read(config.data.data_dir))
    (outcomes,) = runs.tried(sweeping.grid(config))
    return {t: outcome.scalars["validation_top1_accuracy"] for t, outcome in outcomes.items()}


def one_by_one(config, trials, folder):
    """Return the same of some trials, each an ordinary run, looked at when it has ended."""
    from simclr_med.config import sweeping
    from simclr_med.training.heads import train_head
    from simclr_med.training.sweep.finetuned_runs import outcome_of

    found = {}
    for trial in trials:
        single = sweeping.config_of(config, trial, folder / trial.name)
        watch = dataclasses.replace(config.watch, validate_every=config.train.steps)
        train_head.run(dataclasses.replace(single, watch=watch))
        scalars = outcome_of(folder / trial.name).scalars
        found[trial] = scalars["validation_top1_accuracy"]
    return found


if __name__ == "__main__":
    sys.exit(run_main(main))
