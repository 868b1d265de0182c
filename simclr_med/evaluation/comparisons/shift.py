"""Out of distribution: a model's loss from its test split to the images of another site.

    shift = compare_splits([test], [external], settings)
    shift.drops["auc"].value        # external minus test: below 0 where it loses

The two splits share no patient, so they are resampled apart. Means over classes take the classes
that both splits have, since another site's rare classes may be missing; top-k accuracy takes all
cases of each. Of several runs of a method the drop is their mean, with its interval over other runs
and other cases together (`seeds`).
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation.intervals import interval_ends, seed_bootstrap
from simclr_med.evaluation.intervals.bootstrap import replicate
from simclr_med.evaluation.metrics.functions import mean_of_defined
from simclr_med.evaluation.verdicts import too_few


class Drop(NamedTuple):
    """External minus test with its interval, None where it is not defined."""

    test: float | None
    external: float | None
    value: float | None
    low: float | None
    high: float | None


class Shift(NamedTuple):
    """Drops of all metrics of one method.

    Attributes:
      drops: name to `Drop`.
      left_out: classes that one of the two splits lacks.
      warning: why nothing can be concluded from them, or "", see `enough.too_few`.
    """

    drops: dict
    left_out: tuple
    warning: str


def compare_splits(test, external, settings):
    """Return the `Shift` of one method between two splits.

    Args:
      test, external: lists of its runs' `Predictions` of both, in the same order.
      settings: `bootstrap.Settings`.

    Raises:
      InputError: the two have other classes.
    """
    here, there = test[0], external[0]
    if (here.task, here.classes) != (there.task, there.classes):
        raise InputError(
            f"test has the classes {', '.join(here.classes)}, external "
            f"{', '.join(there.classes)}: prepare the external set with --map_to"
        )
    common, left_out = _common_classes(here, there)
    # Another seed for the other site: its cases are no partners of the test's.
    elsewhere = dataclasses.replace(settings, seed=settings.seed + 1)
    before = [replicate(run, settings) for run in test]
    after = [replicate(run, elsewhere) for run in external]
    shape = interval_ends.small_sample(max(2, min(before[0].units.count, after[0].units.count)))
    drops = {
        name: _drop(*(_over(part, name, common) for part in (before, after)), settings, shape)
        for name in before[0].values
        if name in after[0].values
    }
    reasons = {name: too_few(settings, part[0].units) for name, part in
               (("test", before), ("external", after))}  # fmt: skip
    warning = next((f"{name} has {why}" for name, why in reasons.items() if why), "")
    return Shift(drops, left_out, warning)


def _common_classes(test, external):
    """Return the classes with and without cases in both splits, and the names of the others."""

    def there(made):
        return (made.truth == 1).any(0) & (made.truth == 0).any(0)

    both = there(test) & there(external)
    named = list(zip(test.classes, both.tolist(), strict=True))
    return [name for name, kept in named if kept], tuple(name for name, kept in named if not kept)


def _over(runs, name, classes):
    """Return a metric of each run `[n]` and its replicates `[R, n]`, a mean over these classes."""
    each = [f"{name.removeprefix('average_')}:{finding}" for finding in classes]
    each = [column for column in each if column in runs[0].values]
    if name == "auc_weighted" or not each:
        each = [name]
    values = np.array([[run.values[column] for column in each] for run in runs])
    samples = np.stack([[run.samples[column] for column in each] for run in runs])  # [n, K, R]
    return mean_of_defined(values), mean_of_defined(samples.transpose(2, 0, 1))


def _drop(before, after, settings, shape):
    (there, drawn), (elsewhere, drawn_elsewhere) = before, after
    drops, samples = elsewhere - there, drawn_elsewhere - drawn
    defined = ~np.isnan(samples).any(1)
    if np.isnan(drops).any() or not defined.any():
        return Drop(None, None, None, None, None)
    if len(drops) == 1:
        low, high = interval_ends.interval(samples[defined, 0], settings.confidence, shape)
    else:
        runs = seed_bootstrap.draw(len(drops), settings, seed_bootstrap.generator(settings))
        low, high = seed_bootstrap.interval(drops, samples, runs, shape, settings.confidence)
    return Drop(*(float(part.mean()) for part in (there, elsewhere, drops)), low, high)
