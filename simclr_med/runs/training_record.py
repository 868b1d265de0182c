"""Record of the cases, patients and images that a run has learnt from: learnt_from.json.

    record = load("work/probe")
    record.sources[0].known("patient", ["p1", "p2"])  # [True, False]

The record holds salted hashes, and those of the run that it started from: whoever has an identifier
can ask for it, and none can be read off. data/seen_cases.py makes the identifiers of cases.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable

import numpy as np

from simclr_med.files import atomic, stored
from simclr_med.runs import layout

REMEDY = "put back a copy of it, or train the run again"
KINDS = ("case", "patient", "image")
SCHEMA = {"sources": [{"salt": str, **dict.fromkeys(KINDS, [str])}], "unknown": [str]}


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
    def of(cls, names, salt) -> "Source":
        """Return the source of `names`, of each of `KINDS` a list of texts, "" where unknown."""
        return cls(salt, {kind: frozenset(hashed(names[kind], salt)) - {""} for kind in KINDS})

    def known(self, kind, names) -> np.ndarray:
        """Return bool `[n]`, which of n `names` of a kind the training had."""
        return np.array([text in self.hashes[kind] for text in hashed(names, self.salt)], bool)


@dataclasses.dataclass(frozen=True)
class Record:
    """All that a network has learnt from.

    Attributes:
      sources: `Source`s, one a training.
      unknown: what else it started from, of which nobody knows, in words.
    """

    sources: tuple = ()
    unknown: tuple = ()


def hashed(texts: Iterable[str], salt: str) -> list:
    """Return a hash of 64 bits, in hexadecimal, of each text; "" of an empty one."""
    key = hashlib.sha256(salt.encode()).digest()

    def of(text):
        return hashlib.blake2b(text.encode(), digest_size=8, key=key).hexdigest()

    return [text and of(text) for text in texts]


def of_init(init: str) -> Record:
    """Return the `Record` behind `--init`: random, run:PATH or imported:PATH."""
    kind, _, path = init.partition(":")
    return Record() if kind == "random" else load(path, kind)


def save(record: Record, file: str | pathlib.Path) -> None:
    """Write a `Record` as JSON."""
    sources = [
        {"salt": source.salt, **{kind: sorted(source.hashes[kind]) for kind in KINDS}}
        for source in record.sources
    ]
    atomic.write_text(file, json.dumps({"sources": sources, "unknown": record.unknown}))


def load(folder: str | pathlib.Path, kind: str = "run") -> Record:
    """Return the `Record` in a work folder, or in a folder of imported weights.

    Args:
      folder: of the run or the weights; without a record it is unknown what they learnt from.
      kind: "run" or "imported", for the words.

    Raises:
      DamagedError: the record is not what was written.
    """
    file = pathlib.Path(folder) / layout.LEARNT_FROM
    if not file.exists():
        what = "imported weights" if kind == "imported" else "a run of an earlier version"
        return Record(unknown=(f"{pathlib.Path(folder).name}, {what}",))
    content = stored.read_json(file, SCHEMA, REMEDY)
    sources = [
        Source(source["salt"], {kind: frozenset(source[kind]) for kind in KINDS})
        for source in content["sources"]
    ]
    return Record(tuple(sources), tuple(content["unknown"]))
