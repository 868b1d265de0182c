"""Answers so far, in files of some batches each, so that a killed run goes on.

    complete(folder, model, listing, batch_size=64, threads=0, label="predict")
    for start, values, errors in each(folder):
        ...

Batches begin where they would without the kill: of one batch size the same bits come out.
"""

import pathlib
from collections.abc import Iterator

import numpy as np

from simclr_med import progress
from simclr_med.errors import InputError
from simclr_med.files import array_files, atomic
from simclr_med.serving.bulk.listing import Listing
from simclr_med.serving.bulk.models import OfExport, OfRun

IMAGES = 1024  # of a part, about


def complete(
    folder: pathlib.Path,
    model: OfRun | OfExport,
    listing: Listing,
    *,
    batch_size: int,
    threads: int,
    label: str,
) -> None:
    """Answer the images that have no answer yet, part by part.

    Args:
      folder: of the parts, a path.
      model: of `models.load`.
      listing: a `Listing`.
      batch_size: images at a time.
      threads: see `models.OfRun.answers`.
      label: name of the work, for the progress line on stderr.
    """
    size = batch_size * max(1, IMAGES // batch_size)
    starts = range(0, len(listing), size)
    folder.mkdir(exist_ok=True)
    done = next((i for i, start in enumerate(starts) if _read(folder, start) is None), len(starts))
    if done == len(starts):
        return
    first = starts[done]
    batches = model.answers(listing, first, batch_size, threads)
    kept, begin = [], first
    with progress.shown(label, "image", len(listing), first) as showing:
        for values, errors in batches:
            kept.append((values, errors))
            now = begin + sum(len(part) for _, part in kept)
            showing.to(now)
            if now - begin == size or now == len(listing):
                _write(folder, begin, kept)
                kept, begin = [], now


def each(folder: pathlib.Path) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield (number of the first image, values `[n, D]`, errors `[n]`) of each part, in order."""
    for file in sorted(folder.glob("*.npz")):
        yield int(file.stem), *_read(folder, int(file.stem))


def _file(folder, start):
    return folder / f"{start:012}.npz"


def _write(folder, start, kept):
    values, errors = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    with atomic.replacing(_file(folder, start)) as beside, open(beside, "wb") as opened:
        np.savez(opened, values=values, errors=errors)


def _read(folder, start):
    """Return (values, errors) of a part; None where it is not there, or not whole."""
    try:
        found = array_files.read_npz(_file(folder, start), array_files.NUMBERS + "U")
        return found["values"], found["errors"]
    except (InputError, KeyError):
        return None
