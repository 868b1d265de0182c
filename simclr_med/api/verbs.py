"""Verbs of the command as functions that return objects.

    run = simclr_med.pretrain("my_images", work_dir="work/simclr", steps=500)
    head = simclr_med.linear_probe("my_data", work_dir="work/probe", init=run)
    print(simclr_med.evaluate(head).metrics.loc["test"])

Keyword arguments have the names and defaults of the command's flags. Each verb writes the files
that the command writes, goes on where it was stopped, and prints nothing unless `verbose` is true.
Ctrl-C stops a training after the step under way, saved, with KeyboardInterrupt.
"""

import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from simclr_med import modes, progress
from simclr_med.api import keyword_arguments as keywords
from simclr_med.api import types
from simclr_med.api.calling import calling
from simclr_med.api.results import (
    Answers,
    Comparison,
    DataSet,
    Evaluation,
    Features,
    Folder,
    Report,
    Run,
)
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.preparation import any_images
from simclr_med.preparation.any_images import Images

if TYPE_CHECKING:  # Python has it from 3.11 on
    from typing_extensions import Unpack

Path: TypeAlias = str | os.PathLike[str]


def prepare(
    input: Images,
    output: Path,
    *,
    source: str | None = None,
    verbose: bool = False,
    **settings: Any,
) -> DataSet:
    """Make a data set folder of images, with splits, checks and a card; see docs/data.md.

    Args:
      input: a folder of images, a CSV file, a list of image files, or a DataFrame whose columns are
        those of a manifest: image, and perhaps case_id, patient_id, split, labels.
      output: the new folder.
      source: reader of `input`, such as "ham10000"; by default "folders", and "csv" of a file.
      verbose: print notes and progress.
      settings: flags of `simclr-med prepare`, those of the source too.

    Raises:
      InputError: a setting or a row is wrong; nothing is written then.

    Example:
      >>> data = simclr_med.prepare("photographs", "work/data")  # doctest: +SKIP
    """
    with calling(verbose):
        notes = any_images.prepared(input, output, source, settings)
        for note in notes:
            progress.say(note)
    return DataSet(pathlib.Path(output), tuple(notes))


@keywords.shown_by("pretrain")
def pretrain(
    data_dir: Images,
    *,
    work_dir: Path,
    seed: int = 0,
    verbose: bool = False,
    hours: float | None = None,
    **settings: "Unpack[types.Pretrain]",
) -> Run:
    """Pretrain an encoder by SimCLR, or by MICLe with positives="case", or go on where it stopped.

    Args:
      data_dir: a data set folder; or a folder of images, a CSV file, a list of image files or a
        DataFrame, of which one is made in the work folder.
      work_dir: folder that everything is written to.
      seed: of all random numbers.
      verbose: print notes and progress.
      hours: choose the settings that are not given for the images and this machine, and the steps
        for that time; None takes the flags' defaults, which are the paper's.
      settings: flags of `simclr-med pretrain`.

    Raises:
      InputError: a setting, the images or the work folder are wrong.
      RunError: the loss is not finite, or a disk is full; what was saved stays.
      KeyboardInterrupt: Ctrl-C, after the step is saved: the same call goes on.

    Example:
      >>> run = simclr_med.pretrain("my_images", work_dir="work/a", steps=500)  # doctest: +SKIP
    """
    if hours is None:
        return _trained("pretrain", data_dir, work_dir, seed, verbose, settings)
    given = keywords.checked("pretrain", dict(settings))
    given |= {"work_dir": os.fspath(work_dir), "seed": seed}
    with calling(verbose):
        modes.run(modes.fitted(data_dir, given, hours))
    return Run(pathlib.Path(work_dir))


@keywords.shown_by("linear_probe")
def linear_probe(
    data_dir: Images,
    *,
    work_dir: Path,
    seed: int = 0,
    verbose: bool = False,
    **settings: "Unpack[types.LinearProbe]",
) -> Run:
    """Train a linear classifier on the features of a frozen encoder; arguments as of `pretrain`.

    `init` is a `Run`, or text: "random", "run:PATH" or "imported:PATH".

    Example:
      >>> head = simclr_med.linear_probe("my_data", work_dir="b", init=run)  # doctest: +SKIP
    """
    return _trained("linear_probe", data_dir, work_dir, seed, verbose, settings)


@keywords.shown_by("finetune")
def finetune(
    data_dir: Images,
    *,
    work_dir: Path,
    seed: int = 0,
    verbose: bool = False,
    **settings: "Unpack[types.Finetune]",
) -> Run:
    """Train a classifier and its encoder together; arguments as of `linear_probe`.

    Example:
      >>> head = simclr_med.finetune("my_data", work_dir="c", init=run)  # doctest: +SKIP
    """
    return _trained("finetune", data_dir, work_dir, seed, verbose, settings)


