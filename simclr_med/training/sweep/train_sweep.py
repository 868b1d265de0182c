"""A sweep: a grid of settings, the choice by validation, several seeds of it, then test, once.

    run(make_config("sweep", {"data_dir": "my_data", "work_dir": "work/sweep", "init": "run:..."}))

Azizi et al. 2021's protocol of fine-tuning and of linear probes. The runs of a head are made by
`FinetunedRuns` or `ProbedRuns`: both answer `tried`, which measures settings on validation, and
`finished`, which leaves the work folders of the chosen ones. Whoever reads a split other than those
trained on and validation does so here, when all is chosen and trained.
"""

import dataclasses
import pathlib

from simclr_med import graphs, progress
from simclr_med.config import sweeping
from simclr_med.data import manifest, requirements
from simclr_med.evaluation import sweep_picture
from simclr_med.evaluation.sweep_table import (
    CHOSEN,
    DONE,
    GRID,
    Outcome,
    SweepTable,
    spread,
    write_rows,
)
from simclr_med.runs import layout
from simclr_med.runs.claim import claimed_work_dir
from simclr_med.runs.lineage import start_of
from simclr_med.training.heads.head_loss import refuse_focal
from simclr_med.training.predict import predict_splits
from simclr_med.training.sweep.finetuned_runs import FinetunedRuns
from simclr_med.training.sweep.probed_runs import ProbedRuns

RUNS = {"linear_probe": ProbedRuns, "finetune": FinetunedRuns}


@graphs.as_written
def run(config):
    """Sweep into `config.work_dir`, or go on where a sweep was stopped.

    Raises:
      InputError: flags, data or work folder are wrong.
      RunError: every setting diverged with some fraction of the labels.
      StoppedError, KeyboardInterrupt: see `trainer.train`; the same command goes on.
    """
    data = manifest.read(config.data.data_dir)
    refuse_focal(config.head.focal_gamma, data.info, config.data.data_dir)
    requirements.refuse_unmet(config, data)
    with claimed_work_dir(config, data.fingerprint):
        runs = RUNS[config.sweep.head](config, data)
        table = SweepTable(config.work_dir)
        _try_grid(config, runs, table)
        chosen = [
            sweeping.repeats(config, table.best(trials, config.watch.choose_by))
            for trials in sweeping.by_fraction(config)
        ]
        _draw(config, table)
        folders = runs.finished([trial for trials in chosen for trial in trials])
        _test(config, table, folders)
        rows = spread(table, chosen, start_of(config))
        write_rows(pathlib.Path(config.work_dir) / layout.SUMMARY, rows)
        _tell(config, table, rows)


def _try_grid(config, runs, table):
    trials = sweeping.grid(config)
    left = [trial for trial in trials if not table.has(GRID, trial)]
    with progress.shown("sweep", "setting", len(trials), len(trials) - len(left)) as shown:
        for outcomes in runs.tried(left):
            table.add(GRID, outcomes)
            for trial, outcome in outcomes.items():
                if outcome.status != DONE:
                    progress.say(f"{trial.name}: {outcome.status} at step {outcome.step}")
            shown.to(sum(table.has(GRID, trial) for trial in trials))


def _draw(config, table):
    trials, name = sweeping.grid(config), f"validation_{config.watch.choose_by}"
    values = {trial: table.value(GRID, trial, name) for trial in trials}
    picture = pathlib.Path(config.work_dir) / layout.SWEEP_PICTURE
    sweep_picture.write_grid(picture, values, config.watch.choose_by)


def _test(config, table, folders):
    for trial, folder in folders.items():
        if table.has(CHOSEN, trial):
            continue
        single = sweeping.config_of(config, trial, folder)
        made = predict_splits(dataclasses.replace(single, evaluate=config.evaluate))
        results = made.write(folder, config.evaluate, config.seed)
        scalars = {
            f"{split}_{metric}": value["value"]
            for split, result in results.items()
            for metric, value in result["metrics"].items()
            if value["value"] is not None
        }
        table.add(CHOSEN, {trial: Outcome(DONE, made.weights.step, scalars)})


def _tell(config, table, rows):
    name = pathlib.Path(config.work_dir).name
    progress.say(f"{name}: from {rows[0]['start'] or config.head.init}")
    heading = None
    for row in rows:
        chosen = (
            f"{name}: {100 * float(row['label_fraction']):g} % of the labels, learning rate "
            f"{row['learning_rate']}, weight decay {row['weight_decay']}, chosen by validation "
            f"{config.watch.choose_by}; {row['split']}, {row['runs']} runs"
        )
        if chosen != heading:
            progress.say(chosen)
            heading = chosen
        if ":" not in row["metric"]:
            spread = f" ± {float(row['sd']):.3f} (sd)" if row["sd"] else ""
            progress.say(f"  {row['metric']:<28} {float(row['mean']):.3f}{spread}")
