"""The manifest's optional column label_weights: how sure the labels are, diagnosis by diagnosis.

    weights("Eczema:0.6|Psoriasis:0.4")  # {"Eczema": 0.6, "Psoriasis": 0.4}

They may name more conditions than `labels`, which has the primary ones; training may learn from
them (`--targets=weighted`), evaluation never does.
"""

import math

import numpy as np

COLUMN = "label_weights"
EXPECTED = "is no list such as Eczema:0.6|Psoriasis:0.4: classes, and weights above 0"


def weights(text):
    """Return `{name: weight}` of a cell; {} of an empty one.

    Raises:
      ValueError: it is something else, or names a condition twice.
    """
    found = {}
    for part in text.split("|") if text else ():
        name, _, number = part.rpartition(":")  # a name may hold a colon
        weight = float(number)
        if not name or name in found or not (math.isfinite(weight) and weight > 0):
            raise ValueError(text)
        found[name] = weight
    return found


def to_text(found):
    """Return the text of `{name: weight}`."""
    return "|".join(f"{name}:{weight:.6g}" for name, weight in found.items())


def is_sound(text, classes):
    """Return true where `weights` can read a cell, and it names classes alone."""
    try:
        return set(weights(text)) <= set(classes)
    except ValueError:
        return False


def shares(column, targets, classes):
    """Return the spread of each row's target over the classes, float32 `[N, K]`, summing to 1.

    Args:
      column: N texts; of an empty one it is what the target is.
      targets: `[N, K]`, 1 for each primary diagnosis, all NaN where unlabelled.
      classes: K names.
    """
    number = {name: k for k, name in enumerate(classes)}
    found = np.array(targets, np.float32)
    for row, text in enumerate(column):
        if text and not np.isnan(found[row]).any():
            found[row] = 0
            for name, weight in weights(text).items():
                found[row, number[name]] = weight
    totals = np.maximum(found.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return found / totals
