"""Splits of patients: stratified, seeded, to the promised sizes.

    group = linked_groups([patient_ids, case_ids])
    split = draw_splits(keys, weights, strata, {"train": 0.8, "test": 0.2}, seed=0)

What may not be torn apart is a group: a patient with all cases, and whoever shares an image with
them. Groups of each stratum are put in the order of a seeded hash of their names, the orders are
interleaved in proportion to their sizes, and the splits are cut from that one order: so each holds
the strata as the whole does, and neither the order of rows nor other groups' names matter.
"""

import hashlib

import numpy as np
import pandas as pd

from simclr_med.errors import InputError

SHARES = {"train": 0.6, "validation": 0.1, "test": 0.3}


def linked_groups(columns, pairs=()):
    """Return the number of the group that each of N rows belongs to, int64 `[N]`.

    Groups are numbered in the order of their first rows.

    Args:
      columns: sequences of N texts; rows that share a text other than "" belong together.
      pairs: pairs of rows that belong together too.
    """
    from scipy.sparse import coo_array  # 0.3 s, which few commands need
    from scipy.sparse.csgraph import connected_components

    rows, nodes = [i for i, _ in pairs], [j for _, j in pairs]  # the edges of a graph
    size = count = len(columns[0])
    for column in columns:  # each text is a node that its rows are linked to
        code, texts = pd.factorize(np.asarray(column, object))
        named = np.flatnonzero(texts[code] != "")
        rows.extend(named)
        nodes.extend(size + code[named])
        size += len(texts)
    edges = coo_array((np.ones(len(rows), bool), (rows, nodes)), shape=(size, size))
    component = connected_components(edges, directed=False)[1][:count]
    return pd.factorize(component)[0]


def draw_splits(keys, weights, strata, sizes, seed):
    """Return the split of each of G groups, `[G]` of text, "" for those left out.

    Args:
      keys: `[G]` different names.
      weights: int `[G]`, how much each counts towards `sizes` (its cases, or its images).
      strata: `[G]` of text, such as the rarest class in the group.
      sizes: split to its share of the whole (float; off by less than the largest group), or to
        its exact size (int). Shares that add up to 1, and sizes to the whole, leave nothing out.
      seed: int.

    Raises:
      InputError: shares above 1, or sizes that no whole groups add up to.
    """
    weights = np.asarray(weights, np.int64)
    wanted = _wanted(sizes, int(weights.sum()))
    exact = all(isinstance(size, int) for size in sizes.values())
    complete = sum(wanted.values()) == weights.sum()
    free = interleaved_order(keys, strata, seed, weights)
    result = np.full(len(weights), "", object)
    for number, (split, target) in enumerate(wanted.items()):
        if complete and number == len(wanted) - 1:
            taken = np.ones(len(free), bool)
        else:
            taken = _fill(weights[free], target, split if exact else None)
        result[free[taken]] = split
        free = free[~taken]
    return result


def interleaved_order(keys, strata, seed, weights=None):
    """Return an order of G groups of which any beginning holds the strata as the whole does.

    Its beginnings lie inside each other: 10 % inside 50 %.

    Args:
      keys: `[G]` different names.
      strata: `[G]` of text.
      seed: int.
      weights: int `[G]`, how much each counts; None for 1 each.

    Returns:
      The groups' numbers, int `[G]`.
    """
    table = pd.DataFrame({"stratum": np.asarray(strata)})
    table["digest"] = [hashlib.sha256(f"{seed}\n{key}".encode()).digest() for key in keys]
    table["weight"] = 1 if weights is None else weights
    table = table.sort_values(["stratum", "digest"])
    weight = table.groupby("stratum")["weight"]
    table["place"] = (weight.cumsum() - table["weight"] / 2) / weight.transform("sum").clip(lower=1)
    return table.sort_values(["place", "digest"]).index.to_numpy()


def _wanted(sizes, total):
    """Return split to its size, int, of a whole of `total`."""
    if not sizes or any(size < 0 for size in sizes.values()):
        raise InputError(f"--splits: {sizes} must be sizes of 0 and above")
    if all(isinstance(size, int) for size in sizes.values()):
        if sum(sizes.values()) > total:
            raise InputError(f"--splits: {sum(sizes.values())} in all, but there are {total}")
        return dict(sizes)
    if any(isinstance(size, int) and size > 1 for size in sizes.values()):
        raise InputError("--splits: give shares of the whole or numbers, not both")
    if sum(sizes.values()) > 1 + 1e-9:
        raise InputError(f"--splits: shares add up to {sum(sizes.values()):g}, more than 1")
    ends = np.round(np.cumsum(list(sizes.values())) * total).astype(int)
    return dict(zip(sizes, np.diff(ends, prepend=0).tolist(), strict=True))


def _fill(weights, target, split):
    """Return which of `weights`, in order of preference, add up to `target`; bool `[n]`.

    What still fits is taken. Where that does not reach the target and `split` names one that has to
    be exact, the last ones taken are exchanged for any that do.
    """
    taken, left = np.zeros(len(weights), bool), target
    for i, weight in enumerate(weights.tolist()):
        if weight <= left:
            taken[i] = True
            left -= weight
            if not left:
                break
    return taken if split is None or not left else _exchanged(weights, taken, target, split)


def _exchanged(weights, taken, target, split):
    """Return as `_fill`, exactly: the last 1, 2, 4 ... of `taken` give way to any sum that fits."""
    chosen, back = np.flatnonzero(taken), 1
    while True:
        kept = chosen[: max(0, len(chosen) - back)]
        trial = np.zeros(len(weights), bool)
        trial[kept] = True
        others = np.flatnonzero(~trial)
        found, nearest = _subset(weights[others].tolist(), target - int(weights[kept].sum()))
        if found is not None:
            trial[others[found]] = True
            return trial
        if not len(kept):
            raise InputError(
                f"--splits: no whole patients add up to {target} for {split}; the nearest "
                f"number below is {nearest}"
            )
        back *= 2


def _subset(weights, target):
    """Return positions of weights that add up to `target`, or None and the largest sum below it."""
    mask, reached, came_from = (1 << (target + 1)) - 1, 1, {}
    for i, weight in enumerate(weights):
        new = (reached << weight) & mask & ~reached
        reached |= new
        while new:  # each sum remembers the weight that first reached it
            total = new.bit_length() - 1
            came_from[total] = i
            new ^= 1 << total
        if reached >> target & 1:
            break
    else:
        return None, reached.bit_length() - 1
    found = []
    while target:
        found.append(came_from[target])
        target -= weights[found[-1]]
    return found, None
