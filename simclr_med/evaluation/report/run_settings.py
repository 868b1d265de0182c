"""What differs between runs in their settings, pretraining's with them, and what does not."""

import dataclasses
import pathlib

from simclr_med.config import acting
from simclr_med.evaluation.starts import start_of


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
    """Return the `SettingsTable` of `Run`s; what one run alone has is the same in all that have it.

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
    return acting.described(config) | {"init": f"{kind}{colon}{pathlib.Path(path).name}"}
