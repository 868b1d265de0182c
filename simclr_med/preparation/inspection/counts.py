"""Numbers of images, cases and patients, by split, by group and by case."""

from typing import NamedTuple

import pandas as pd

from simclr_med.config.splits import MIXED, SPLITS
from simclr_med.data import manifest
from simclr_med.preparation.labels.conditions import by_name

BARS_SHOWN = 30


class SplitCounts(NamedTuple):
    """Images, cases and patients of a split; `patients` is 0 where none is known."""

    name: str
    images: int
    cases: int
    patients: int
    images_a_case: float
    most_images: int
    cases_with_several: int


class GroupCounts(NamedTuple):
    """Cases by level of a group, rows, and split: `levels` has a number for each of `splits`."""

    name: str
    splits: list
    levels: dict


class Histogram(NamedTuple):
    """Triples (images, cases with so many, share of the longest bar), and the largest number."""

    bars: list
    cut: bool
    largest: int


def in_order(splits):
    """Return the splits that are there, in the order in which they are always named."""
    there = set(splits)
    return [split for split in SPLITS if split in there]


def by_split(table):
    """Return the `SplitCounts` of each split that is there, then of all together."""
    parts = dict(list(table.groupby("split")))
    named = [*((split, parts[split]) for split in in_order(parts)), ("all", table)]
    return [_split_counts(name, part) for name, part in named]


def _split_counts(name, part):
    sizes = part.groupby("case_id").size()
    patients = part["patient_id"][part["patient_id"] != ""].nunique()
    several = int((sizes > 1).sum())
    return SplitCounts(
        name, len(part), len(sizes), patients, sizes.mean(), int(sizes.max()), several
    )


def by_group(info, table):
    """Return the `GroupCounts` of each group of a data set, whose cases are as training's."""
    split = table.drop_duplicates("case_id")["split"].to_numpy()
    case, _ = pd.factorize(table["case_id"])
    splits, found = in_order(split), []
    for name in info.groups:
        crossed = pd.crosstab(manifest.levels_of_cases(table[name], case), split)[splits]
        # What is no level of interest stands last.
        order = sorted(crossed.index, key=lambda level: (level in ("", MIXED), by_name(level)))
        found.append(GroupCounts(name, splits, {k: crossed.loc[k].tolist() for k in order}))
    return found


def images_a_case(table):
    """Return the `Histogram` of how many images a case has."""
    cases = table.groupby("case_id").size().value_counts().sort_index()
    bars = [(n, count, count / cases.max()) for n, count in cases.head(BARS_SHOWN).items()]
    return Histogram(bars, len(cases) > BARS_SHOWN, int(cases.index.max()))
