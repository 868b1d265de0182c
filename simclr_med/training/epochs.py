"""The order of a probe's batches: a permutation an epoch, computed from the seed."""

import numpy as np


def batch_rows(n, batch_size, seed, start, stop):
    """Return which of n rows the batches of the steps `start` to `stop` hold, int `[T, B]`.

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
