"""A run's claim to its work folder: one run a folder, one process at a time."""

import contextlib
import dataclasses
import pathlib
import shutil

from simclr_med import files, stored, versions
from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import LISTS, acting_modes
from simclr_med.config.storage import load_config, to_json
from simclr_med.errors import InputError, RunError

_WORTH_KEEPING = ("checkpoints", "settings", "sweep.csv")


@contextlib.contextmanager
def claimed_work_dir(config, data_fingerprint):
    """Hold a new work folder, or one that holds the same run, while that run is written.

    What fails before the first checkpoint, or run of a sweep, leaves no folder.

    Args:
      config: a `Config`; written as config.json.
      data_fingerprint: of the data set; written as data.sha256.

    Raises:
      InputError: lists each setting that differs from the run that the folder holds; or another
        process is writing it.
    """
    folder = pathlib.Path(config.work_dir)
    new = not (folder / "config.json").exists()
    if new:
        _begin(folder, config, data_fingerprint)
    else:
        _refuse_another_run(config, data_fingerprint)
    claimed = False
    try:
        with files.locked(folder / ".lock", folder):
            claimed = True
            files.remove_unfinished(folder)
            yield
    except (InputError, RunError):
        if claimed and new and not any((folder / name).exists() for name in _WORTH_KEEPING):
            shutil.rmtree(folder)
        raise


def identity(config):
    """Return (name, value) of all settings in which two runs of a mode differ, if they do."""
    pairs = [("mode", config.mode), ("seed", config.seed)]
    modes = set(acting_modes(config.mode, config.sweep.head))
    for name, (section, field) in FIELDS.items():
        swept = config.mode == "sweep" and name in LISTS
        if field.metadata["identity"] and modes & set(field.metadata["modes"]) and not swept:
            pairs.append((name, getattr(getattr(config, section), name)))
    return pairs


def _begin(folder, config, data_fingerprint):
    there = [path.name for path in folder.iterdir()] if folder.exists() else []
    there = [name for name in there if name != "data.sha256" and not name.startswith(".")]
    if there:
        raise InputError(f"--work_dir={folder} holds {there[0]} and is no run's: give a new folder")
    files.write_text(folder / "data.sha256", data_fingerprint + "\n")
    files.write_text(folder / "versions.txt", versions.installed() + "\n")
    files.write_text(folder / "config.json", to_json(config))


def _refuse_another_run(config, data_fingerprint):
    there = load_config(config.work_dir)
    old = dict(identity(dataclasses.replace(there, mode=config.mode))) | {"mode": there.mode}
    differing = [
        f"--{name}: there {old[name]}, now {new}"
        for name, new in identity(config)
        if old[name] != new
    ]
    if differing:
        listed = "\n  ".join(differing)
        raise InputError(
            f"{config.work_dir} holds another run; give another --work_dir, or the same "
            f"settings to go on:\n  {listed}"
        )
    file = pathlib.Path(config.work_dir) / "data.sha256"
    if stored.read_text(file, "give another --work_dir").strip() != data_fingerprint:
        raise InputError(
            f"{config.work_dir} was started on other data: dataset.json or manifest.csv in "
            f"{config.data.data_dir} has changed since; give another --work_dir"
        )
