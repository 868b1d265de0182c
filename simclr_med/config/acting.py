"""Which settings of a run act: those of its mode whose conditions hold, see conditions.py."""

from simclr_med.config.fields import FIELDS, flat


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
    """Return the settings that make a run what it is, name to text: those that act in its mode.

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
