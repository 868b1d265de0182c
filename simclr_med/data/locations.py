"""Places of the images of a manifest's rows: files below the image root, or ranges of shards."""

import pandas as pd

from simclr_med.data.info import DataError, Problem
from simclr_med.files import stored
from simclr_med.views import places


def in_files(root, file, rows):
    """Return the path of each row's image below `root`, texts.

    Args:
      root: the image root, a path.
      file: manifest.csv, which a problem names.
      rows: the manifest's rows; their index counts its rows from 0.

    Raises:
      DataError: lists the images that are missing or empty.
    """
    problems = []
    for index, image in zip(rows.index, rows["image"], strict=True):
        path = root / image
        size = path.stat().st_size if path.is_file() else None
        if not size:
            reason = f"is {'missing' if size is None else 'an empty file'} in {root}"
            problems.append(Problem(str(file), int(index) + 2, "image", image, reason))
    if problems:
        raise DataError(problems)
    return [str(root / image) for image in rows["image"]]


def in_shards(folder, file, rows):
    """Return the place of each row's image in the shards of `folder`, see `places.in_shard`.

    Args:
      folder: of the shards and their index.csv, a path.
      file: manifest.csv, which a problem names.
      rows: the manifest's rows; their index counts its rows from 0.

    Raises:
      DataError: lists the images that the index has not, and the shards that are missing.
      DamagedError: the index is not what was written.
    """
    index_file = folder / "index.csv"
    columns = {"image": str, "shard": str, "offset": int, "length": int}
    index = pd.DataFrame(stored.read_table(index_file, columns, "make the data set again"))
    index = index.set_index("image")
    problems = [
        Problem(str(file), int(row) + 2, "image", image, f"is not in {index_file}")
        for row, image in rows["image"][~rows["image"].isin(index.index)].items()
    ]
    sizes = {}
    for shard in pd.unique(index["shard"]):
        if (folder / shard).is_file():
            sizes[shard] = (folder / shard).stat().st_size
        else:
            problems.append(Problem(str(index_file), None, "shard", shard, "is missing"))
    if problems:
        raise DataError(problems)
    parts = index.loc[rows["image"], ["shard", "offset", "length"]].to_numpy()
    return [places.in_shard(f"{folder}/{s}", start, length, sizes[s]) for s, start, length in parts]
