"""Conditions under which a setting acts: values of others, declared beside it in its section.

trust_coefficient: float = setting(0.001, "of LARS", POSITIVE, acts=(when("optimizer", "lars"),))

A flag whose conditions do not hold would change nothing, and is refused.
"""

import dataclasses
from collections.abc import Callable

from simclr_med.config import recipes
from simclr_med.config.architectures import ENCODERS
from simclr_med.config.setting import HEADS, MODES


@dataclasses.dataclass(frozen=True)
class Condition:
    """Condition of other settings, without which one does not act.

    Attributes:
      deciding: names of these settings.
      expected: the condition in words.
      holds: predicate of all settings' values, a dict by flat name, "mode" too.
      modes: in which it is asked for; in others it holds.
    """

    deciding: tuple
    expected: str
    holds: Callable
    modes: tuple = MODES


def when(name, *values, modes=MODES):
    """Return the `Condition` that the setting `name` has one of `values`."""
    expected = f"--{name}={' or '.join(values)}"
    return Condition((name,), expected, lambda settings: settings[name] in values, modes)


def with_step(step):
    """Return the `Condition` that the recipe has a step, see `recipes.RECIPES`."""
    return when("augmentation", *(name for name, steps in recipes.RECIPES.items() if step in steps))


def _changes(settings):
    steps = recipes.RECIPES[settings["augmentation"]]
    return bool(settings["extra_layers"] or recipes.CHANGING_DRAWS.keys() & set(steps))


def _has_batch_norm(settings):
    reads_projection = settings["head_input"].startswith("projection")
    return ENCODERS[settings["encoder"]].family != "bit" or reads_projection


def _begins_within(settings):
    first = settings["profile_steps"].partition(",")[0]
    return not first or int(first) <= settings["steps"]


READ_HERE = Condition(
    ("data_service",),
    "images that are read here, without --data_service",
    lambda settings: not settings["data_service"],
)
INITIALISED = Condition(
    ("init",), "--init=run:PATH or imported:PATH", lambda settings: settings["init"] != "random"
)
CHANGING = Condition(
    ("augmentation", "extra_layers"),
    "a recipe that changes colour, sharpness or orientation",
    _changes,
)
BATCH_NORM = Condition(
    ("encoder", "head_input"),
    "batch normalisation: in a ResNet, or in what --head_input=projection1 to projection3 reads",
    _has_batch_norm,
    ("finetune",),
)
EVALUATION_VIEW = Condition(
    ("monitor", "augmentation"),
    "--monitor=knn or --augmentation=none",
    lambda settings: settings["monitor"] == "knn" or settings["augmentation"] == "none",
    ("pretrain",),
)
PROFILED = Condition(("steps",), "a first step that the run has, counted from 1", _begins_within)
# The first layers of heads of two and of three layers are alike; the last alone has its own width.
PROJECTION_READ = when("head_input", "projection2", "projection3", modes=HEADS)
PROJECTION_END = Condition(
    ("head_input", "projection_layers"),
    "the --head_input of the last of its layers",
    lambda settings: settings["head_input"] == f"projection{settings['projection_layers']}",
    HEADS,
)
CUT = Condition(
    ("label_fraction",),
    "--label_fraction below 1",
    lambda settings: settings["mode"] == "sweep" or settings["label_fraction"] < 1,
)
VALIDATED = Condition(
    ("validate_every",),
    "--validate_every above 0",
    lambda settings: settings["validate_every"] > 0,
)
CHOSEN = Condition(
    ("keep",),
    "--keep=best",
    lambda settings: settings["mode"] == "sweep" or settings["keep"] == "best",
)
BY_STEPS = when("solver", "sgd", modes=("linear_probe",))  # what an exact solution has not