@keywords.shown_by("sweep")
def sweep(
    data_dir: Images,
    *,
    work_dir: Path,
    seed: int = 0,
    verbose: bool = False,
    **settings: "Unpack[types.Sweep]",
) -> Run:
    """Train heads of several settings and keep the best on validation, one a label fraction.

    The runs that are kept are `chosen` of the result. Arguments as of `linear_probe`.

    Example:
      >>> found = simclr_med.sweep("my_data", work_dir="d", init=run)  # doctest: +SKIP
    """
    return _trained("sweep", data_dir, work_dir, seed, verbose, settings)


@keywords.shown_by("evaluate")
def evaluate(
    work_dir: Path,
    data_dir: Path | None = None,
    *,
    seed: int | None = None,
    verbose: bool = False,
    **settings: "Unpack[types.Evaluate]",
) -> Evaluation:
    """Evaluate a head's run on splits of its data set, or of another of the same classes.

    Args:
      work_dir: a run with a head, or its folder.
      data_dir: data set folder; by default the run's.
      seed: of the bootstrap; by default the run's.
      verbose: print the metrics and progress.
      settings: flags of `simclr-med evaluate`.

    Raises:
      InputError: the run has no trained head, or the data are not its.

    Example:
      >>> simclr_med.evaluate(head).metrics.loc["test"]  # doctest: +SKIP
    """
    _of_existing("evaluate", work_dir, data_dir, seed, verbose, settings)
    return Evaluation(pathlib.Path(work_dir))


@keywords.shown_by("export")
def export(
    work_dir: Path,
    data_dir: Path | None = None,
    *,
    verbose: bool = False,
    **settings: "Unpack[types.Export]",
) -> Folder:
    """Export a run as a SavedModel, ONNX, TFLite or safetensors, checked; return its folder.

    Args:
      work_dir: a run that has ended, or its folder.
      data_dir: data set folder whose images check the export; by default the run's.
      verbose: print notes.
      settings: flags of `simclr-med export`.

    Raises:
      InputError: the run has not ended, or the format is not for it.
      RunError: the export's answers are not evaluation's; nothing is left of it.

    Example:
      >>> folder = simclr_med.export(head, export_format="savedmodel")  # doctest: +SKIP
    """
    return Folder(_of_existing("export", work_dir, data_dir, None, verbose, settings))


@keywords.shown_by("report")
def report(
    runs: Path | Iterable[Path] | Mapping[str, Path | Iterable[Path]],
    *,
    work_dir: Path,
    seed: int = 0,
    verbose: bool = False,
    **settings: "Unpack[types.Report]",
) -> Report:
    """Write a page that compares evaluated runs, or files of predictions.

    Args:
      runs: name to run, or to the runs of several seeds; or runs alone, called by their folders.
      work_dir: folder of the page.
      seed: of the bootstrap.
      verbose: print the paths.
      settings: flags of `simclr-med report`.

    Raises:
      InputError: the runs are not of the same cases, or are not evaluated.

    Example:
      >>> simclr_med.report({"A": "a", "B": "b"}, work_dir="page").page  # doctest: +SKIP
    """
    given = keywords.checked("report", dict(settings))
    given |= {"work_dir": os.fspath(work_dir), "seed": seed, "runs": tuple(_named(runs))}
    with calling(verbose):
        modes.run(make_config("report", given))
    return Report(pathlib.Path(work_dir))


@keywords.shown_by("predict")
def predict(
    model: Path,
    images: Path,
    *,
    work_dir: Path,
    verbose: bool = False,
    **settings: "Unpack[types.Predict]",
) -> Answers:
    """Predict new images with a head's run or an export of one.

    Args:
      model: a run, its folder, or an export's folder.
      images: an image, a DICOM file, a folder of them, or a CSV file with the column image.
      work_dir: the new folder of the answers.
      verbose: print notes and progress.
      settings: flags of `simclr-med predict`.

    Raises:
      InputError: model or images are none, or the folder is there already.

    Example:
      >>> simclr_med.predict(head, "new", work_dir="answers").predictions  # doctest: +SKIP
    """
    return Answers(_bulk("predict", model, images, work_dir, verbose, settings))


@keywords.shown_by("embed")
def embed(
    model: Path,
    images: Path,
    *,
    work_dir: Path,
    verbose: bool = False,
    **settings: "Unpack[types.Embed]",
) -> Features:
    """Write the encoder's features of new images; arguments as of `predict`.

    Example:
      >>> simclr_med.embed(run, "new", work_dir="features").features.shape  # doctest: +SKIP
    """
    return Features(_bulk("embed", model, images, work_dir, verbose, settings))


