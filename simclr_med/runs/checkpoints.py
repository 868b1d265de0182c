"""Checkpoints of a work folder: which steps are there, and whether one is whole."""

import pathlib

from simclr_med.errors import InputError
from simclr_med.files import atomic, stored
from simclr_med.runs import layout

SCHEMA = {"sha256": str, "shapes": stored.Each([stored.between(0, 2**53)])}


class DamagedError(InputError):
    """A checkpoint's files are not those that were written."""


def steps(work_dir: str | pathlib.Path) -> list:
    """Return the steps that have a checkpoint, ascending."""
    return layout.numbered(pathlib.Path(work_dir) / layout.CHECKPOINTS)


def saved_shapes(path: pathlib.Path) -> dict:
    """Return the shape, a list, of each array in the checkpoint folder `path`, by name.

    Raises:
      DamagedError: its files are not those that were written.
    """
    try:
        for name in (layout.SHAPES, layout.WEIGHTS):
            if (path / name).exists() and not (path / name).is_file():  # to open a pipe waits
                raise DamagedError(f"{path} is damaged: {name} is no file")
        content = stored.parsed((path / layout.SHAPES).read_bytes(), SCHEMA, path, "")
        found = atomic.sha256(path / layout.WEIGHTS)
    except OSError as error:
        why = f"{pathlib.Path(error.filename).name}: {error.strerror}"
        raise DamagedError(f"{path} is damaged: {why}") from None
    except stored.DamagedError:
        why = f"{layout.SHAPES} is not what was written"
        raise DamagedError(f"{path} is damaged: {why}") from None
    if found != content["sha256"]:
        why = f"{layout.WEIGHTS} has another checksum than when it was written"
        raise DamagedError(f"{path} is damaged: {why}")
    return content["shapes"]
