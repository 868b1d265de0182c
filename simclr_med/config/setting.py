"""Setting of a run: a dataclass field with its help, its check and the modes in which it acts.

temperature: float = setting(0.1, "of NT-Xent", POSITIVE, modes=("pretrain",))
"""

import dataclasses
import math
import re

HEADS = ("linear_probe", "finetune")
TRAINING = ("pretrain", *HEADS)
AUGMENTING = ("pretrain", "finetune")  # they train an encoder
BULK = ("predict", "embed")  # they ask about images that are in no data set
MODES = (*TRAINING, "sweep", "evaluate", *BULK, "export", "report")
IMPORTED = "imported"  # the mode in the config.json of a folder of tools/import_checkpoint.py

# What a sweep has a list of; the names of one run's are refused in it.
LISTS = {
    "learning_rate": "learning_rates",
    "weight_decay": "weight_decays",
    "label_fraction": "label_fractions",
}

POSITIVE = ("above 0", lambda value: value > 0)
NOT_NEGATIVE = ("0 or more", lambda value: value >= 0)
MOST_STEPS, MOST_CASES = 10**8, 10**6  # of positions in a run, their product has to fit 47 bits
FRACTION = ("above 0, at most 1", lambda value: 0 < value <= 1)
UP_TO_ONE = ("from 0 to 1", lambda value: 0 <= value <= 1)
SHARE = ("from 0 to below 1", lambda value: 0 <= value < 1)
INIT = (
    "random, imported:PATH or run:PATH",
    lambda value: value == "random" or re.fullmatch("(imported|run):.+", value),
)


def setting(default, help, check=None, modes=TRAINING, by_mode=None, identity=True, acts=()):
    """Return a dataclass field that describes a setting.

    Args:
      default: in every mode that `by_mode` does not name.
      help: what the flag's help says.
      check: a tuple of choices, or a pair (what is expected, predicate of a value).
      modes: where it acts; given elsewhere it is refused.
      by_mode: defaults that differ from `default`, by mode.
      identity: whether two runs that differ in it are different runs.
      acts: `Condition`s of other settings, without all of which it is refused.
    """
    metadata = {"help": help, "check": check, "modes": modes, "identity": identity}
    metadata |= {"by_mode": by_mode or {}, "acts": acts}
    return dataclasses.field(default=default, metadata=metadata)


def between(low, high):
    """Return the check of a number from `low` to `high`."""
    return (f"from {low} to {high}", lambda value: low <= value <= high)


def up_to(high):
    """Return the check of a number above 0 and at most `high`."""
    return (f"above 0, at most {high}", lambda value: 0 < value <= high)


def each_number(expected, passes):
    """Return the check of a list of numbers as text, one at least and none twice.

    Args:
      expected: of each, in words.
      passes: predicate of a number.
    """

    def check(texts):
        try:
            numbers = [float(text) for text in texts]
        except ValueError:
            return False
        # Folders of a sweep's runs are called by them, with so many digits.
        once = len({f"{number:g}" for number in numbers}) == len(numbers) > 0
        return once and all(math.isfinite(number) and passes(number) for number in numbers)

    return (f"numbers {expected}, none twice in six digits", check)


def acting_modes(mode, head):
    """Return the modes whose settings act in `mode`: in a sweep, those of its `head` too."""
    return ("sweep", head) if mode == "sweep" else (mode,)


def default_in(mode, field):
    """Return the default that `field` has in `mode`."""
    return field.metadata["by_mode"].get(mode, field.default)


def for_heads(value):
    """Return the `by_mode` that gives both kinds of heads `value`."""
    return dict.fromkeys(HEADS, value)


def any_of(names):
    """Return the check of a list that holds nothing but `names`, each once, and may be empty."""
    return (
        f"one or more of {', '.join(names)}, none twice",
        lambda value: set(value) <= set(names) and len(set(value)) == len(value),
    )


def some_of(names):
    """Return the check of a list that holds at least one of `names`, and nothing else."""
    expected, within = any_of(names)
    return (expected, lambda value: value and within(value))
