"""From explicitly given values to a checked `Config`.

config = make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/a", "steps": 500})
"""

import dataclasses
import os

from simclr_med.config import recipes
from simclr_med.config.checks import check_seed, check_together, check_value, refuse_idle
from simclr_med.config.fields import FIELDS, SECTIONS, Config
from simclr_med.config.inheritance import inherited
from simclr_med.config.setting import BULK, LISTS, MODES, acting_modes, default_in
from simclr_med.config.storage import load_config
from simclr_med.errors import InputError


def make_config(mode, given, source=None) -> Config:
    """Return the checked `Config` of explicitly given values; the rest are the mode's defaults.

    Args:
      mode: one of `MODES`.
      given: flat names to values; `work_dir` among them, perhaps `seed`.
      source: `Config` of the run that `init` names, where that is planned only.

    Raises:
      InputError: names the flag.
    """
    if mode in BULK and "seed" in given:
        raise InputError(f"--seed has no effect with --mode={mode}: nothing is drawn there")
    flags, given = tuple(given), dict(given)
    work_dir, seed = given.pop("work_dir", ""), given.pop("seed", 0)
    _check_run(mode, work_dir, seed)
    head = given.get("head", FIELDS["head"][1].default)
    if mode == "sweep":
        check_value(FIELDS["head"][1], head)
    _refuse_of_another_mode(mode, acting_modes(mode, head), given)
    if given.get("use_tpu") and given.setdefault("strategy", "tpu") != "tpu":
        raise InputError(f"--use_tpu and --strategy={given['strategy']} are two strategies")
    modes = acting_modes(mode, head)
    if str(given.get("init")).startswith(("run:", "imported:")):
        given |= inherited(given, source)
    if given.get("data_dir"):
        given["data_dir"] = os.path.abspath(given["data_dir"])
    recipe = given.get("augmentation", default_in(modes[-1], FIELDS["augmentation"][1]))
    values = recipes.OWN_STRENGTHS.get(recipe, {}) | given
    sections = {name: _section(modes, kind, values) for name, kind in SECTIONS.items()}
    config = Config(mode=mode, work_dir=str(work_dir), seed=seed, **sections)
    refuse_idle(config, modes, flags)
    check_together(config)
    return config


def for_existing_run(mode, work_dir, given) -> Config:
    """Return the `Config` of a trained run, with the settings of `mode` (evaluate, export).

    Args:
      mode: what is done with the run now.
      work_dir: of the run.
      given: explicitly given values by flat name, but for `work_dir`.

    Raises:
      InputError: `work_dir` holds no run, or names the flag.
    """
    if mode == "export" and "seed" in given:
        raise InputError("--seed has no effect with --mode=export: nothing is drawn there")
    stored = load_config(work_dir)
    own = dict(given)
    if mode in ("evaluate", "export"):
        own.setdefault("data_dir", stored.data.data_dir)
    asked = make_config(mode, {"seed": stored.seed, "work_dir": work_dir, **own})
    data = dataclasses.replace(stored.data, data_dir=asked.data.data_dir or stored.data.data_dir)
    devices = dataclasses.replace(stored.distribute, tf32=asked.distribute.tf32)
    return dataclasses.replace(
        stored,
        mode=mode,
        data=data,
        seed=asked.seed,
        distribute=devices,
        evaluate=asked.evaluate,
        export=asked.export,
        bulk=asked.bulk,
    )


def _check_run(mode, work_dir, seed):
    if mode not in MODES:
        raise InputError(f"--mode={mode} is not one of {', '.join(MODES)}")
    if not work_dir:
        raise InputError("--work_dir is missing: the folder that the run is written to")
    check_seed(seed)


def _refuse_of_another_mode(mode, acting, given):
    for name in given:
        if mode == "sweep" and name in LISTS:
            raise InputError(f"--{name} has no effect with --mode=sweep: give --{LISTS[name]}")
        if name not in FIELDS:
            raise InputError(f"--{name} is not a known flag")
        modes = FIELDS[name][1].metadata["modes"]
        if not set(acting) & set(modes):
            raise InputError(
                f"--{name} has no effect with --mode={mode}; it acts in {', '.join(modes)}"
            )


def _section(modes, kind, values):
    chosen = {}
    for field in dataclasses.fields(kind):
        chosen[field.name] = values.get(field.name, default_in(modes[-1], field))
        if set(modes) & set(field.metadata["modes"]):
            check_value(field, chosen[field.name])
    return kind(**chosen)
