"""The help of a verb that is a mode: the settings that matter, by group, with their defaults.

    print(page("pretrain"))

`--helpfull` lists every setting.
"""

import textwrap

from simclr_med.command.verbs import VERBS
from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import acting_modes, default_in

GROUPS = {  # title to settings; those that do not act in a mode are left out of its page
    "Data": ("data_dir", "splits", "positives", "label_fraction", "cache"),
    "Views": ("augmentation", "image_size", "color_strength", "crop_min_area"),
    "Network": ("encoder", "width", "init", "head_input"),
    "Training": (
        "steps", "batch_size", "micro_batch", "optimizer", "learning_rate",
        "learning_rate_scaling", "weight_decay", "temperature", "solver", "focal_gamma",
        "learning_rates", "weight_decays", "label_fractions", "seeds",
    ),
    "Devices": ("strategy", "use_tpu", "precision", "gradient_checkpointing"),
    "While it runs": ("save_every", "log_every", "validate_every", "monitor", "keep", "choose_by"),
    "Evaluation": ("eval_splits", "bootstrap_replicates", "bootstrap_unit", "confidence"),
    "Report": ("runs", "title", "baseline", "format", "margin", "errors_shown"),
    "Answers": (
        "model", "images", "image_column", "dicom_ids", "features_format", "nearest", "gradcam",
    ),
    "Export": ("export_format", "export_version"),
}  # fmt: skip
INDENT = 26


def page(mode: str) -> str:
    """Return the help page of a mode."""
    modes = acting_modes(mode, "linear_probe")
    own = " ".join(name.removesuffix("...").upper() for name in VERBS[mode].given)
    lines = [f"simclr-med {mode} {own} --work_dir=FOLDER [--NAME=VALUE ...]", ""]
    lines += [f"{VERBS[mode].does[0].upper()}{VERBS[mode].does[1:]}.", ""]
    for title, names in GROUPS.items():
        shown = [name for name in names if set(modes) & set(FIELDS[name][1].metadata["modes"])]
        if mode == "sweep":
            shown = [name for name in shown if name not in ("learning_rate", "weight_decay")]
        if shown:
            lines.append(title)
            lines += [line for name in shown for line in _setting(name, modes[-1])]
    rest = sum(bool(set(modes) & set(f.metadata["modes"])) for _, f in FIELDS.values())
    lines += ["", f"All {rest} settings: simclr-med {mode} --helpfull"]
    return "\n".join(lines)


def _setting(name, mode):
    """Return the lines of a setting: its name and default, and its help."""
    field = FIELDS[name][1]
    default = default_in(mode, field)
    if isinstance(default, tuple):
        default = ",".join(default)
    shown = f"--{name}" + (f"={default}" if default not in ("", None) else "")
    text = textwrap.wrap(field.metadata["help"], 96 - INDENT)
    if len(shown) > INDENT - 4:
        return [f"  {shown}", *(" " * INDENT + part for part in text)]
    return [f"  {shown:{INDENT - 2}}{text[0]}", *(" " * INDENT + part for part in text[1:])]
