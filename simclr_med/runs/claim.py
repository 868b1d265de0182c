"""A run's claim to its work folder: one run a folder, one process at a time."""

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator

from simclr_med import packages
from simclr_med.config.fields import FIELDS, Config, flat
from simclr_med.config.setting import LISTS, acting_modes
from simclr_med.config.storage import load_config, to_json
from simclr_med.errors import InputError, RunError
from simclr_med.files import atomic, stored
from simclr_med.runs import checkpoints, layout

_WORTH_KEEPING = (layout.CHECKPOINTS, layout.SETTINGS, layout.SWEEP)


@contextlib.contextmanager
def claimed_work_dir(config: Config, data_fingerprint: str) -> Iterator[None]:
    """Hold a new work folder, or one that holds the same run, while that run is written.

    What fails before the first checkpoint, or run of a sweep, leaves no folder.

    Args:
      config: a `Config`; written as config.json.
      data_fingerprint: of the data set; written as data.sha256.

    Raises:
      InputError: lists each setting that differs from the run that the folder holds (more steps
        are none where the schedule permits them); or another process is writing it.
    """
    folder = pathlib.Path(config.work_dir)
    new = not layout.holds_run(folder)
    if new:
        _begin(folder, config, data_fingerprint)
    else:
        _refuse_another_run(config, data_fingerprint)
    claimed = False
    try:
        with atomic.locked(folder / layout.LOCK, folder):
            claimed = True
            atomic.remove_unfinished(folder)
            if not new:
                _note_more_steps(config)
            yield
    except (InputError, RunError):
        if claimed and new and not any((folder / name).exists() for name in _WORTH_KEEPING):
            shutil.rmtree(folder)
        raise


def identity(config: Config) -> list:
    """Return (name, value) of all settings in which two runs of a mode differ, if they do."""
    pairs = [("mode", config.mode), ("seed", config.seed)]
    modes = set(acting_modes(config.mode, config.sweep.head))
    for name, value in flat(config).items():
        field = FIELDS[name][1]
        swept = config.mode == "sweep" and name in LISTS
        if field.metadata["identity"] and modes & set(field.metadata["modes"]) and not swept:
            pairs.append((name, value))
    return pairs


def _begin(folder, config, data_fingerprint):
    there = [path.name for path in folder.iterdir()] if folder.exists() else []
    ours = (layout.DATA, layout.VERSIONS, layout.DATA_SET, layout.FITTED)
    there = [name for name in there if name not in ours and not name.startswith(".")]
    if there:
        raise InputError(f"--work_dir={folder} holds {there[0]} and is no run's: give a new folder")
    atomic.write_text(folder / layout.DATA, data_fingerprint + "\n")
    atomic.write_text(folder / layout.VERSIONS, packages.versions() + "\n")
    atomic.write_text(folder / layout.CONFIG, to_json(config))


def differences(config: Config, there: Config) -> dict:
    """Return the settings in which a `Config` is of another run than the one that is `there`.

    Returns:
      Name to (value there, value of `config`).
    """
    old = dict(identity(dataclasses.replace(there, mode=config.mode))) | {"mode": there.mode}
    return {name: (old[name], new) for name, new in identity(config) if old[name] != new}


def _refuse_another_run(config, data_fingerprint):
    there = load_config(config.work_dir)
    differing = differences(config, there)
    if [*differing] == ["steps"] and config.train.steps > there.train.steps:
        _refuse_more_steps(config, there)
    elif differing:
        listed = "\n  ".join(f"--{n}: there {a}, now {b}" for n, (a, b) in differing.items())
        raise InputError(
            f"{config.work_dir} holds another run; give another --work_dir, or the same "
            f"settings to go on:\n  {listed}"
        )
    file = pathlib.Path(config.work_dir) / layout.DATA
    if stored.read_text(file, "give another --work_dir").strip() != data_fingerprint:
        raise InputError(
            f"{config.work_dir} was started on other data: dataset.json or manifest.csv in "
            f"{config.data.data_dir} has changed since; give another --work_dir"
        )


def _refuse_more_steps(config, there):
    """Refuse to train the run `there` for more steps where its learning rate would not go on."""
    folder, more = pathlib.Path(config.work_dir), f"--steps={config.train.steps}"
    if config.optimizer.schedule != "constant":
        raise InputError(
            f"{more}: {folder} holds a run of {there.train.steps} steps, at whose end its learning "
            f"rate has decayed to 0. Begin another there where it ends, with --init=run:{folder} "
            "and a new --work_dir; runs with --schedule=constant can be given more steps"
        )
    done = max(checkpoints.steps(folder), default=0)
    warmup = config.optimizer.warmup_steps(config.train.steps)
    if done < warmup:
        raise InputError(
            f"{more}: the warm-up would be of {warmup} steps, and {folder} has done {done} with a "
            f"shorter one; expected at most --steps={int(done / config.optimizer.warmup_fraction)}"
        )
    if (folder / layout.METRICS).exists():
        raise InputError(
            f"{more}: {folder} has been evaluated after {there.train.steps} steps; move its "
            f"{layout.METRICS} and predictions away first, which would be of another model"
        )


def _note_more_steps(config):
    there = load_config(config.work_dir)
    if there.train.steps != config.train.steps:
        train = dataclasses.replace(there.train, steps=config.train.steps)
        text = to_json(dataclasses.replace(there, train=train))
        atomic.write_text(pathlib.Path(config.work_dir) / layout.CONFIG, text)