def bootstrap(
    models: Mapping[str, Path | Iterable[Path]],
    *,
    baseline: str | None = None,
    margin: float | None = None,
    replicates: int = 1000,
    confidence: float = 0.95,
    unit: str = "auto",
    interval: str = "auto",
    seed: int = 0,
    other_class: str | None = "Other",
) -> Comparison:
    """Compare models on the same cases by the paired bootstrap.

    Args:
      models: name to a file of predictions; or to several, the seeds of a method.
      baseline: name of the model that the others are compared with; None compares all pairs.
      margin: of non-inferiority, or None.
      replicates, confidence, unit, interval, seed: as of `simclr-med evaluate`'s flags.
      other_class: class that average sensitivities leave out; None for none.

    Raises:
      InputError: the files are not of the same cases.

    Example:
      >>> simclr_med.bootstrap({"A": "a.csv", "B": "b.csv"}).differences  # doctest: +SKIP
    """
    from simclr_med.evaluation import predictions
    from simclr_med.evaluation.comparisons import over_seeds, paired
    from simclr_med.evaluation.intervals.bootstrap import Settings

    drawn = Settings(replicates, confidence, unit, interval, seed)
    read = {
        name: [predictions.read(path, other_class) for path in _several(paths)]
        for name, paths in models.items()
    }
    with calling(False):
        if any(len(runs) > 1 for runs in read.values()):
            return Comparison(over_seeds.compare_methods(read, drawn, baseline, margin))
        of_one = {name: only for name, (only,) in read.items()}
        return Comparison(paired.compare(of_one, drawn, baseline, margin))


def compare(
    data_dir: Images,
    *,
    work_dir: Path,
    verbose: bool = False,
    **options: Any,
) -> list[Report]:
    """Compare ways to pretrain: random, SimCLR, MICLe, one after the other; from images to reports.

    Each training runs in a process of its own, and all are ordinary runs in `work_dir`. Stopped,
    the same call goes on.

    Args:
      data_dir: a data set folder with labels; or a folder of images by class, a CSV file or a
        DataFrame with the column labels, of which one is made in the work folder.
      work_dir: folder of the runs and the reports.
      verbose: print progress and the tables.
      options: those of `simclr-med compare`.

    Returns:
      A report a label fraction.

    Raises:
      InputError: an option or the data are wrong.
      RunError: a training could not go on.

    Example:
      >>> (page,) = simclr_med.compare("my_data", work_dir="work/all")  # doctest: +SKIP
    """
    from simclr_med.command import compare as command

    given = [f"--{name}={_text(value)}" for name, value in options.items() if value is not None]
    with calling(verbose):
        asked = command.parse([*given, "--data_dir=given", f"--work_dir={os.fspath(work_dir)}"])
        asked.data_dir = data_dir
        pages = command.run(asked)
    return [Report(page.parent) for page in pages]


def load_run(path: Path) -> Run:
    """Return the run in a work folder, or the imported weights in a folder.

    Raises:
      InputError: the folder holds neither.

    Example:
      >>> simclr_med.load_run("work/a").settings["steps"]  # doctest: +SKIP
    """
    load_config(path)
    return Run(pathlib.Path(path))


def _trained(mode, images, work_dir, seed, verbose, settings):
    given = keywords.checked(mode, settings) | {"work_dir": os.fspath(work_dir), "seed": seed}
    with calling(verbose):
        modes.run(modes.planned(mode, images, given))
    return Run(pathlib.Path(work_dir))


def _of_existing(mode, work_dir, data_dir, seed, verbose, settings):
    given = keywords.checked(mode, settings)
    if data_dir is not None:
        given["data_dir"] = os.fspath(data_dir)
    if seed is not None:
        given["seed"] = seed
    with calling(verbose):
        return modes.run(for_existing_run(mode, os.fspath(work_dir), given))


def _bulk(mode, model, images, work_dir, verbose, settings):
    given = keywords.checked(mode, settings)
    given |= {"model": os.fspath(model), "images": os.fspath(images)}
    with calling(verbose):
        modes.run(make_config(mode, {**given, "work_dir": os.fspath(work_dir)}))
    return pathlib.Path(work_dir)


def _text(value):
    """Return a value as an option of a command line has it."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={os.fspath(path)}" for name, path in value.items())
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _several(paths):
    """Return a list of paths of one path, or of several."""
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)


def _named(runs):
    """Yield PATH or NAME=PATH of runs, as --runs has them."""
    if not isinstance(runs, Mapping):
        yield from (os.fspath(path) for path in _several(runs))
        return
    for name, paths in runs.items():
        if "=" in name or "," in name:
            raise InputError(f"runs: {name!r}: expected a name without = and ,")
        yield from (f"{name}={os.fspath(path)}" for path in _several(paths))
