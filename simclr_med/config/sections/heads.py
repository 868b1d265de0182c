"""A classifier on the encoder, and the grid of settings that it is chosen from."""

import dataclasses

from simclr_med.config.conditions import BY_STEPS, when
from simclr_med.config.setting import (
    FRACTION,
    HEADS,
    INIT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    between,
    each_number,
    setting,
)

SWEEP = ("sweep",)


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """Initial weights, input, loss and solver of a head."""

    init: str = setting(
        "random",
        "Initial weights: random; run:PATH, a work folder; imported:PATH, a folder of "
        "tools/import_checkpoint.py",
        INIT,
    )
    head_input: str = setting(
        "encoder",
        "Layer whose output the head reads",
        ("encoder", *(f"stage{i}" for i in range(1, 4)), *(f"projection{i}" for i in range(1, 4))),
        modes=HEADS,
    )
    head_init: str = setting(
        "zeros",
        "Initial kernel of the head: zeros, or normal with a standard deviation of 0.01 (SimCLR's)",
        ("zeros", "normal"),
        modes=("finetune",),
    )
    bag: str = setting(
        "none",
        "Combination of a case's images: none trains on each image alone and averages "
        "probabilities; features, probabilities and attention combine them in the loss "
        "too",
        ("none", "features", "probabilities", "attention"),
        modes=HEADS,
    )
    bag_images: int = setting(
        4,
        "Largest number of a case's images in one step of fine-tuning; further images "
        "take turns; a linear probe uses all",
        between(1, 256),
        modes=("finetune",),
        acts=(when("bag", "features", "probabilities", "attention"),),
    )
    targets: str = setting(
        "primary",
        "Targets of the loss: primary weighs a case's primary diagnoses alike; weighted "
        "follows the manifest's column label_weights",
        ("primary", "weighted"),
        modes=HEADS,
    )
    label_smoothing: float = setting(
        0.0,
        "Share of each target that is spread over all classes (or over present and "
        "absent), from 0 to below 1",
        SHARE,
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    class_weights: str = setting(
        "none",
        "Weights of classes in the loss: none; balanced, the inverse of each class's "
        "share of the labels; sqrt, its square root",
        ("none", "balanced", "sqrt"),
        modes=HEADS,
    )
    focal_gamma: float = setting(
        0.0,
        "Exponent of the focal loss for findings (Lin et al. 2017), from 0 to 10; 0 means "
        "plain cross-entropy",
        between(0, 10),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    solver: str = setting(
        "sgd",
        "Solver of a linear probe: sgd, or lbfgs, the exact solution, which needs "
        "--weight_decay above 0 and takes at most --steps iterations",
        ("sgd", "lbfgs"),
        modes=("linear_probe",),
    )


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The grid of a sweep, and the runs of the chosen settings."""

    head: str = setting("linear_probe", "Kind of head that a sweep trains", HEADS, modes=SWEEP)
    learning_rates: tuple = setting(
        ("0.000316", "0.001", "0.00316", "0.01", "0.0316", "0.1", "0.316"),
        "Learning rates of the grid; the default is the paper's, 10^-3.5 to 10^-0.5",
        each_number(*POSITIVE),
        modes=SWEEP,
    )
    weight_decays: tuple = setting(
        ("0", "0.00001", "0.0001", "0.001"),
        "Weight decays of the grid; the default is the paper's",
        each_number(*NOT_NEGATIVE),
        modes=SWEEP,
    )
    label_fractions: tuple = setting(
        ("1",),
        "Shares of the labelled cases; settings are chosen for each share separately",
        each_number(*FRACTION),
        modes=SWEEP,
    )
    halving: int = setting(
        0,
        "Successive halving factor (Jamieson and Talwalkar 2016): each round keeps the "
        "best 1/N settings and trains them N times longer; 0 trains all settings to the "
        "end, as in the paper",
        ("0, or from 2 to 64", lambda value: value == 0 or 2 <= value <= 64),
        modes=SWEEP,
        acts=(when("head", "finetune"),),
    )
    seeds: int = setting(
        5,
        "Number of runs of the chosen settings; their seeds follow --seed",
        between(1, 1000),
        modes=SWEEP,
    )


EVALUATE, REPORT = ("evaluate", "sweep"), ("evaluate", "sweep", "report")
