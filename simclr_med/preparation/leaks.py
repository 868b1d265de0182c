"""Patients, cases and images that stand in two splits."""

import dataclasses

import numpy as np
import pandas as pd

from simclr_med.errors import InputError
from simclr_med.preparation import contradictions
from simclr_med.preparation.source_table import NEAR, SHA256

# Which split keeps a case that stands in several: what is tested on stays whole.
WORTH = ("external", "test", "validation", "train", "unlabelled")
OWNERS = "patient", "case"
LISTED = 20  # leaks in a message
LEARNT_FROM = {"unlabelled": "train"}  # both are learnt from: no leak between them


@dataclasses.dataclass(frozen=True)
class Leak:
    """Rows, by position, that belong together and stand in several splits."""

    kind: str
    key: str
    splits: tuple
    rows: tuple

    def is_of_images(self):
        """Return true of images that look the same, false of patients and cases."""
        return self.kind not in OWNERS

    def __str__(self):
        return f"{self.kind} {self.key} stands in {' and '.join(self.splits)}"


def find_leaks(table, sha256, near):
    """Return each `Leak` of a table.

    Args:
      table: N rows with case_id, patient_id, image and split.
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
            name = key if kind in OWNERS else image[rows[0]]
            sides = tuple(pd.unique(table["split"].iloc[rows]))
            found.append(Leak(kind, name, sides, tuple(rows)))
    return found


def remove_leaks(records, on_leak):
    """Refuse leaks between splits, or drop the cases on the side of less worth; return their rows.

    Args:
      records: `Records`, whose table has SHA256 and NEAR.
      on_leak: "refuse" or "drop".

    Raises:
      InputError: something leaks, and it is to be refused; it is named.
    """
    table = records.table
    found = find_leaks(table, table[SHA256], table[NEAR])
    if not found:
        return table[:0]
    if on_leak == "refuse":
        raise _refusal(found, records)
    lost = losing_cases(table, found)
    records.notes.append(
        f"{len(found)} leaks between splits: {int(lost.sum())} images of "
        f"{table['case_id'][lost].nunique()} cases were left out."
    )
    records.table = table[~lost].reset_index(drop=True)
    return table[lost]


def _refusal(found, records):
    lines = [str(leak) for leak in found[:LISTED]]
    lines += [f"... and {len(found) - LISTED} more"] * (len(found) > LISTED)
    contradicting = [leak for leak in found if leak.is_of_images() and _contradicts(leak, records)]
    if contradicting:
        lines.append(f"{len(contradicting)} of these pictures have labels that contradict")
    lines.append(
        f"{len(found)} leaks between splits; --on_leak=drop leaves the cases on the side of "
        "less worth out (unlabelled, train, validation, test, external: least first)"
    )
    return InputError("\n".join(lines))


def _contradicts(leak, records):
    rows = records.table.iloc[list(leak.rows)].to_dict("records")
    said = [contradictions.labels_said(records.findings, row) for row in rows]
    return contradictions.contradict(records.findings, said)


def losing_cases(table, leaks):
    """Return which rows to drop, bool `[N]`, so that nothing leaks.

    Of each leak the split of most worth keeps its cases.
    """
    split, case = table["split"].to_numpy(), table["case_id"].to_numpy()
    losing = set()
    for leak in leaks:
        kept = min((split[row] for row in leak.rows), key=WORTH.index)
        losing |= {(case[row], split[row]) for row in leak.rows if split[row] != kept}
    return np.array([(c, s) in losing for c, s in zip(case, split, strict=True)], bool)
