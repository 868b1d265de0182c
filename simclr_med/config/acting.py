"""Which settings of a run act: those of its mode whose conditions hold, see conditions.py."""

from simclr_med.config.fields import FIELDS


def unmet(config, name, modes):
    """Return the first `Condition` that keeps a setting from acting in these modes, else None."""
    settings = {n: getattr(getattr(config, section), n) for n, (section, _) in FIELDS.items()}
    settings["mode"] = config.mode
    for condition in FIELDS[name][1].metadata["acts"]:
        if set(modes) & set(condition.modes) and not condition.holds(settings):
            return condition
    return None


def described(config):
    """Return the settings that make a run what it is, name to text: those that act in its mode.

    Without "init", which may be a path of this machine.
    """
    found = {"mode": config.mode, "seed": str(config.seed)}
    for name, (section, field) in FIELDS.items():
        meta = field.metadata
        if name == "init" or not meta["identity"] or config.mode not in meta["modes"]:
            continue
        if unmet(config, name, (config.mode,)) is None:
            value = getattr(getattr(config, section), name)
            found[name] = ", ".join(value) if isinstance(value, tuple) else str(value)
    return found
