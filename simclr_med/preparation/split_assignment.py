"""Every row gets its split: given, that of whom it belongs with, or drawn by whole patients."""

import numpy as np
import pandas as pd

from simclr_med.config.splits import EVALUATED
from simclr_med.data import splitting
from simclr_med.errors import InputError
from simclr_med.preparation import leaks
from simclr_med.preparation.labels import class_table
from simclr_med.preparation.settings import LABELLED
from simclr_med.preparation.source_table import NEAR, POOL, SHA256


def assign_splits(records, sizes, settings, *, target):
    """Give every row of the records' table its split; leave out the rows that belong in none.

    Args:
      records: `Records`, whose table has SHA256, NEAR and POOL.
      sizes: of `settings.split_sizes`.
      settings: with splits and seed.
      target: the data set that is being mapped to, whose external split all labelled rows
        become; or None.

    Raises:
      InputError: splits are asked for, and every row has one already; or none is left for train.
    """
    table = records.table
    split = table["split"].to_numpy(object).copy()
    if target:
        split[split != "unlabelled"] = "external"
    group = splitting.linked_groups([table[c] for c in ("patient_id", "case_id", SHA256, NEAR)])
    _follow_group(split, group)
    free = split == ""
    if settings.splits and not free.any():
        raise InputError(f"--splits={settings.splits}: every row has a split already")
    if free.any():
        split[free] = _drawn(records, table[free], group[free], sizes, settings.seed)
        records.notes.append(_how_drawn(sizes, records.unit, settings.seed))
        _tell_empty(records, split, sizes)
        left = int((split == "").sum())
        records.notes += [f"{left} images were left out of all splits."] * (left > 0)
    out = _unlabelled_to_leave_out(table, split, group)
    if out.any():
        split[out] = ""
        records.notes.append(
            f"{int(out.sum())} unlabelled images were left out: they are those of patients, cases "
            "or images that are evaluated on, or were there already."
        )
    records.table = table.assign(split=split)[split != ""].reset_index(drop=True)


def _follow_group(split, group):
    """Put rows without a split, in `split`, where others of their group already are."""
    rank = np.array([leaks.WORTH.index(s) if s in LABELLED else len(LABELLED) for s in split])
    best = pd.Series(rank).groupby(group).transform("min").to_numpy()
    given = (split == "") & (best < len(LABELLED))
    split[given] = np.array(leaks.WORTH, object)[best[given]]


def _drawn(records, table, group, sizes, seed):
    """Return the split of each row of `table`, drawn by group."""
    owner = table["patient_id"].where(table["patient_id"] != "", table["case_id"])
    first_of_case = ~table["case_id"].duplicated()
    rows = pd.DataFrame({"group": group, "owner": owner.to_numpy()})
    rows["weight"] = first_of_case.to_numpy(int) if records.unit == "cases" else 1
    rows["rarity"], names = class_table.rarest(table, records)
    groups = rows.groupby("group").agg(
        key=("owner", "min"), weight=("weight", "sum"), rarity=("rarity", "min")
    )
    strata = groups["rarity"].map(dict(enumerate(names)))
    drawn = splitting.draw_splits(groups["key"], groups["weight"], strata, sizes, seed)
    return pd.Series(drawn, groups.index).loc[group].to_numpy()


def _tell_empty(records, split, sizes):
    """Note which splits that are asked for got nothing; raise `InputError` where train is one."""
    empty = [name for name, size in sizes.items() if size and not (split == name).any()]
    if not empty:
        return
    cases = records.table.drop_duplicates("case_id")["patient_id"]
    patients = cases[cases != ""].value_counts()
    several = len(patients) and patients.iloc[0] > 1
    largest = f"; patient {patients.index[0]!r} has {patients.iloc[0]}" if several else ""
    said = f"of {len(cases)} cases nothing is left for {', '.join(empty)}{largest}"
    if "train" in empty:
        hint = ": is that a person, or a word for unknown?" if largest else ""
        raise InputError(f"--splits: {said}{hint}")
    records.notes.append(f"{said[0].upper()}{said[1:]}.")


def _how_drawn(sizes, unit, seed):
    """Return the sentences of the card on how splits were drawn."""
    wanted = ", ".join(
        f"{name} {size:.4g}" if isinstance(size, float) else f"{name} {size}"
        for name, size in sizes.items()
    )
    return (
        f"Splits were drawn by whole patients (cases where a patient is not known; with them "
        f"whatever shares an image), seed {seed}, wanted: {wanted} {unit}. "
        "Groups are put in the order of a seeded hash within their rarest class, the orders "
        "interleaved, and the splits cut from that order. Numbers are met exactly: a patient "
        "with too many images for what is left is passed over, and where that does not "
        "suffice the last ones are exchanged for any whole patients that fit."
    )


def _unlabelled_to_leave_out(table, split, group):
    """Return which rows, bool `[N]`: of whom is evaluated on, which would leak, or repeated."""
    evaluated = np.isin(group, group[np.isin(split, EVALUATED)])
    repeated = (table[SHA256] != "") & table[SHA256].duplicated() & (table[POOL] != "")
    return (split == "unlabelled") & (evaluated | repeated.to_numpy())
