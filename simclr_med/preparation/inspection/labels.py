"""Labels of a data set's cases: counts by split, labels in one case, rare and absent ones."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from simclr_med.preparation.inspection.counts import in_order

FEW = 10  # training cases of a class
VALUES = {"1": "present", "0": "absent", "-1": "uncertain", "": "not mentioned"}


class FindingCounts(NamedTuple):
    """Cases of a split by the value of a finding, in the order of `VALUES`."""

    finding: str
    split: str
    counts: list
    share_present: float


class ClassShares(NamedTuple):
    """Cases of each class by split.

    `rows` maps a class to triples (cases, share of the split's, that share of the largest one).
    """

    splits: list
    rows: dict


class Together(NamedTuple):
    """Cases with two labels: `rows` maps a label to pairs (cases, share of its own cases)."""

    names: list
    rows: dict


def labelled_cases(table):
    """Return one row a case of those that are not unlabelled."""
    return table[table["split"] != "unlabelled"].drop_duplicates("case_id")


def has_label(info, rows, name):
    """Return which rows carry a class or finding, bool `[N]`."""
    if info.task == "multilabel":
        return rows[name] == "1"
    return rows["labels"].map({t: name in t.split("|") for t in rows["labels"].unique()})


def warnings(info, table):
    """Return sentences on classes that a split lacks, or that training hardly sees."""
    if not _is_labelled(info, table):
        return []
    counts = _cases_of_classes(info, table)
    said = []
    for split in counts.columns:
        absent = counts.index[counts[split] == 0]
        if len(absent):
            said.append(f"No case in {split} of: {', '.join(absent)}.")
    if "train" in counts:
        few = [f"{name} ({n})" for name, n in counts["train"].items() if 0 < n < FEW]
        if few:
            said.append(f"Fewer than {FEW} training cases of: {', '.join(few)}.")
    return said


def finding_counts(info, table):
    """Return the `FindingCounts` of each finding and split; none where there are classes."""
    if info.task != "multilabel" or not _is_labelled(info, table):
        return []
    case = labelled_cases(table)
    found = []
    for name in info.classes:
        for split in in_order(case["split"]):
            said = case[name][case["split"] == split]
            counts = [int((said == value).sum()) for value in VALUES]
            found.append(FindingCounts(name, split, counts, counts[0] / len(said)))
    return found


def class_shares(info, table):
    """Return the `ClassShares` of a data set; None where there are findings or no labels."""
    if info.task != "multiclass" or not _is_labelled(info, table):
        return None
    counts = _cases_of_classes(info, table)
    shares = counts / counts.sum().clip(lower=1)
    largest = shares.max().max()
    rows = {
        name: [(counts.at[name, s], shares.at[name, s], shares.at[name, s] / largest)
               for s in counts.columns]
        for name in counts.index
    }  # fmt: skip
    return ClassShares(list(counts.columns), rows)


def together(info, table):
    """Return how often two labels stand in one case, `Together`; None where they never can."""
    case = labelled_cases(table)
    if info.task == "multiclass":
        case = case[case["labels"].str.contains("|", regex=False)]
        if not len(case):
            return None
    present = np.array([has_label(info, case, name) for name in info.classes], int)  # [K, N]
    both = present @ present.T
    shown = [i for i in range(len(both)) if both[i, i]]
    rows = {
        info.classes[i]: [(both[i, j], both[i, j] / both[i, i] if i != j else 0) for j in shown]
        for i in shown
    }
    return Together([info.classes[i] for i in shown], rows)


def _is_labelled(info, table):
    return bool(info.classes) and not (table["split"] == "unlabelled").all()


def _cases_of_classes(info, table):
    """Return the number of cases of each class, rows, in each labelled split, columns."""
    case = labelled_cases(table)
    counts = {
        split: [int(has_label(info, part, name).sum()) for name in info.classes]
        for split, part in case.groupby("split")
    }
    return pd.DataFrame(counts, index=list(info.classes))[in_order(counts)]
