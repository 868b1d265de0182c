"""Images that turn out to be unreadable: named, or, up to a limit, stood in for by others.

Evaluation names them, since each image counts there:

    with naming_unreadable(cases.paths):
        ...

Training may go on:

    stand_ins = StandIns(cases, limit=10, work_dir="work/a")
    positions = Positions(cases, substitutes=stand_ins.substitutes, ...)
    stand_ins.add(rows)  # of `cases.paths`, after an error
"""

import contextlib
import csv
import io
import pathlib
import re

import numpy as np
import tensorflow as tf

from simclr_med import progress
from simclr_med.errors import InputError
from simclr_med.files import atomic, stored
from simclr_med.runs import layout
from simclr_med.views.decode import decode, read

READ_ERRORS = (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,
)


@contextlib.contextmanager
def naming_unreadable(paths):
    """Turn TensorFlow's error, while images of `paths` are read, into one that names the file.

    Raises:
      InputError: an image cannot be read or decoded.
    """
    try:
        yield
    except READ_ERRORS as error:
        for path in paths:
            reason = why_unreadable(path)
            if reason:
                raise InputError(f"cannot decode image {path}: {reason}") from error
        raise


def why_unreadable(path):
    """Return why the image at `path` cannot be decoded, or "" if it can."""
    return _tried(read, path)[1]


def decoded_or_why(content):
    """Return (the image in a file's bytes, uint8 `[H, W, 3]`, ""), or (None, why there is none)."""
    return _tried(decode, content)


def _tried(function, argument):
    try:
        return function(argument), ""
    except READ_ERRORS as error:
        return None, re.sub(r"\{\{.*?\}\} | \[Op:.*", "", error.message.splitlines()[0])


class StandIns:
    """Stand-ins for unreadable images; kept in a run's skipped.csv.

    An unreadable image is stood in for by the next of its case that can be read, or, where its case
    has none, by the next image of the data set. What a position of the run shows depends on that
    alone, so that a run which met the image early, late or after a resumption sees the same.

    Args:
      cases: `Cases`.
      limit: how many may be unreadable; 0 makes the first one fatal.
      work_dir: of the run.

    Attributes:
      substitutes: int64 `[M]`, changed in place.
    """

    def __init__(self, cases, limit, work_dir):
        self.cases, self.limit = cases, limit
        self.file = pathlib.Path(work_dir) / layout.SKIPPED
        self.substitutes = np.arange(len(cases.paths))
        self.reasons = {}  # by path
        if self.file.exists():
            rows = stored.read_table(self.file, {"image": str, "reason": str}, "delete it")
            self.reasons = {row["image"]: row["reason"] for row in rows}
            known = set(cases.paths.tolist())  # the data may have been moved since
            self.reasons = {path: why for path, why in self.reasons.items() if path in known}
            self._refuse_too_many()
            self._substitute()

    def add(self, rows):
        """Look at images, by their rows of `cases.paths`; let others stand in for unreadable ones.

        Returns:
          Whether there were any.

        Raises:
          InputError: there are more than `limit` by now; all are named.
        """
        found = {path: why_unreadable(path) for path in self.cases.paths[np.unique(rows)].tolist()}
        found = {path: reason for path, reason in found.items() if reason}
        if not found:
            return False
        self.reasons |= found
        self._refuse_too_many()
        self._substitute()
        for path, reason in found.items():
            progress.note(f"skipped image {path}: {reason}")
        self._write()
        return True

    def _write(self):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", "read_instead", "reason"])
        instead = dict(zip(self.cases.paths, self.cases.paths[self.substitutes], strict=True))
        writer.writerows([path, instead[path], why] for path, why in self.reasons.items())
        atomic.write_text(self.file, text.getvalue())

    def _refuse_too_many(self):
        if len(self.reasons) > self.limit:
            named = [f"cannot decode image {path}: {why}" for path, why in self.reasons.items()]
            if self.limit:
                named.append(f"these are more than --skip_bad_images={self.limit}")
            raise InputError("\n".join(named))

    def _substitute(self):
        paths, offsets = self.cases.paths, self.cases.offsets
        bad = np.isin(paths, list(self.reasons))
        good = np.flatnonzero(~bad)
        if not len(good):
            raise InputError("none of the images can be read")
        self.substitutes[:] = np.arange(len(paths))
        for row in np.flatnonzero(bad):
            case = np.searchsorted(offsets, row, side="right") - 1
            own = good[(good >= offsets[case]) & (good < offsets[case + 1])]
            candidates = own if len(own) else good
            later = candidates[candidates > row]
            self.substitutes[row] = later[0] if len(later) else candidates[0]
