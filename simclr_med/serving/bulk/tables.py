"""Output tables: predictions by case, features by image, and images that could not be read.

Everything is written part by part: no more is in memory than one of them.
"""

import csv
import itertools
import pathlib
import zipfile
from collections.abc import Callable, Iterable

import numpy as np

from simclr_med import packages
from simclr_med.evaluation.predictions_table import PROBABILITY
from simclr_med.files import atomic
from simclr_med.serving.bulk.listing import Listing

NAMES = ("image", "case_id", "patient_id")


def write_predictions(
    path: pathlib.Path, listing: Listing, parts: Iterable, classes: tuple[str, ...], task: str
) -> int:
    """Write one row a case, the mean over its readable images: predictions.csv without truth.

    Args:
      path: the file.
      listing: a `Listing`.
      parts: (number of the first image, values `[n, ...]`, errors `[n]`), in order; the first K
        of an image's values are its probabilities.
      classes: K names.
      task: "multiclass" has a column of the most probable class; findings each stand for itself.

    Returns:
      The number of cases.
    """
    count = 0
    with atomic.csv_writer(path) as writer:
        predicted = ["predicted"] * (task == "multiclass")
        columns = [*predicted, *(PROBABILITY + name for name in classes)]
        writer.writerow(["case_id", "patient_id", *columns])
        cases = itertools.groupby(_readable(parts), lambda row: listing.case_ids[row[0]])
        for case, rows in cases:
            numbers, values = zip(*rows, strict=True)
            shares = np.stack(values)[:, : len(classes)].astype(np.float64)
            mean = shares.mean(axis=0).astype(np.float32)
            best = [classes[mean.argmax()]] * len(predicted)
            writer.writerow([case, listing.patient_ids[numbers[0]], *best, *mean.astype(str)])
            count += 1
    return count


def _readable(parts):
    for start, values, errors in parts:
        for i in np.flatnonzero(errors == ""):
            yield start + i, values[i]


def write_skipped(
    path: pathlib.Path,
    listing: Listing,
    parts: Iterable,
    reason: Callable[[Listing, int, str], str],
) -> int:
    """Write the images that could not be read, and why, where there are any.

    Args:
      path: the file.
      listing, parts: as of `write_predictions`.
      reason: a function of the listing, an image's number and its error in the part, to words.

    Returns:
      The number of them.
    """
    rows = [
        (listing.images[start + i], reason(listing, start + i, errors[i]))
        for start, _, errors in parts
        for i in np.flatnonzero(errors != "")
    ]
    if rows:
        with atomic.csv_writer(path) as writer:
            writer.writerows([("image", "reason"), *rows])
    return len(rows)


def write_features(
    path: pathlib.Path, listing: Listing, parts: Iterable, count: int, form: str
) -> None:
    """Write one row an image that could be read: its names and features.

    Args:
      path: the file.
      listing, parts: as of `write_predictions`, with features `[n, D]`.
      count: number of the images that could be read.
      form: "npz", "csv" or "parquet".
    """
    rows = (
        (start + np.flatnonzero(errors == ""), values[errors == ""])
        for start, values, errors in parts
    )
    with atomic.replacing(path) as beside:
        FORMS[form](beside, listing, rows, count)


def refuse_missing_extra(form: str) -> None:
    """Raise `InputError` where the package that a form needs is not installed."""
    if form == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise packages.missing("parquet", "--features_format=parquet needs pyarrow") from None


def _as_csv(path, listing, rows, count):
    with open(path, "w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        for number, (index, values) in enumerate(rows):
            if not number:
                names = [f"feature_{d}" for d in range(values.shape[1])]
                writer.writerow([*NAMES, *names])
            columns = _names(listing, index)
            writer.writerows(zip(*columns, *values.astype(str).T, strict=True))


def _as_npz(path, listing, rows, count):
    """Write features, float32 `[M, D]`, and the names, `[M]`, for `numpy.load`."""
    seen = []
    with zipfile.ZipFile(path, "w") as archive:
        first = next(rows)
        shape = {"descr": "<f4", "fortran_order": False, "shape": (count, first[1].shape[1])}
        # ZipInfo: without the time of day, so that the same features are the same bytes.
        with archive.open(zipfile.ZipInfo("features.npy"), "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, shape)
            for index, values in itertools.chain([first], rows):
                entry.write(np.ascontiguousarray(values, "<f4"))
                seen.append(index)
        for name, column in zip(NAMES, _names(listing, np.concatenate(seen)), strict=True):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, column, allow_pickle=False)


def _as_parquet(path, listing, rows, count):
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    for index, values in rows:
        size = values.shape[1]
        flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
        columns = [pa.array(column.tolist(), pa.string()) for column in _names(listing, index)]
        columns.append(pa.FixedSizeListArray.from_arrays(flat, size))
        table = pa.table(dict(zip((*NAMES, "features"), columns, strict=True)))
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


FORMS = {"npz": _as_npz, "csv": _as_csv, "parquet": _as_parquet}


def _names(listing, index):
    return listing.images[index], listing.case_ids[index], listing.patient_ids[index]
