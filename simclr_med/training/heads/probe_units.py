"""Units of a linear probe: images by themselves, or cases as bags of them (`--bag`).

    cases = units(labelled.cases, bag)  # a unit has one row of targets
    rows, offsets = rows_of(features, cases.offsets, bag)

The features of a fixed encoder are known beforehand. So a step sees all images of its cases, and
their mean is taken once. M images, U units, D features.
"""

import numpy as np

IN_STEPS = ("probabilities", "attention")  # where a step sees several rows of a unit


def units(cases, bag):
    """Return the `Cases` that are learnt from: each image alone without a bag."""
    return cases.each_image_alone() if bag == "none" else cases


def words(bag):
    """Return the name of `units` in messages."""
    return "labelled images" if bag == "none" else "labelled cases"


def rows_of(features, offsets, bag):
    """Return the rows of all units, and their offsets.

    Args:
      features: of all images, float32 `[M, D]`.
      offsets: int64 `[U + 1]`, of the units' images.
      bag: of the head.

    Returns:
      float32 `[R, D]`, the features, or with "features" each unit's mean; and their offsets.
    """
    if bag != "features":
        return features, offsets
    sizes = np.diff(offsets).astype(np.float32)[:, None]
    return np.add.reduceat(features, offsets[:-1]) / sizes, np.arange(len(offsets))


def members(offsets):
    """Return the rows of each unit, int64 `[U, N]`, and a mask of those that count, bool `[U, N]`.

    N is the most that a unit has; others are filled up with their last.
    """
    sizes = np.diff(offsets)[:, None]
    numbers = np.arange(sizes.max())
    return offsets[:-1, None] + np.minimum(numbers, sizes - 1), numbers < sizes


def batch_rows(n, batch_size, seed, start, stop):
    """Return the rows, of n, in the batches of the steps `start` to `stop`, int `[T, B]`.

    Each epoch is a permutation of its own, of which the last n mod B are left out.

    Args:
      n: rows.
      batch_size: B, at most n.
      seed: int.
      start, stop: steps of the run, T = stop - start.
    """
    per_epoch, batches, orders = n // batch_size, [], {}
    for step in range(start, stop):
        epoch, k = divmod(step, per_epoch)
        if epoch not in orders:
            orders = {epoch: np.random.default_rng([seed, epoch]).permutation(n)}
        batches.append(orders[epoch][k * batch_size : (k + 1) * batch_size])
    return np.stack(batches)
