"""Many comparisons at once: p-values that keep the chance of any false alarm at the level."""


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
