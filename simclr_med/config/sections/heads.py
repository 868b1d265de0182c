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
    """Where training starts, and what a head reads."""

    init: str = setting(
        "random",
        "start from: random; run:PATH, a work folder; imported:PATH, of tools/import_checkpoint.py",
        INIT,
    )
    head_input: str = setting(
        "encoder",
        "layer that the head reads",
        ("encoder", *(f"stage{i}" for i in range(1, 4)), *(f"projection{i}" for i in range(1, 4))),
        modes=HEADS,
    )
    head_init: str = setting(
        "zeros",
        "what the head's kernel starts at: zeros, or normal, drawn with deviation 0.01 (SimCLR's)",
        ("zeros", "normal"),
        modes=("finetune",),
    )
    bag: str = setting(
        "none",
        "how a case's images are trained on and answered for: none, each by itself, and their "
        "probabilities averaged; or together, by the mean of features, of probabilities, or of "
        "features weighted by attention",
        ("none", "features", "probabilities", "attention"),
        modes=HEADS,
    )
    bag_images: int = setting(
        4,
        "images of a case in a step, at most; others in turn where it has more. A probe's step has "
        "all",
        between(1, 256),
        modes=("finetune",),
        acts=(when("bag", "features", "probabilities", "attention"),),
    )
    targets: str = setting(
        "primary",
        "what a case's diagnosis is to the loss: its primary ones alike, or weighted, as the "
        "manifest's column label_weights spreads it",
        ("primary", "weighted"),
        modes=HEADS,
    )
    label_smoothing: float = setting(
        0.0,
        "share of each target that is spread over all classes, or over present and absent",
        SHARE,
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    class_weights: str = setting(
        "none",
        "what each class, or a finding's presence and absence, counts in the loss: none, the same; "
        "balanced, the inverse of its share of the labels learnt from; sqrt, the root of that",
        ("none", "balanced", "sqrt"),
        modes=HEADS,
    )
    focal_gamma: float = setting(
        0.0,
        "of the focal loss of findings (Lin et al. 2017); 0 for plain cross-entropy",
        between(0, 10),
        modes=HEADS,
        acts=(BY_STEPS,),
    )
    solver: str = setting(
        "sgd",
        "how a probe is trained: sgd, or lbfgs, the exact solution with --weight_decay above 0, "
        "in at most --steps iterations",
        ("sgd", "lbfgs"),
        modes=("linear_probe",),
    )


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The grid of a sweep, and what is made of the setting that it chooses."""

    head: str = setting("linear_probe", "what each run of a sweep is", HEADS, modes=SWEEP)
    learning_rates: tuple = setting(
        ("0.000316", "0.001", "0.00316", "0.01", "0.0316", "0.1", "0.316"),
        "of the grid; by default the paper's, 10^-3.5 to 10^-0.5",
        each_number(*POSITIVE),
        modes=SWEEP,
    )
    weight_decays: tuple = setting(
        ("0", "0.00001", "0.0001", "0.001"),
        "of the grid; by default the paper's",
        each_number(*NOT_NEGATIVE),
        modes=SWEEP,
    )
    label_fractions: tuple = setting(
        ("1",),
        "shares of the labelled cases, each with a choice of its own",
        each_number(*FRACTION),
        modes=SWEEP,
    )
    halving: int = setting(
        0,
        "the best one in so many of a fraction's settings go on to so many times the steps, and so "
        "on (successive halving, Jamieson and Talwalkar 2016); 0 for all to the end, as in the "
        "paper",
        ("0, or from 2 to 64", lambda value: value == 0 or 2 <= value <= 64),
        modes=SWEEP,
        acts=(when("head", "finetune"),),
    )
    seeds: int = setting(
        5, "runs of the chosen setting, of --seed and on", between(1, 1000), modes=SWEEP
    )


EVALUATE, REPORT = ("evaluate", "sweep"), ("evaluate", "sweep", "report")
