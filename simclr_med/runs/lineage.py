"""Lineage of a run: the trainings and imports that it started from, and their name in results.

    start_of(load_config("work/probe"))  # "SimCLR ImageNet→in-domain"

| name | is |
|---|---|
| Random Initialization | no `--init` |
| Supervised ImageNet, BiT Supervised, SimCLR ImageNet | imported weights, as the paper calls them |
| timm, resnet50 | other imported weights: their project and architecture |
| SimCLR in-domain | pretraining on other data than ImageNet, from random weights |
| SimCLR ImageNet→in-domain | the same from the imported weights of SimCLR |
| MICLe ... | SimCLR and then MICLe, as in the paper; MICLe alone: without SimCLR in-domain before |
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Sequence

from simclr_med.config.fields import Config
from simclr_med.config.setting import IMPORTED
from simclr_med.config.storage import REMEDY, load_config
from simclr_med.errors import InputError
from simclr_med.runs import input_contract, layout

RANDOM = "Random Initialization"
_PROJECTS = {  # in what an import says of its source, to what the weights are
    "google-research/simclr": "SimCLR ImageNet",
    "big_transfer": "BiT Supervised",
    "keras.applications": "Supervised ImageNet",
}
# From ImageNet the paper goes on with SimCLR's weights; others are named.
_BEFORE = {"SimCLR ImageNet": "ImageNet"}
_METHODS = {"SimCLR, MICLe": "MICLe", "MICLe": "MICLe alone"}  # else each is named, in order


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """One training or import that a run started from: its folder, and its `Config`."""

    folder: pathlib.Path
    config: Config


def stages_before(config: Config) -> tuple[tuple[Stage, ...], str]:
    """Return the `Stage`s that a `Config` starts from, the nearest first, and the one that is lost.

    Returns:
      A tuple of stages, and the path of the first that is no longer there, "" where all are.

    Raises:
      InputError: the config.json of one is damaged, or leads back to a run before it.
    """
    stages, seen = [], {_resolved(config.work_dir)}
    while config.mode != IMPORTED and config.head.init != "random":
        folder = pathlib.Path(config.head.init.partition(":")[2])
        if not layout.holds_run(folder):
            return tuple(stages), str(folder)
        if (resolved := _resolved(folder)) in seen:
            raise InputError(
                f"{pathlib.Path(config.work_dir) / layout.CONFIG} is damaged: its init leads back "
                f"to {folder}, which started from it; {REMEDY}"
            )
        seen.add(resolved)
        config = load_config(folder)
        stages.append(Stage(folder, config))
    return tuple(stages), ""


def _resolved(folder):
    return os.path.realpath(folder)


def start_of(config: Config) -> str | None:
    """Return the name of the start of a `Config`, None where that is gone or broken."""
    try:
        stages, lost = stages_before(config)
        return None if lost else name_of(stages)
    except InputError:  # whoever asks has the head, and needs no more of its start than a name
        return None


def name_of(stages: Sequence[Stage], domain: str = "in-domain") -> str:
    """Return the name of `Stage`s, the nearest first; `domain` stands for all but ImageNet.

    Raises:
      InputError: imported weights do not say where they are from.
    """
    before = _imagenet(stages[-1]) if stages else ""
    found = filter(None, map(_method, stages[::-1]))
    own = [method for method, _ in itertools.groupby(found)]
    if not own:
        return before or RANDOM
    method = _METHODS.get(", ".join(own)) or " then ".join(own)
    return f"{method} {_BEFORE.get(before, before)}→{domain}" if before else f"{method} {domain}"


def pretrains_in_domain(stage: Stage) -> bool:
    """Return whether a `Stage` is a contrastive training on other data than ImageNet."""
    return stage.config.mode == "pretrain" and not _on_imagenet(stage)


def _method(stage):
    """Return the method of a stage that trained an encoder on data other than ImageNet, or ""."""
    if pretrains_in_domain(stage):
        return {"augmentation": "SimCLR", "case": "MICLe"}[stage.config.data.positives]
    return "supervised" if stage.config.mode == "finetune" else ""  # a probe leaves it as it was


def _imagenet(first):
    """Return the method of the first stage on ImageNet, or the source of its weights, or ""."""
    if first.config.mode == "pretrain":
        return "SimCLR ImageNet" if _on_imagenet(first) else ""
    if first.config.mode != IMPORTED:
        return ""
    source = input_contract.load(first.folder).source
    known = (name for project, name in _PROJECTS.items() if project in source)
    return next(known, source.rpartition("(")[2].rstrip(")"))  # a file's name may name people


def _on_imagenet(stage):
    return "imagenet" in stage.config.data.data_dir.lower()
