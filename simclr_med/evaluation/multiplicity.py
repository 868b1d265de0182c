"""Many comparisons at once: p-values that keep the chance of any false alarm at the level."""

import math


def holm(p_values):
    """Return Holm's adjusted p-values (Holm 1979), in the given order.

    Args:
      p_values: numbers, None for what was not tested, which counts for nothing.
    """
    tested = [number for number, p in enumerate(p_values) if p is not None]
    order = sorted(tested, key=lambda number: p_values[number])
    adjusted, highest = [None] * len(p_values), 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[number]))
        adjusted[number] = float(highest)
    return adjusted


def too_few_replicates(count, replicates, confidence):
    """Return why none of `count` differences can hold together, "" where they can.

    Of R replicates a percentile interval has no p-value below 2 / (R + 1).
    """
    needed = math.ceil(2 * count / (1 - confidence) - 1e-9) - 1
    if replicates >= needed:
        return ""
    return (
        f"{replicates} replicates are too few for {count} differences to hold together (Holm): "
        f"{needed} are needed"
    )
