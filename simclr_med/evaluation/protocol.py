"""A run in the paper's words: its architecture, its method, its share of the labels."""

import dataclasses
import re

from simclr_med.errors import InputError
from simclr_med.evaluation.evaluated_runs import Run
from simclr_med.runs.lineage import name_of, pretrains_in_domain

# What the unlabelled images of a task's runs are called in the paper, whatever set they are here.
DOMAIN = {"multiclass": "Derm", "multilabel": "CheXpert"}


@dataclasses.dataclass(frozen=True)
class Described:
    """A run as a row of the paper's tables.

    Attributes:
      run: the `Run`.
      task: "multiclass" (the paper's dermatology) or "multilabel" (its chest radiographs).
      architecture: such as "ResNet-50 (4×)".
      method: such as "SimCLR ImageNet→Derm"; a head that is no fine-tuning is named.
      augmentation: MICLe's recipe, "" for other methods.
      label_fraction: share of the labelled cases.
      pretrain_steps: of SimCLR on the task's own images, 0 where there was none.
    """

    run: Run
    task: str
    architecture: str
    method: str
    augmentation: str
    label_fraction: float
    pretrain_steps: int


def describe(run):
    """Return the `Described` of a run.

    Raises:
      InputError: it was trained elsewhere, or a folder that it started from is gone: then nothing
        says which row is its.
    """
    if run.config is None:
        raise InputError(f"{run.path} has no config.json, so that no row of the paper is its")
    if run.lost:
        raise InputError(f"{run.path} started from {run.lost}, which is not there any more")
    task = next(iter(run.predictions.values())).task
    own = [stage.config for stage in run.stages if pretrains_in_domain(stage)]
    simclr = [config for config in own if config.data.positives == "augmentation"]
    micle = [config for config in own if config.data.positives == "case"]
    method = name_of(run.stages, DOMAIN[task])
    if run.config.mode != "finetune":
        method += f" ({run.config.mode.replace('_', ' ')})"
    return Described(
        run=run,
        task=task,
        architecture=architecture(run.config.encoder),
        method=method,
        augmentation=micle[0].augment.augmentation if micle else "",
        label_fraction=run.config.data.label_fraction,
        pretrain_steps=simclr[0].train.steps if simclr else 0,
    )


def architecture(encoder):
    """Return the paper's name of an `EncoderConfig`: "ResNet-50 (4×)"."""
    depth = re.search(r"resnet(\d+)", encoder.encoder)[1]
    variant = " with selective kernels" if encoder.selective_kernels else ""
    return f"ResNet-{depth} ({encoder.width:g}×){variant}"
