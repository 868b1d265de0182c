"""The rows of a source, tidied, and those of folders whose images join the unlabelled split."""

import pathlib

import pandas as pd

from simclr_med.data import manifest
from simclr_med.data.info import COLUMNS, DataError
from simclr_med.errors import InputError
from simclr_med.preparation.source_files import walk
from simclr_med.preparation.source_table import FILE, POOL, ROOT, ROW


def join_pools(records, folders):
    """Replace the records' table by one of its rows and the pools', with ROOT and POOL.

    Args:
      records: `Records`.
      folders: data set folders, or any folders of images, a case each.

    Raises:
      InputError: a folder without images, or a finding or group by a name of ours.
    """
    for name in (*records.findings, *records.groups):
        if name in (*COLUMNS, "labels"):
            raise InputError(f"a finding or group cannot be called {name!r}: rename that column")
    pools = []
    for number, path in enumerate(folders):
        pools.append(_pool(pathlib.Path(path).absolute(), f"pool{number + 1}"))
        cases = pools[-1]["case_id"].nunique()
        records.notes.append(f"{cases} unlabelled cases joined from {pathlib.Path(path).name}.")
    joined = pd.concat([_tidied(records), *pools], ignore_index=True)
    records.table = joined.fillna({name: "" for name in joined.columns if name != ROW})


def _tidied(records):
    table = records.table.copy()
    for name in table.columns.difference([ROW, "image"]):
        # Outer spaces and line breaks, which a manifest may not hold, made plain.
        table[name] = table[name].map({t: " ".join(t.split()) for t in pd.unique(table[name])})
    table[ROOT], table[POOL] = str(records.image_root), ""
    if records.task == "multiclass":
        table.loc[(table["labels"] == "") & (table["split"] == ""), "split"] = "unlabelled"
    return table


def _pool(folder, name):
    """Return the images of a data set folder, with its cases, or of any folder, a case each."""
    if not folder.is_dir():
        raise InputError(f"--unlabelled={folder}: no such folder")
    table = _of_data_set(folder) if (folder / "manifest.csv").exists() else _of_images(folder)
    case_id = f"{name}/" + table["case_id"]
    return table.assign(case_id=case_id, split="unlabelled", **{POOL: name})


def _of_data_set(folder):
    found = manifest.read(folder)
    if found.info.shards:
        raise InputError(f"--unlabelled={folder}: is in shards; give the folder of its files")
    table = found.table[["image", "case_id", "patient_id"]].copy()
    table[ROOT], table[FILE] = str(found.image_root), str(folder / "manifest.csv")
    table[ROW] = table.index + 2
    return table


def _of_images(folder):
    tree = walk(folder)
    found, problems = tree.images(), tree.problems(folder)
    if problems:
        raise DataError(problems)
    if not found:
        raise InputError(f"--unlabelled={folder}: no images below it")
    table = pd.DataFrame({"image": found, "case_id": found, "patient_id": ""})
    table[ROOT], table[FILE], table[ROW] = str(folder), str(folder), 0
    return table
