"""Inheritance of settings from the start of a run (`--init=run:PATH`, `imported:PATH`)."""

import dataclasses
import os

from simclr_med.config.architectures import SMALL_IMAGE, has_small_stem
from simclr_med.config.setting import IMPORTED
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError


def inherited(given, source=None):
    """Return the network's settings of the start of a run, by flat name, and its full path.

    Args:
      given: explicitly given values by flat name, with `init`; they may not contradict.
      source: `Config` of a run that is planned; None where its folder says.

    Raises:
      InputError: there is no such run, or a given value does not fit its network.
    """
    kind, _, path = given["init"].partition(":")
    path = os.path.abspath(path)
    source = source or load_config(path)
    if (source.mode == IMPORTED) != (kind == IMPORTED):
        other = IMPORTED if source.mode == IMPORTED else "run"
        raise InputError(f"--init={given['init']}: expected {other}:{path}")
    taken = {
        "init": f"{kind}:{path}",
        "image_size": _image_size(given, source, path),
        "eval_crop": given.get("eval_crop", source.augment.eval_crop),
    }
    return taken | _network(given, source, path)


def _image_size(given, source, path):
    size, stored = given.get("image_size", source.augment.image_size), source.augment.image_size
    small = has_small_stem(source.encoder.encoder, stored)
    if has_small_stem(source.encoder.encoder, size) != small:
        raise InputError(
            f"--image_size={size}: {path} has {stored}, and a stem for images "
            f"of {'at most' if small else 'more than'} {SMALL_IMAGE} pixels"
        )
    return size


def _network(given, source, path):
    sections = [source.encoder]
    if source.projection.projection_layers:
        sections.append(source.projection)
    elif str(given.get("head_input")).startswith("projection"):
        raise InputError(f"--head_input={given['head_input']}: {path} has no projection head")
    taken = {}
    for section in sections:
        for name, value in dataclasses.asdict(section).items():
            taken[name] = given.get(name, value)
            if taken[name] != value and name != "bn_momentum":  # that is no architecture
                raise InputError(f"--{name}={given[name]}: {path} has {value}")
    return taken
