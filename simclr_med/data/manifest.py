"""A data set folder: dataset.json and manifest.csv, read, checked, gathered into cases.

    manifest = read("my_data")
    cases = manifest.cases(["train", "unlabelled"])

dataset.json is read by info.py, rows are checked by manifest_checks.py, cases are in cases.py.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from simclr_med import progress
from simclr_med.config.splits import MIXED
from simclr_med.data import label_weights, locations
from simclr_med.data.cases import Cases
from simclr_med.data.info import (
    NOT_MENTIONED,
    UNCERTAIN,
    DataError,
    DatasetInfo,
    Problem,
    read_bytes,
    read_info,
    refuse_missing,
)
from simclr_med.data.manifest_checks import check_table
from simclr_med.files.tables import blank_unknown, read_table, whole_numbers


@dataclasses.dataclass(frozen=True, eq=False)
class Manifest:
    """A checked manifest.

    Its `table` holds the rows as text, each under its row in a spreadsheet less 2. A patient_id or
    a group that only says that it is not known is "".
    """

    folder: pathlib.Path
    info: DatasetInfo
    table: pd.DataFrame
    fingerprint: str

    def pretraining_splits(self) -> list[str]:
        """Return train and unlabelled, as far as they are there; train where neither is."""
        there = [s for s in ("train", "unlabelled") if (self.table["split"] == s).any()]
        return there or ["train"]

    def refuse_empty(self, splits: Iterable[str]) -> None:
        """Raise `DataError` where one of `splits` has no case; looks at no case of them."""
        there = pd.unique(self.table["split"])
        for split in splits:
            if split not in there:
                file = str(self.folder / "manifest.csv")
                reason = f"is an empty split; the manifest has {', '.join(there)}"
                raise DataError([Problem(file, None, "split", split, reason)])

    def cases(self, splits: Iterable[str]) -> Cases:
        """Return the cases of `splits`, ordered by first appearance in the manifest.

        Raises:
          DataError: a split is empty, or its images are missing.
        """
        file = self.folder / "manifest.csv"
        rows = self.table[self.table["split"].isin(splits)]
        self.refuse_empty(splits)
        code, case_ids = pd.factorize(rows["case_id"])
        order = np.argsort(code, kind="stable")
        rows = rows.iloc[order]
        if self.info.shards:
            paths = locations.in_shards(self.folder / self.info.shards, file, rows)
        else:
            paths = locations.in_files(self.image_root, file, rows)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(code))]).astype(np.int64)
        heads = rows.iloc[offsets[:-1]]
        targets, shares = _targets(self.info, heads), None
        if self.info.task == "multiclass" and label_weights.COLUMN in heads:
            shares = label_weights.shares(heads[label_weights.COLUMN], targets, self.info.classes)
        return Cases(
            np.asarray(case_ids, str),
            heads["patient_id"].to_numpy(str),
            np.asarray(paths, str),
            offsets,
            targets,
            {name: levels_of_cases(rows[name], code[order]) for name in self.info.groups},
            shares,
        )

    @property
    def image_root(self) -> pathlib.Path:
        """The folder that the rows' images are relative to."""
        return self.folder / self.info.image_root


def read(folder: str | os.PathLike) -> Manifest:
    """Return the checked `Manifest` of a data set folder.

    Its images are looked at by `Manifest.cases`.

    Raises:
      InputError: with all that is wrong.
    """
    folder = pathlib.Path(folder).absolute()
    info = read_info(folder / "dataset.json")
    table = _read_table(folder / "manifest.csv", info)
    problems = list(check_table(info, table, str(folder / "manifest.csv")))
    if problems:
        raise DataError(problems)
    return Manifest(folder, info, table, _fingerprint(folder, info))


def _read_table(file, info):
    """Return the rows of a manifest, whose index counts them as a spreadsheet does, less 2."""
    refuse_missing(file)
    found = read_table(file, ())
    for sentence in found.assumed:
        progress.note(sentence)
    table = found.rows
    for name in ("patient_id", *info.groups):
        if name in table:
            table[name] = blank_unknown(table[name])
    for name in info.classes if info.task == "multilabel" else ():
        if name in table:
            table[name] = whole_numbers(table[name])
    return table


def _fingerprint(folder, info):
    digest = hashlib.sha256()
    for name in ("dataset.json", "manifest.csv"):
        digest.update((folder / name).read_bytes())
    checksums = folder / info.shards / "checksums.json"
    if info.shards and checksums.exists():
        digest.update(read_bytes(checksums))
    return digest.hexdigest()


def levels_of_cases(column: pd.Series, case: np.ndarray) -> np.ndarray:
    """Return the level of each case, str `[N]`: that of its images which are known, or `MIXED`.

    Args:
      column: of the rows.
      case: its number in each row, from 0 to N - 1.
    """
    known = column.where(column != "").groupby(case)
    levels = known.first().fillna("")
    return levels.where(known.nunique() <= 1, MIXED).to_numpy(str)


def _targets(info, rows):
    unlabelled = (rows["split"] == "unlabelled").to_numpy()
    if info.task == "multiclass":
        number = {name: i for i, name in enumerate(info.classes)}
        targets = np.zeros([len(rows), len(info.classes)], np.float32)
        for i, text in enumerate(rows["labels"]):
            for name in text.split("|") if text and not unlabelled[i] else ():
                targets[i, number[name]] = 1
    else:
        columns = []
        for name in info.classes:
            uncertain = UNCERTAIN[info.uncertain.get(name, "ignore")]
            value = pd.to_numeric(rows[name]).fillna(NOT_MENTIONED[info.not_mentioned])
            columns.append(value.where(value != -1, uncertain).to_numpy(np.float32))
        targets = np.stack(columns, axis=1)
    targets[unlabelled] = np.nan
    return targets
