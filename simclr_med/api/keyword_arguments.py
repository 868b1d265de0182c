"""Keyword arguments of the verbs: the settings that act in a mode, by the names of their flags.

    given = checked("pretrain", {"steps": 500})

`simclr_med.pretrain` and its kin take them; `inspect.signature` and a notebook's help show them
with their defaults. types.py has their types.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import HEADS, LISTS, acting_modes, default_in
from simclr_med.errors import InputError

# Settings that are a verb's own arguments.
OWN = ("data_dir", "runs", "model", "images")


def of_mode(mode: str) -> dict[str, tuple[Any, Any]]:
    """Return name -> (type, default) of the settings that a mode takes.

    Args:
      mode: one of `setting.MODES`; of a sweep, with those of either head.
    """
    modes = [mode]
    if mode == "sweep":
        modes = [*dict.fromkeys(m for head in HEADS for m in acting_modes(mode, head))]
    return {
        name: (field.type, default_in(modes[-1], field))
        for name, (_, field) in FIELDS.items()
        if set(modes) & set(field.metadata["modes"])
        and name not in OWN
        and not (mode == "sweep" and name in LISTS)
    }


def checked(mode: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return values as a `Config` has them: lists as tuples, paths and results as text.

    Raises:
      InputError: a name that the verb does not take, with the nearest that it does; or a value of
        another type.
    """
    known = of_mode(mode)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise InputError(
                f"{mode}() takes no {name}" + (f"; did you mean {near[0]}?" if near else "")
            )
    return {
        name: _as_type(name, value, known[name][0])
        for name, value in given.items()
        if value is not None
    }


def _as_type(name, value, kind):
    """Return a value as a setting of a type has it."""
    if kind is tuple:
        values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
        return tuple(str(each) for each in values)
    if kind is str:
        if name == "init" and hasattr(value, "__fspath__"):
            return f"run:{value.__fspath__()}"
        return str(value.__fspath__() if hasattr(value, "__fspath__") else value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and not isinstance(value, bool) and hasattr(value, "__index__"):
        return value.__index__()  # NumPy's whole numbers too
    if kind is float and hasattr(value, "__float__") and not isinstance(value, (bool, str)):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise InputError(f"{name}={value!r}: expected {kind.__name__}")
    return value


def shown_by(mode: str) -> Callable:
    """Return a decorator that gives a verb the signature of all its keyword arguments."""

    def decorate(verb):
        own = inspect.signature(verb)
        settings = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, (_, default) in of_mode(mode).items()
        ]
        plain = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        verb.__signature__ = own.replace(parameters=[*plain, *settings])
        return verb

    return decorate
