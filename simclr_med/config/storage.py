"""A run's settings as the config.json of its work folder."""

import dataclasses
import json
import os
import pathlib

from simclr_med.config.checks import check_seed, check_together, check_value
from simclr_med.config.fields import FIELDS, SECTIONS, Config, flat
from simclr_med.config.setting import IMPORTED, MODES
from simclr_med.errors import InputError
from simclr_med.files import stored

FILE = "config.json"  # of a work folder
REMEDY = "put back a copy of it, or train the run again"


def to_json(config):
    """Return the `Config` as JSON text, nested by section."""
    content = dataclasses.asdict(config)
    del content["work_dir"]  # a folder may be moved
    return json.dumps(content, indent=1, ensure_ascii=False)


def from_json(text, work_dir, source=FILE):
    """Return the `Config` of `to_json`'s text.

    Args:
      text: what `to_json` returned.
      work_dir: the folder that the configuration belongs to now.
      source: what a message calls the text.

    Raises:
      InputError: not JSON, a key that is not known or missing, or a value that no flag could have
        had.
    """
    try:
        content = json.loads(text)
        sections = {name: _section(kind, content.pop(name, {})) for name, kind in SECTIONS.items()}
        config = Config(work_dir=str(work_dir), **content, **sections)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{source} is not a configuration of this version: {error}; {REMEDY}"
        ) from None
    try:
        _check(config)
    except InputError as error:
        raise InputError(f"{source} holds what no run has: {error}; {REMEDY}") from None
    return config


def _check(config):
    """Refuse values that flags would be refused for, and types that they cannot give."""
    if config.mode not in (*MODES, IMPORTED):
        raise InputError(f"mode {config.mode!r}; expected one of {', '.join(MODES)}")
    check_seed(config.seed)
    for name, value in flat(config).items():
        field = FIELDS[name][1]
        parts = value if isinstance(value, tuple) else ()
        if not stored.fits(value, field.type) or not all(stored.fits(part, str) for part in parts):
            raise InputError(f"--{name}={value!r}: expected {field.type.__name__}")
        # Outside its modes a setting has its default, which need not pass: a data_dir of nothing.
        # Imported weights have had no steps, and perhaps no projection head.
        absent = value == field.default or (config.mode == IMPORTED and value == 0)
        if not absent:
            check_value(field, value)
    check_together(config)


def _section(kind, values):
    lists = {
        field.name: tuple(values[field.name])  # JSON has lists alone
        for field in dataclasses.fields(kind)
        if field.type is tuple and isinstance(values.get(field.name), list)
    }
    return kind(**(values | lists))


def holds_run(folder) -> bool:
    """Return whether a folder holds a run, or imported weights."""
    return (pathlib.Path(folder) / FILE).exists()


def load_config(work_dir) -> Config:
    """Return the `Config` that a work folder holds.

    Raises:
      InputError: it is no work folder, or of another version.
    """
    if not work_dir:
        raise InputError("--work_dir is missing: the folder of the run")
    file = pathlib.Path(work_dir) / FILE
    if not os.path.lexists(file):
        raise InputError(f"{work_dir} is not the work folder of a run: no {FILE}")
    return from_json(stored.read_text(file, REMEDY), work_dir, file)
