"""Predictions of several models brought to the same cases in the same order, or refused."""

import dataclasses

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.intervals.resampling import units_of

SHOWN = 5  # differences of a kind that a message lists


def aligned(models):
    """Return name -> `Predictions`, all with the cases of the first, in its order.

    Args:
      models: name -> `Predictions`, two or more.

    Raises:
      InputError: they differ in task, classes, cases, truth, patients or thresholds' findings; the
        differences are listed.
    """
    (first, a), *others = models.items()
    together = {first: a}
    for name, b in others:
        _same_task(first, a, name, b)
        _same_cases(first, a, name, b)
        row = {case_id: number for number, case_id in enumerate(b.case_ids.tolist())}
        b = b.take(np.array([row[case_id] for case_id in a.case_ids.tolist()], int))
        same = (a.truth == b.truth) | (np.isnan(a.truth) & np.isnan(b.truth))
        _refuse(a.case_ids[~same.all(1)], f"have another truth in {first} than in {name}")
        other = units_of(a, "patient").index != units_of(b, "patient").index
        _refuse(a.case_ids[other], f"have another patient in {first} than in {name}")
        together[name] = b
    return together


def _same_task(first, a, name, b):
    if a.task != b.task:
        raise InputError(f"{first} is {a.task}, {name} {b.task}: they cannot be compared")
    if a.classes != b.classes:
        only = {
            first: [c for c in a.classes if c not in b.classes],
            name: [c for c in b.classes if c not in a.classes],
        }
        listed = [f"in {model} alone: {_listed(names)}" for model, names in only.items() if names]
        detail = (
            "; ".join(listed) or f"the same in another order: {list(a.classes)}, {list(b.classes)}"
        )
        raise InputError(f"{first} and {name} must have the same classes; {detail}")
    if a.thresholds.keys() != b.thresholds.keys():
        raise InputError(f"{first} and {name} must both have thresholds, or neither")


def _same_cases(first, a, name, b):
    alone = {
        first: a.case_ids[~np.isin(a.case_ids, b.case_ids)],
        name: b.case_ids[~np.isin(b.case_ids, a.case_ids)],
    }
    parts = [f"in {model} alone: {_listed(ids)}" for model, ids in alone.items() if len(ids)]
    if parts:
        raise InputError(f"{first} and {name} must hold the same cases; {'; '.join(parts)}")


def _refuse(case_ids, what):
    if len(case_ids):
        raise InputError(f"{len(case_ids)} cases {what}: {_listed(case_ids)}")


def _listed(names):
    shown = ", ".join(repr(str(name)) for name in names[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


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
