"""Settings of runs, those that differ and those that do not; pretraining's too."""

import dataclasses
import pathlib
from typing import NamedTuple

from simclr_med.config import checks
from simclr_med.files import atomic, stored
from simclr_med.runs import layout
from simclr_med.runs.lineage import start_of


@dataclasses.dataclass(frozen=True)
class SettingsTable:
    """The settings of several runs.

    Attributes:
      differing: setting to its text in each run, None where a run has no such setting.
      same: setting to its text.
      without_pretraining: names of the runs that began at random.
    """

    differing: dict
    same: dict
    without_pretraining: list


def compare_settings(runs):
    """Return the `SettingsTable` of `Run`s; a setting of one run alone counts as the same.

    Runs that were trained elsewhere have no settings.
    """
    described = {run.name: _of_run(run) for run in runs}
    differing, same = {}, {}
    for key in dict.fromkeys(key for settings in described.values() for key in settings):
        values = [settings.get(key) for settings in described.values()]
        there = [value for value in values if value is not None]
        if len(set(there)) > 1:
            differing[key] = values
        else:
            same[key] = there[0]
    without = [run.name for run in runs if run.config and run.config.head.init == "random"]
    return SettingsTable(differing, same, without)


def _of_run(run):
    """Return every setting that acts, name to text; the pretraining's with its name before."""
    if run.config is None:
        return {}
    described = _described(run.config)
    if start := start_of(run.config):
        described["start"] = start
    if run.pretraining is not None:
        before = _described(run.pretraining.config)
        described |= {f"pretraining: {key}": value for key, value in before.items()}
    return described


def _described(config):
    kind, colon, path = config.head.init.partition(":")
    # A whole path would say more of the machine than of the run.
    return checks.described(config) | {"init": f"{kind}{colon}{pathlib.Path(path).name}"}


class Picture(NamedTuple):
    """A PNG with its caption."""

    caption: str
    png: bytes


def view_pictures(runs):
    """Return a `Picture` for each views.png among `Run`s and their pretraining.

    Runs may share a pretraining: its views are shown once.
    """
    captions = {}
    for run in runs:
        if run.pretraining is not None:
            path = run.pretraining.folder / layout.VIEWS
            captions.setdefault(path, f"{run.name}: the first pairs of its pretraining")
    for run in runs:
        if run.config is not None:
            path = run.path / layout.VIEWS
            captions[path] = f"{run.name}: the first examples of its fine-tuning"
    return [
        Picture(f"{caption}; the original, its views, a second original.", path.read_bytes())
        for path, caption in captions.items()
        if path.exists()
    ]


class Origin(NamedTuple):
    """Origin of one run's numbers.

    Attributes:
      name: of the run.
      seed: of its training, None where it was trained elsewhere.
      data: SHA-256 of the data set that it was trained on, "" where unknown.
      predictions: split to the SHA-256 of its CSV file.
      versions: of what it was trained with, as one line, "" where unknown.
    """

    name: str
    seed: int | None
    data: str
    predictions: dict
    versions: str


def origins(runs):
    """Return the `Origin` of each `Run`."""
    return [
        Origin(
            run.name,
            None if run.config is None else run.config.seed,
            _text_of(run.path / layout.DATA),
            {split: atomic.sha256(file) for split, file in run.files.items()},
            _text_of(run.path / layout.VERSIONS),
        )
        for run in runs
    ]


def _text_of(file):
    return stored.read_text(file, "put back a copy of it").strip() if file.is_file() else ""
