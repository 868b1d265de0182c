"""Training cases known again: by case, patient and image, for whoever evaluates a run.

    note(work_dir, init, cases, data.fingerprint)  # as training begins
    seen = seen_by(training_record.load("work/probe"), cases)  # before it is evaluated
    seen.rows, seen.by

An image is known by its file's length and three stretches of its bytes, wherever it lies and
whatever its case is called; one that was encoded anew is another.
"""

import concurrent.futures
import dataclasses
import functools
import hashlib
import os
import pathlib

import numpy as np

from simclr_med.errors import InputError
from simclr_med.runs import layout, training_record
from simclr_med.runs.training_record import KINDS, Record, Source
from simclr_med.views import places


@dataclasses.dataclass(frozen=True)
class Seen:
    """Those of N cases that were learnt from.

    Attributes:
      rows: bool `[N]`.
      by: of each of `KINDS`, how many cases it gives away.
    """

    rows: np.ndarray
    by: dict


def note(work_dir, init, cases, fingerprint):
    """Write the record of a training that begins, unless its work folder holds it already.

    Args:
      work_dir: of the run.
      init: `--init` of the run, which has a record of its own.
      cases: the `Cases` that are trained on.
      fingerprint: of their data set.

    Raises:
      DamagedError: the record of `--init` is not what was written.
    """
    file = pathlib.Path(work_dir) / layout.LEARNT_FROM
    if file.exists():
        return
    before = training_record.of_init(init)
    names = {kind: texts for kind, (texts, _) in names_of(cases).items()}
    sources = (*before.sources, Source.of(names, fingerprint))
    training_record.save(Record(sources, before.unknown), file)


def seen_by(record, cases) -> Seen:
    """Return which of `Cases` a `Record` knows; reads a little of each image."""
    names = names_of(cases)
    marks = {kind: np.zeros(len(cases), bool) for kind in KINDS}
    for source in record.sources:
        for kind, (texts, owners) in names.items():
            marks[kind][owners[source.known(kind, texts)]] = True
    by = {kind: int(rows.sum()) for kind, rows in marks.items()}
    return Seen(np.logical_or.reduce([*marks.values()]), by)


def names_of(cases) -> dict:
    """Return the identifiers of each of `KINDS` in `Cases`, and the cases that they belong to.

    Returns:
      Kind to a list of texts, "" where nothing is known, and the rows of their cases, int64.
    """
    rows = np.arange(len(cases))
    with concurrent.futures.ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1))) as pool:
        images = list(pool.map(_image, cases.paths.tolist()))
    return {
        "case": (cases.case_ids.tolist(), rows),
        "patient": (cases.patient_ids.tolist(), rows),
        "image": (images, np.repeat(rows, np.diff(cases.offsets))),
    }


@functools.lru_cache(100_000)  # a sweep asks for the same ones for each of its runs
def _image(place):
    try:
        return hashlib.blake2b(places.sample(place), digest_size=16).hexdigest()
    except OSError:  # training names it, or leaves it out
        return ""


def refuse_seen(seen, cases, split, work_dir):
    """Raise `InputError` where some of a split's `Cases` were learnt from.

    Args:
      seen: their `Seen`.
      cases: `Cases`.
      split: its name.
      work_dir: the head's.
    """
    if not seen.rows.any():
        return
    first = ", ".join(cases.case_ids[seen.rows][:3])
    told = ", ".join(f"{count} by {kind}" for kind, count in seen.by.items() if count)
    raise InputError(
        f"{work_dir} has learnt from {seen.rows.sum()} of the {len(cases)} cases of {split} "
        f"({told}; {first} ...): what it says of them is no test. --allow_seen evaluates them all "
        "the same, and the results say so"
    )
