"""What a run has learnt from: which cases, patients and images, for whoever evaluates it.

    note(config, cases, data.fingerprint)  # as training begins
    seen = load("work/probe").seen(cases)  # before it is evaluated
    seen.rows, seen.by

The record, learnt_from.json in the work folder, holds salted hashes, and those of the run that it
started from: whoever has an identifier can ask for it, and none can be read off. An image is known
by its file's length and three stretches of its bytes, wherever it lies and whatever its case is
called; one that was encoded anew is another.
"""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib

import numpy as np

from simclr_med.errors import InputError
from simclr_med.files import atomic, stored
from simclr_med.runs.claim import LEARNT_FROM
from simclr_med.views import places

REMEDY = "put back a copy of it, or train the run again"
KINDS = ("case", "patient", "image")


@dataclasses.dataclass(frozen=True)
class Source:
    """The cases of one training.

    Attributes:
      salt: text that the hashes are made with: the data set's fingerprint.
      hashes: of each of `KINDS` a frozenset.
    """

    salt: str
    hashes: dict

    @classmethod
    def of(cls, names, salt):
        """Return the source of `names`, see `names_of`."""
        return cls(salt, {kind: frozenset(hashed(names[kind], salt)) - {""} for kind in KINDS})


@dataclasses.dataclass(frozen=True)
class Seen:
    """Which of N cases were learnt from.

    Attributes:
      rows: bool `[N]`.
      by: of each of `KINDS`, how many cases it gives away.
    """

    rows: np.ndarray
    by: dict


@dataclasses.dataclass(frozen=True)
class Record:
    """All that a network has learnt from.

    Attributes:
      sources: `Source`s, one a training.
      unknown: what else it started from, of which nobody knows, in words.
    """

    sources: tuple = ()
    unknown: tuple = ()

    def seen(self, cases):
        """Return the `Seen` of `Cases`; reads a little of each image."""
        names = names_of(cases)
        marks = {kind: np.zeros(len(cases), bool) for kind in KINDS}
        for source in self.sources:
            for kind in KINDS:
                known = [text in source.hashes[kind] for text in hashed(names[kind], source.salt)]
                marks[kind][names["owner", kind][known]] = True
        by = {kind: int(rows.sum()) for kind, rows in marks.items()}
        return Seen(np.logical_or.reduce([*marks.values()]), by)


def names_of(cases):
    """Return what tells each of `KINDS` in `Cases` from others, and which case's it is.

    Returns:
      A dict: kind to a list of texts, "" where nothing is known; ("owner", kind) to the rows of
      their cases, int64, as many.
    """
    rows = np.arange(len(cases))
    with concurrent.futures.ThreadPoolExecutor(min(32, 4 * os.cpu_count())) as pool:
        images = list(pool.map(_image, cases.paths.tolist()))
    return {
        "case": cases.case_ids.tolist(),
        ("owner", "case"): rows,
        "patient": cases.patient_ids.tolist(),
        ("owner", "patient"): rows,
        "image": images,
        ("owner", "image"): np.repeat(rows, np.diff(cases.offsets)),
    }


@functools.lru_cache(100_000)  # a sweep asks for the same ones for each of its runs
def _image(place):
    try:
        return hashlib.blake2b(places.sample(place), digest_size=16).hexdigest()
    except OSError:  # training names it, or leaves it out
        return ""


def hashed(texts, salt):
    """Return a hash of 64 bits, in hexadecimal, of each text; "" of an empty one."""
    key = hashlib.sha256(salt.encode()).digest()

    def of(text):
        return hashlib.blake2b(text.encode(), digest_size=8, key=key).hexdigest()

    return [text and of(text) for text in texts]


def note(config, cases, fingerprint):
    """Write the record of a training that begins, unless its work folder holds it already.

    Args:
      config: a `Config`, whose `--init` has a record of its own.
      cases: the `Cases` that are trained on.
      fingerprint: of their data set.

    Raises:
      DamagedError: the record of `--init` is not what was written.
    """
    file = pathlib.Path(config.work_dir) / LEARNT_FROM
    if file.exists():
        return
    before = _of_init(config.head.init)
    source = Source.of(names_of(cases), fingerprint)
    save(Record((*before.sources, source), before.unknown), file)


def _of_init(init):
    kind, _, path = init.partition(":")
    return Record() if kind == "random" else load(path, kind)


def save(record, file):
    """Write a `Record` as JSON."""
    sources = [
        {"salt": source.salt, **{kind: sorted(source.hashes[kind]) for kind in KINDS}}
        for source in record.sources
    ]
    atomic.write_text(file, json.dumps({"sources": sources, "unknown": record.unknown}))


def load(folder, kind="run"):
    """Return the `Record` in a work folder, or in a folder of imported weights.

    Args:
      folder: of the run or the weights; without a record it is unknown what they learnt from.
      kind: "run" or "imported", for the words.

    Raises:
      DamagedError: the record is not what was written.
    """
    file = pathlib.Path(folder) / LEARNT_FROM
    if not file.exists():
        what = "imported weights" if kind == "imported" else "a run of an earlier version"
        return Record(unknown=(f"{pathlib.Path(folder).name}, {what}",))
    content = stored.read_json(file, {"sources": list, "unknown": list}, REMEDY)
    try:
        sources = [
            Source(source["salt"], {kind: frozenset(source[kind]) for kind in KINDS})
            for source in content["sources"]
        ]
    except (KeyError, TypeError) as error:
        raise stored.DamagedError(f"{file} is damaged: {error!r}; {REMEDY}") from None
    return Record(tuple(sources), tuple(content["unknown"]))


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
