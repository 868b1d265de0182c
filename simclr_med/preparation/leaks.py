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


def find(table, sha256, near):
    """All leaks of a table with case_id, patient_id, image and split.

    Args:
      sha256: `[N]` digests of the images' bytes, "" where they were not read.
      near: `[N]` names of groups of images that look nearly the same, "" where none was sought.
    """
    learnt = table["split"].replace(LEARNT_FROM)
    image = table["image"].to_numpy()
    found = []
    for kind, keys, splits in (
        ("patient", table["patient_id"], learnt),
        ("case", table["case_id"], table["split"]),
        ("identical image", sha256, learnt),
        ("nearly the same image", near, learnt),
    ):
        part = pd.DataFrame({"key": np.asarray(keys), "split": splits.to_numpy()})
        part = part[part["key"] != ""]
        several = part.groupby("key")["split"].nunique()
        part = part[part["key"].isin(several.index[several > 1])]
        for key, rows in part.groupby("key").groups.items():
            name = key if kind in ("patient", "case") else image[rows[0]]
            sides = tuple(pd.unique(table["split"].iloc[rows]))
            found.append(Leak(kind, name, sides, tuple(rows)))
    return found


def losing_cases(table, leaks):
    """Cases to drop so that nothing leaks: each leak stays in the split of most worth alone."""
    split, case = table["split"].to_numpy(), table["case_id"].to_numpy()
    losing = set()
    for leak in leaks:
        kept = min((split[row] for row in leak.rows), key=WORTH.index)
        losing |= {(case[row], split[row]) for row in leak.rows if split[row] != kept}
    return np.array([(c, s) in losing for c, s in zip(case, split, strict=True)], bool)
