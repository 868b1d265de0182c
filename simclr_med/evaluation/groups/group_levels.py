"""Levels of a group column, in an order that a person expects; numbers become bands.

order, levels = level_table(["63", "41", "", ...])   # ["40-59", "60-79", ""], by case
"""

import math
import re

import numpy as np

from simclr_med.config.splits import MIXED

UNKNOWN = ""
MANY = 12  # levels beyond which a column of words says nothing of groups
DISTINCT = 8  # numbers beyond which bands say more than each number
BANDS = 6


def level_table(values):
    """Return the levels in their order, and each case's level.

    A column of more than `DISTINCT` numbers, such as an age, is cut into bands of a round width.
    What is no level of interest stands last: mixed, then unknown.

    Args:
      values: `[N]` str, "" where unknown.

    Returns:
      The names, of those that a case has, and `[N]` str.
    """
    values = np.asarray(values, str)
    known = np.unique(values[(values != UNKNOWN) & (values != MIXED)])
    numbers = _numbers(known)
    if numbers is not None and len(known) > DISTINCT:
        values = _banded(values, numbers)
        known = np.unique(values[(values != UNKNOWN) & (values != MIXED)])
    order = sorted(known.tolist(), key=_natural)
    return order + [last for last in (MIXED, UNKNOWN) if (values == last).any()], values


def is_plain(level):
    """Return whether a level is one that groups are compared by."""
    return level not in (MIXED, UNKNOWN)


def shown(level):
    """Return how a level is written on a page."""
    return level if level != UNKNOWN else "unknown"


def _numbers(words):
    """Return words as an array of finite numbers, None where one is no number."""
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _banded(values, numbers):
    width = _round_width((numbers.max() - numbers.min()) / BANDS)
    whole = bool((numbers == np.round(numbers)).all()) and width >= 1

    def band(word):
        if not is_plain(word):
            return word
        start = math.floor(float(word) / width) * width
        end = start + width
        return f"{start:.0f}–{end - 1:.0f}" if whole else f"{start:g} to {end:g}"

    return np.array([band(word) for word in values.tolist()])


def _round_width(width):
    power = 10.0 ** math.floor(math.log10(width))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= width)


def _natural(word):
    """Sort numbers within words as numbers: "9" before "10", "0-19" before "20-39"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", word)
    return [(float(part), "") if i % 2 else (0.0, part) for i, part in enumerate(parts)]
