"""Patients, cases and images that stand in two splits."""

import dataclasses

import numpy as np
import pandas as pd

# Which split keeps a case that stands in several: what is tested on stays whole.
WORTH = ("external", "test", "validation", "train", "unlabelled")
LEARNT_FROM = {"unlabelled": "train"}  # both are learnt from: no leak between them


@dataclasses.dataclass(frozen=True)
class Leak:
    """Rows, by position, that belong together and stand in several splits."""

    kind: str
    key: str
    splits: tuple
    rows: tuple

    def __str__(self):
        return f"{self.kind} {self.key} stands in {' and '.join(self.splits)}"


def find(table, sha256, near=()):
    """All leaks of a table with case_id, patient_id, image and split.

    Args:
      sha256: `[N]` digests of the images' bytes, "" where they were not read.
      near: pairs of rows whose images are nearly the same.
    """
    side = table["split"].replace(LEARNT_FROM)
    leaks = []
    for kind, key, split in (
        ("patient", table["patient_id"], side),
        ("case", table["case_id"], table["split"]),
        ("identical image", pd.Series(sha256, index=table.index), side),
    ):
        part = pd.DataFrame({"key": key.to_numpy(), "split": split.to_numpy()})
        part = part[part["key"] != ""]
        several = part.groupby("key")["split"].nunique()
        several = several.index[several > 1]
        for value, rows in part[part["key"].isin(several)].groupby("key", sort=True).groups.items():
            splits = tuple(pd.unique(table["split"].iloc[rows]))
            name = table["image"].iloc[rows[0]] if kind == "identical image" else value
            leaks.append(Leak(kind, name, splits, tuple(rows)))
    split, image = side.to_numpy(), table["image"].to_numpy()
    for i, j in near:
        if split[i] != split[j]:
            name = f"{image[i]} (much like {image[j]})"
            leaks.append(Leak("image", name, (split[i], split[j]), (i, j)))
    return leaks


def losing_cases(table, leaks):
    """Cases to drop so that nothing leaks: each leak stays in the split of most worth alone."""
    split, case = table["split"].to_numpy(), table["case_id"].to_numpy()
    losing = set()
    for leak in leaks:
        kept = min((split[row] for row in leak.rows), key=WORTH.index)
        losing |= {(case[row], split[row]) for row in leak.rows if split[row] != kept}
    return np.array([(c, s) in losing for c, s in zip(case, split, strict=True)], bool)
