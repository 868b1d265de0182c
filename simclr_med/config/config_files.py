"""Files of settings, `--config=FILE`: YAML, TOML or JSON of the flags' names, or a config.json.

    mode, given = read("work/a/config.json", "")  # "pretrain", {"steps": 500, "seed": 3, ...}

Flags of the command line come before the file's.
"""

import json
import os
import sys
from typing import Any

from simclr_med.config import recipes
from simclr_med.config.fields import FIELDS, SECTIONS, flat
from simclr_med.config.setting import MODES, acting_modes, default_in
from simclr_med.config.storage import from_json
from simclr_med.errors import InputError
from simclr_med.files import paths

KINDS = (".json", ".yaml", ".yml", ".toml")
OF_RUN = {"mode": str, "work_dir": str, "seed": int}


def read(file: str | os.PathLike[str], mode: str) -> tuple[str, dict[str, Any]]:
    """Return the mode, and the values that are given explicitly, by flat name.

    Of a run's config.json, these are the settings that act in the mode and are not its defaults.

    Args:
      file: its path.
      mode: that the command line asks for, "" for the file's own.

    Raises:
      InputError: no such file, not of its kind, a name that is no setting, a value of another type.
    """
    path = paths.file_to_read(file, "--config")
    content = _content(path)
    if any(isinstance(content.get(section), dict) for section in SECTIONS):
        config = from_json(json.dumps(content), "", str(path))
        mode = mode or config.mode
        return mode, {"seed": config.seed} | _changed(flat(config), mode)
    given = {name: _value(path, name, value) for name, value in content.items()}
    own = given.pop("mode", "")
    if own and own not in MODES:
        raise InputError(f"{path}: mode: {own!r} is not one of {', '.join(MODES)}")
    return mode or own, given


def _content(path):
    """Return the names and values in a file."""
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise InputError(f"--config={path}: expected a file that ends in {', '.join(KINDS)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = _parsed(text, suffix)
    except (ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path}: not {suffix[1:].upper()} in UTF-8: {first}") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{path}: expected names of settings with their values")
    return content


def _parsed(text, suffix):
    if suffix == ".json":
        return json.loads(text)
    if suffix == ".toml":
        if sys.version_info < (3, 11):
            raise ValueError("Python reads TOML from 3.11 on; write YAML")
        import tomllib

        return tomllib.loads(text)
    import yaml  # KerasCV brings it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _changed(values, mode):
    """Return the values that act in a mode and differ from its defaults."""
    modes = acting_modes(mode, values["head"])
    own = recipes.OWN_STRENGTHS.get(values["augmentation"], {})
    return {
        name: value
        for name, value in values.items()
        if set(modes) & set(FIELDS[name][1].metadata["modes"])
        and value != own.get(name, default_in(modes[-1], FIELDS[name][1]))
    }


def _value(path, name, value):
    """Return a value as the flag of the name has it."""
    if name not in FIELDS and name not in OF_RUN:
        raise InputError(f"{path}: {name} is not a known setting")
    kind = OF_RUN[name] if name in OF_RUN else FIELDS[name][1].type
    if kind is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if isinstance(parts, list) or isinstance(value, str):
            return tuple(str(part) for part in parts)
        return (str(value),)
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML takes 1e-6 for a text
        except ValueError:
            pass
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{path}: {name}: {value!r}; expected {kind.__name__}")
    return value
