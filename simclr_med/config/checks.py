"""Checks of settings: each by itself, and all of them together."""

import math

from simclr_med.config.architectures import ENCODERS, SETTINGS
from simclr_med.config.fields import FIELDS, flat
from simclr_med.config.setting import HEADS
from simclr_med.config.splits import LABELLED
from simclr_med.errors import InputError


def check_value(field, value):
    """Refuse a `value` that does not pass the check of its `field`.

    Raises:
      InputError: names the flag, its value and what was expected.
    """
    shown = ",".join(value) if isinstance(value, tuple) else value
    given = f"--{field.name}={shown}"
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{given}: expected a finite number")
    if isinstance(value, tuple) and "" in value:
        raise InputError(f"{given}: one entry is empty")
    check = field.metadata["check"]
    if check is None:
        return
    if not callable(check[-1]):
        if value not in check:
            raise InputError(f"{given}: expected one of {', '.join(map(str, check))}")
        return
    expected, passes = check
    if not passes(value):
        if shown in ("", None):
            given = f"--{field.name} is missing"
        raise InputError(f"{given}: expected {expected}")


def check_seed(seed):
    """Refuse a seed that is no whole number of 32 bits."""
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise InputError(f"--seed={seed}: expected a whole number from 0 to {2**32 - 1}")


def refuse_idle(config, modes, flags):
    """Refuse a flag that would change nothing, since it acts with other settings than there are.

    Args:
      config: a `Config`.
      modes: whose settings act in it, see `setting.acting_modes`.
      flags: names of those that were given.

    Raises:
      InputError: names the flag, the settings that keep it from acting, and those with which it
        acts.
    """
    settings = flat(config) | {"mode": config.mode}
    for name in filter(FIELDS.get, flags):
        if condition := unmet(settings, name, modes):
            deciding = " and ".join(f"--{n}={settings[n]}" for n in condition.deciding)
            raise InputError(
                f"--{name} has no effect with {deciding}; it acts with {condition.expected}"
            )


def check_together(config):
    """Refuse settings of a `Config` that are sound by themselves and not together.

    Raises:
      InputError: names the flag, and what it does not go with.
    """
    _refuse_of_another_encoder(config.encoder)
    _check_arithmetic(config)
    if config.mode in HEADS or config.mode == "sweep":
        _check_head(config)
    if config.mode == "sweep":
        _check_seeds(config)
    if config.mode == "sweep" and config.sweep.head == "linear_probe":
        _check_probes(config)


def _refuse_of_another_encoder(chosen):
    for name in SETTINGS:
        value = getattr(chosen, name)
        if name in ENCODERS[chosen.encoder].settings or value == FIELDS[name][1].default:
            continue
        having = ", ".join(key for key, row in ENCODERS.items() if name in row.settings)
        raise InputError(
            f"--{name}={value} has no effect with --encoder={chosen.encoder}; it acts with {having}"
        )


def _check_arithmetic(config):
    if config.distribute.strategy == "tpu" and config.train.precision == "mixed_float16":
        raise InputError("--precision=mixed_float16 is not for a TPU; expected mixed_bfloat16")
    batch, micro = config.train.batch_size, config.train.micro_batch
    if config.mode == "pretrain" and batch < 2:
        raise InputError(f"--batch_size={batch}: a pair needs another as its negative; 2 or more")
    if micro and batch % micro:
        raise InputError(f"--micro_batch={micro}: --batch_size={batch} does not divide by it")


def _check_head(config):
    if not config.data.splits or not set(config.data.splits) <= set(LABELLED):
        raise InputError(
            f"--splits={','.join(config.data.splits)}: a head learns from labels; expected "
            f"one or more of {', '.join(LABELLED)}"
        )
    if config.head.solver == "lbfgs" and not config.optimizer.weight_decay:
        raise InputError(
            f"--weight_decay={config.optimizer.weight_decay}: expected above 0 with "
            "--solver=lbfgs, since without it there may be no solution"
        )
    if config.head.solver == "lbfgs" and config.head.bag not in ("none", "features"):
        raise InputError(
            f"--bag={config.head.bag} is not for --solver=lbfgs: its loss may have several minima; "
            "expected none or features"
        )
    read, layers = config.head.head_input, config.projection.projection_layers
    if read.startswith("projection") and int(read[-1]) > layers:
        raise InputError(f"--head_input={read}: the projection head has {layers} layers")


def _check_seeds(config):
    last = config.seed + config.sweep.seeds - 1
    if last >= 2**32:
        raise InputError(
            f"--seed={config.seed}: with --seeds={config.sweep.seeds} the last is {last}; expected "
            f"at most {2**32 - 1}"
        )


def _check_probes(config):
    """Refuse settings of a run of one probe that many at once have not."""
    if config.head.solver != "sgd":
        raise InputError("--solver=lbfgs has no effect with --mode=sweep: probes at once are sgd's")
    if config.head.bag == "attention":
        raise InputError(
            "--bag=attention is not for a sweep's --head=linear_probe: probes at once are linear; "
            "expected --head=finetune, or --mode=linear_probe"
        )
    if config.optimizer.optimizer != "sgd":
        raise InputError(f"--optimizer={config.optimizer.optimizer}: probes at once are for sgd")
    if config.watch.validate_every:
        raise InputError(
            f"--validate_every={config.watch.validate_every} has no effect with "
            "--head=linear_probe, whose runs are measured at their end; it acts with "
            "--head=finetune"
        )


def unmet(settings, name, modes):
    """Return the first `Condition` that keeps a setting from acting, None where it acts.

    Args:
      settings: of a run, see `fields.flat`, and its "mode".
      name: of the setting.
      modes: whose settings act in the run, see `setting.acting_modes`.
    """
    for condition in FIELDS[name][1].metadata["acts"]:
        if set(modes) & set(condition.modes) and not condition.holds(settings):
            return condition
    return None


def described(config):
    """Return the settings that tell a run from others, name to text: those that act in its mode.

    Without "init", which may be a path of this machine.
    """
    settings = flat(config) | {"mode": config.mode}
    found = {"mode": config.mode, "seed": str(config.seed)}
    for name, (_, field) in FIELDS.items():
        meta = field.metadata
        if name == "init" or not meta["identity"] or config.mode not in meta["modes"]:
            continue
        if unmet(settings, name, (config.mode,)) is None:
            value = settings[name]
            found[name] = ", ".join(value) if isinstance(value, tuple) else str(value)
    return found
