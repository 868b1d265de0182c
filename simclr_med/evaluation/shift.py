"""Out of distribution: what a model loses from its test split to the images of another site.

    shift = compare_splits(test, external, settings)
    shift.drops["auc"].value        # external minus test: below 0 where it loses

The two splits share no patient, so they are resampled apart. Means over classes take the classes
that both splits have, since another site's rare classes may be missing; top-k accuracy takes all
cases of each.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation import intervals
from simclr_med.evaluation.bootstrap import replicate
from simclr_med.evaluation.enough import too_few


class Drop(NamedTuple):
    """External minus test with its interval, None where it is not defined."""

    test: float | None
    external: float | None
    value: float | None
    low: float | None
    high: float | None


class Shift(NamedTuple):
    """Drops of all metrics of one model.

    Attributes:
      drops: name to `Drop`.
      left_out: classes that one of the two splits lacks.
      warning: why nothing can be concluded from them, or "", see `enough.too_few`.
    """

    drops: dict
    left_out: tuple
    warning: str


def compare_splits(test, external, settings):
    """Return the `Shift` of one model between two splits.

    Args:
      test, external: its `Predictions` of both.
      settings: `bootstrap.Settings`.

    Raises:
      InputError: the two have other classes.
    """
    if (test.task, test.classes) != (external.task, external.classes):
        raise InputError(
            f"test has the classes {', '.join(test.classes)}, external "
            f"{', '.join(external.classes)}: prepare the external set with --map_to"
        )
    common, left_out = _common_classes(test, external)
    # Another seed for the other site: its cases are no partners of the test's.
    elsewhere = dataclasses.replace(settings, seed=settings.seed + 1)
    before, after = replicate(test, settings), replicate(external, elsewhere)
    shape = intervals.small_sample(max(2, min(before.units.count, after.units.count)))
    drops = {
        name: _drop(*(_over(part, name, common) for part in (before, after)), settings, shape)
        for name in before.values
        if name in after.values
    }
    reasons = {name: too_few(settings, part.units) for name, part in
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


def _over(replicates, name, classes):
    """Return a metric's value and its replicates, a mean over classes taken over these."""
    each = [f"{name.removeprefix('average_')}:{finding}" for finding in classes]
    each = [column for column in each if column in replicates.values]
    if name == "auc_weighted" or not each:
        return replicates.values[name], replicates.samples[name]
    value = np.nanmean([replicates.values[column] for column in each])
    return value, np.nanmean([replicates.samples[column] for column in each], axis=0)


def _drop(before, after, settings, shape):
    (there, drawn), (elsewhere, drawn_elsewhere) = before, after
    samples = drawn_elsewhere - drawn
    samples = samples[~np.isnan(samples)]
    if np.isnan(there) or np.isnan(elsewhere) or not len(samples):
        return Drop(None, None, None, None, None)
    low, high = intervals.interval(samples, settings.confidence, shape)
    return Drop(float(there), float(elsewhere), float(elsewhere - there), low, high)
