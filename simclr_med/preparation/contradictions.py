"""Pictures that stand under labels which contradict each other: copies and near copies.

table = find_contradictions(records, dropped, info)  # group, image, case_id, split, labels
"""

import itertools

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.preparation.labels.conditions import relabelled
from simclr_med.preparation.source_table import NEAR, SHA256, Records

FILE = "contradictions.csv"  # in a data set folder
COLUMNS = ("group", "image", "case_id", "split", "labels")
LISTED = 20  # images in a message
LEFT_OUT = ", left out"  # behind the split of an image that leaks


def find_contradictions(records: Records, dropped: pd.DataFrame, info: dict) -> pd.DataFrame:
    """Return the images of each group that look the same but whose labels contradict.

    Its index is that of the records' table, and -1 of rows that were dropped since they leak. Their
    split is followed by ", left out".

    Args:
      records: `Records` with final labels and splits, whose table has SHA256 and NEAR.
      dropped: rows that left the table before its labels were final.
      info: "classes" of the final labels, and "other_class".
    """
    table = records.table
    if len(dropped):
        table = pd.concat([table, _with_final_labels(dropped, records, info)])
    table = table[table["split"] != "unlabelled"]
    rows = table.to_dict("records")
    groups = [
        places
        for places in _joined(rows)
        if contradict(records.findings, [labels_said(records.findings, rows[i]) for i in places])
    ]
    found = [
        (number, *(rows[i][name] for name in COLUMNS[1:4]),
         as_text(labels_said(records.findings, rows[i])))
        for number, places in enumerate(groups, 1)
        for i in places
    ]  # fmt: skip
    index = table.index[[i for places in groups for i in places]]
    return pd.DataFrame(found, index=index, columns=COLUMNS)


def _with_final_labels(dropped, records, info):
    """Return rows that were dropped, labelled as those that stayed, with the index -1."""
    dropped = dropped.assign(split=dropped["split"] + LEFT_OUT).set_axis([-1] * len(dropped))
    if records.findings:
        return dropped
    other = info["other_class"]
    names = {name: name for name in info["classes"] if name != other}
    return dropped.assign(labels=relabelled(dropped["labels"], names, other))


def _joined(rows):
    """Yield lists of the places of rows that look the same: by one's bytes, or nearly by another's.

    Copies of two near copies are one group.
    """
    above = list(range(len(rows)))

    def top(i):
        while above[i] != i:
            i = above[i]
        return i

    for key in (SHA256, NEAR):
        first: dict[str, int] = {}
        for i, row in enumerate(rows):
            if row[key]:
                above[top(i)] = top(first.setdefault(row[key], i))
    groups: dict[int, list[int]] = {}
    for i in range(len(rows)):
        groups.setdefault(top(i), []).append(i)
    yield from (places for places in groups.values() if len(places) > 1)


def tell_or_refuse(records: Records, found: pd.DataFrame, wanted: str) -> None:
    """Note contradictory labels in the card; refuse them where that is wanted.

    Args:
      records: `Records`, to whose notes a sentence is added.
      found: of `find_contradictions`.
      wanted: "keep" or "refuse".

    Raises:
      InputError: there are some, and they are to be refused; names them.
    """
    if not len(found):
        return
    said = (
        f"{found['group'].nunique()} pictures stand under labels that contradict each other, in "
        f"{len(found)} images (copies, or nearly the same)"
    )
    if wanted == "refuse":
        lines = [
            f"picture {group}: {', '.join(f'{r.image} is {r.labels}' for r in part.itertuples())}"
            for group, part in itertools.islice(found.groupby("group"), LISTED)
        ]
        raise InputError("\n".join([*lines, f"{said}; --on_contradiction=keep leaves them"]))
    records.notes.append(f"{said}: {FILE} lists them.")


def labels_said(findings: tuple, row: dict) -> dict:
    """Return label to true or false, as a row of a manifest says them; unknown ones are absent."""
    if findings:
        return {name: row[name] == "1" for name in findings if row[name] in ("0", "1")}
    return {name: True for name in row["labels"].split("|") if name}


def contradict(findings: tuple, said: list[dict]) -> bool:
    """Return true where two of several rows' labels, as of `labels_said`, exclude each other.

    Findings do where one is present here and absent there; diagnoses where none is shared.
    """

    def exclude(one, other):
        shared = set(one) & set(other)
        return any(one[name] != other[name] for name in shared) if findings else not shared

    different = {tuple(sorted(labels.items())): labels for labels in said if labels}
    return any(exclude(a, b) for a, b in itertools.combinations(different.values(), 2))


def as_text(labels: dict) -> str:
    """Return the labels of a row for a reader."""
    return "|".join(name for name, present in labels.items() if present) or "no finding"
