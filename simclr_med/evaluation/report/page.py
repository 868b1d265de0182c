"""The report's page and its Markdown, from the work folders of runs."""

import pathlib

from simclr_med import files, html, stored, versions
from simclr_med.config.splits import SPLITS
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.evaluation.report.comparison import compare_runs
from simclr_med.evaluation.report.markdown import markdown_section
from simclr_med.evaluation.report.pictures import learning_curves, view_pictures
from simclr_med.evaluation.report.run_settings import compare_settings


def write_report(runs, output, *, title, drawn):
    """Write the page, and its tables as Markdown beside it; return the page's path.

    Args:
      runs: pairs (name, work folder of an evaluated head).
      output: the HTML file; the Markdown's name ends in .md.
      title: of the page.
      drawn: `bootstrap.Settings`.

    Raises:
      InputError: two runs of one name, or a folder that lacks what is compared.
    """
    folders = _folders(runs)
    config = {name: load_config(folder) for name, folder in folders.items()}
    comparisons = [
        compare_runs(split, by_run, drawn) for split, by_run in _by_split(folders).items()
    ]
    origins = {name: _origin(config[name]) for name in folders}
    page = html.render(
        "evaluation/report/report.html",
        title=title,
        names=list(folders),
        heads=sorted({c.mode.replace("_", " ") for c in config.values()}),
        comparisons=comparisons,
        settings=compare_settings(config, origins),
        curves=learning_curves(folders, origins),
        pictures=view_pictures(folders, origins),
        versions=versions.installed(),
    )
    output = pathlib.Path(output)
    lines = [line for comparison in comparisons for line in markdown_section(comparison)]
    files.write_text(output.with_suffix(".md"), "\n".join(lines) + "\n")
    files.write_text(output, page)
    return output


def _folders(runs):
    names = [name for name, _ in runs]
    if len(set(names)) < len(names):
        raise InputError(f"--runs: two runs of one name: {', '.join(names)}; use NAME=PATH")
    return {name: pathlib.Path(folder) for name, folder in runs}


def _by_split(folders):
    """Return split to (name to `Predictions`), of the splits that all runs have."""
    made = {name: _predictions(folder) for name, folder in folders.items()}
    splits = [s for s in SPLITS if all(s in by_split for by_split in made.values())]
    if not splits:
        raise InputError("--runs: no split that all of them have predictions of")
    return {split: {name: made[name][split] for name in made} for split in splits}


def _predictions(folder):
    """Return split to `Predictions` of one run."""
    found = sorted((folder / "predictions").glob("*.csv"))
    if not found:
        raise InputError(
            f"{folder} has no predictions: run --mode=evaluate --work_dir={folder} first"
        )
    kinds = {"other_class": (str, type(None))}
    other = stored.read_json(folder / "task.json", kinds, "put back a copy of it")["other_class"]
    return {path.stem: predictions.read(path, other) for path in found}


def _origin(config):
    """Return the work folder of the pretraining that a head started from, or None."""
    init = config.head.init
    return pathlib.Path(init.removeprefix("run:")) if init.startswith("run:") else None
