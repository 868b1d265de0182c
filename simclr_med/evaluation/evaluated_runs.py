"""Runs as a reader finds them: predictions of splits, and how they came about where that is known.

    run = read_run("SimCLR", "work/probe")
    run.predictions["test"], run.config.data.label_fraction

A work folder, a folder of predictions made elsewhere, or one CSV file of them are all runs. Runs
given under one name are one method's, one a seed, as are the chosen runs of a sweep.
"""

import dataclasses
import pathlib
from collections.abc import Iterable

from simclr_med.config.fields import Config
from simclr_med.config.splits import SPLITS
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.evaluation.by_image import file_of
from simclr_med.evaluation.evaluate import former_results, notes_on
from simclr_med.files import paths
from simclr_med.runs import layout
from simclr_med.runs.lineage import stages_before
from simclr_med.runs.task import Task


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One model's predictions.

    Attributes:
      name: in tables.
      path: of the work folder, or of the one file.
      files: name of a split to its CSV file, in the order of `splits.SPLITS`; then those by image.
      predictions: name of a split to `Predictions`.
      config: of the head's training; None where it was trained elsewhere.
      stages: `lineage.Stage`s that it started from, the nearest first; without what is no longer
        there.
      lost: path of the first stage that is no longer there, or "".
      by_image: name of a split to `Predictions` by image, of those that have some.
      notes: name of a split to what its evaluation had to say of the cases, a list.
    """

    name: str
    path: pathlib.Path
    files: dict
    predictions: dict
    config: Config | None = None
    stages: tuple = ()
    lost: str = ""
    by_image: dict = dataclasses.field(default_factory=dict)
    notes: dict = dataclasses.field(default_factory=dict)

    @property
    def pretraining(self):
        """The nearest `lineage.Stage` that was a contrastive training, or None."""
        return next((stage for stage in self.stages if stage.config.mode == "pretrain"), None)


def read_runs(pairs: Iterable[tuple[str, str]]) -> list[Run]:
    """Return the `Run`s of pairs (name, path), see `read_methods`."""
    return [run for runs in read_methods(pairs).values() for run in runs]


def read_methods(pairs: Iterable[tuple[str, str]]) -> dict[str, list[Run]]:
    """Return name -> list of `Run`s, one a seed; several are called "NAME, run 1" and so on.

    Args:
      pairs: (name, path); paths of one name are runs of one method. The work folder of a sweep
        stands for its chosen runs; several shares of the labels are methods of their own.

    Raises:
      InputError: a run is given twice, or see `read_run`.
    """
    methods, seen = {}, set()
    for name, path in _chosen_of_sweeps(pairs):
        given = (name, pathlib.Path(path).resolve())
        if given in seen:
            raise InputError(f"{path} is given twice as a run of {name}; expected each run once")
        seen.add(given)
        methods.setdefault(name, []).append(path)
    return {
        name: [
            read_run(f"{name}, run {number}" if len(paths_) > 1 else name, path)
            for number, path in enumerate(paths_, 1)
        ]
        for name, paths_ in methods.items()
    }


def named(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs (name, path) of texts PATH or NAME=PATH; a path's name is its last part.

    Raises:
      InputError: two paths without a name have the same last part: they are not taken for seeds.
    """
    pairs, own = [], []
    for text in texts:
        name, path = paths.name_and_path(text)
        if not name:
            last = pathlib.Path(path)
            own.append(last.stem if last.is_file() else last.name)
        pairs.append((name or own[-1], path))
    names = [name for name, _ in pairs]
    twice = next((name for name in own if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two runs of one name: {twice}; use NAME=PATH")
    return pairs


def _chosen_of_sweeps(pairs):
    """Return pairs (name, path), a sweep's folder replaced by its chosen runs."""
    found = []
    for name, path in pairs:
        folder = pathlib.Path(path)
        if not layout.holds_run(folder) or load_config(folder).mode != "sweep":
            found.append((name, path))
            continue
        chosen = layout.chosen_runs(folder)
        if not chosen:
            raise InputError(f"{folder} has no chosen runs: the sweep is not done; start it again")
        shares = [load_config(run).data.label_fraction for run in chosen]
        for run, share in zip(chosen, shares, strict=True):
            label = f", {100 * share:g} % of the labels" if len(set(shares)) > 1 else ""
            found.append((name + label, run))
    return found


def read_run(name: str, path: str | pathlib.Path) -> Run:
    """Return a `Run`.

    Args:
      name: in tables.
      path: a work folder of an evaluated head; a folder that holds predictions/*split*.csv or
        *split*.csv, and those by image beside them; or one CSV file, which is taken for the test
        split unless its name says another. docs/predictions.md has the format.

    Raises:
      InputError: nothing of the kind is there, or a file is damaged.
    """
    path = paths.to_read(path)
    if path.is_file():
        split = path.stem if path.stem in SPLITS else "test"
        return Run(name, path, {split: path}, {split: predictions.read(path)})
    files = _prediction_files(path)
    read = {split: predictions.read(file, _other_class(path)) for split, file in files.items()}
    images = {split: file_of(file) for split, file in files.items() if file_of(file).exists()}
    by_image = {split: predictions.read(file) for split, file in images.items()}
    files |= {f"{split}, by image": file for split, file in images.items()}
    notes = {split: notes_on(result) for split, result in former_results(path).items()}
    if not layout.holds_run(path):
        return Run(name, path, files, read, by_image=by_image, notes=notes)
    config = load_config(path)
    stages, lost = stages_before(config)
    return Run(name, path, files, read, config, stages, lost, by_image, notes)


def _prediction_files(folder):
    found = sorted((folder / layout.PREDICTIONS).glob("*.csv"))
    if not found and not layout.holds_run(folder):
        found = sorted(file for file in folder.glob("*.csv") if file.stem in SPLITS)
    if not found:
        raise InputError(
            f"{folder} has no predictions: run --mode=evaluate --work_dir={folder} first"
        )
    by_split = {file.stem: file for file in found}
    return {split: by_split[split] for split in SPLITS if split in by_split}


def _other_class(folder):
    """Return the class that is left out of sensitivities, as task.json says where there is one."""
    task = Task.found(folder)
    return task.other_class if task else predictions.DEFAULT_OTHER
