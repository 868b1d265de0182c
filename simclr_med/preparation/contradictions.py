"""Pictures that stand under labels which contradict each other: copies and near copies.

table = find_contradictions(records)  # a row an image: group, image, case_id, split, labels
"""

import itertools

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.preparation.source_table import NEAR, SHA256, Records

FILE = "contradictions.csv"  # in a data set folder
COLUMNS = ("group", "image", "case_id", "split", "labels")
LISTED = 20  # images in a message


def find_contradictions(records: Records) -> pd.DataFrame:
    """Return the images of each group that look the same but whose labels contradict.

    Its index is that of the records' table.

    Args:
      records: `Records` with final labels and splits, whose table has SHA256 and NEAR.
    """
    table = records.table[records.table["split"] != "unlabelled"]
    rows, places = [], []
    for key in (SHA256, NEAR):
        again = table[(table[key] != "") & table[key].duplicated(keep=False)]
        for _, part in again.groupby(key, sort=False):
            said = [labels_said(records.findings, row) for row in part.to_dict("records")]
            if contradict(records.findings, said) and not set(part.index) <= set(places):
                number = len({row[0] for row in rows}) + 1
                places += part.index.tolist()
                rows += [
                    (number, row["image"], row["case_id"], row["split"], as_text(labels))
                    for row, labels in zip(part.to_dict("records"), said, strict=True)
                ]
    return pd.DataFrame(rows, index=places, columns=COLUMNS)


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
