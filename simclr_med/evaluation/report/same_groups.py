"""The groups of cases that several runs know, put together."""

import dataclasses

import numpy as np

from simclr_med.errors import InputError


def with_all_groups(by_run):
    """Return the runs' predictions, all with the groups that any of them knows.

    A group is a property of the cases, not of the run: runs may have been evaluated when the
    manifest had other columns.

    Args:
      by_run: name to `Predictions` of the same cases in the same order.

    Raises:
      InputError: two runs put a case into different levels.
    """
    names = dict.fromkeys(group for made in by_run.values() for group in made.groups)
    groups = {group: _levels(group, by_run) for group in names}
    return {name: dataclasses.replace(made, groups=groups) for name, made in by_run.items()}


def _levels(group, by_run):
    """Return `[N]`, the level of each case in any run that knows it."""
    having = {name: made for name, made in by_run.items() if group in made.groups}
    first = next(iter(having))
    levels = having[first].groups[group]
    for name, made in having.items():
        there = made.groups[group]
        differing = (levels != there) & (levels != "") & (there != "")
        if differing.any():
            row = int(differing.argmax())
            raise InputError(
                f"case {str(made.case_ids[row])!r} has {group} {str(levels[row])!r} in {first} "
                f"and {str(there[row])!r} in {name}"
            )
        levels = np.where(levels == "", there, levels)
    return levels
