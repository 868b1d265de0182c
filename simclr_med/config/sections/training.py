"""The optimizer and the loop."""

import dataclasses

from simclr_med.config.conditions import BATCH_NORM, BY_STEPS, INITIALISED, when
from simclr_med.config.setting import (
    AUGMENTING,
    FRACTION,
    MOST_CASES,
    MOST_STEPS,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    between,
    for_heads,
    setting,
    up_to,
)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule."""

    optimizer: str = setting(
        "lars",
        "optimizer",
        ("lars", "sgd", "adam", "lamb"),
        by_mode=for_heads("sgd"),
        acts=(BY_STEPS,),
    )
    learning_rate: float = setting(
        0.3,
        "peak, before scaling",
        POSITIVE,
        by_mode={"linear_probe": 0.1, "finetune": 0.03},
        acts=(BY_STEPS,),
    )
    learning_rate_scaling: str = setting(
        "linear",
        "none, linear (times batch / 256) or sqrt (times the root of the batch)",
        ("none", "linear", "sqrt"),
        by_mode=for_heads("none"),
        acts=(BY_STEPS,),
    )
    head_rate: float = setting(
        1.0,
        "the head's learning rate, as a multiple of --learning_rate",
        up_to(10**6),
        modes=("finetune",),
    )
    layer_decay: float = setting(
        1.0,
        "what the learning rate is multiplied with once a stage, from the head's down to the stem",
        FRACTION,
        modes=("finetune",),
    )
    momentum: float = setting(0.9, "momentum; Adam's and LAMB's beta 1", SHARE, acts=(BY_STEPS,))
    weight_decay: float = setting(1e-6, "weight decay", NOT_NEGATIVE, by_mode=for_heads(0.0))
    trust_coefficient: float = setting(
        0.001, "of LARS", POSITIVE, acts=(when("optimizer", "lars"),)
    )
    schedule: str = setting(
        "cosine",
        "of the learning rate after a linear warm-up: cosine, decaying to 0 at the last step, or "
        "constant, by which a run that has ended may go on with more --steps",
        ("cosine", "constant"),
        acts=(BY_STEPS,),
    )
    warmup_fraction: float = setting(
        0.1, "share of the steps that warm up", SHARE, by_mode=for_heads(0.0), acts=(BY_STEPS,)
    )

    def warmup_steps(self, steps):
        """Return how many steps warm up, of a run of so many."""
        return round(self.warmup_fraction * steps)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    batch_size: int = setting(
        512,
        "cases a step",
        between(1, MOST_CASES),
        by_mode={"linear_probe": 256, "finetune": 64},
        acts=(BY_STEPS,),
    )
    steps: int = setting(1000, "steps in all", between(1, MOST_STEPS))
    save_every: int = setting(
        200, "steps between checkpoints", between(1, MOST_STEPS), identity=False
    )
    keep_checkpoints: int = setting(2, "checkpoints kept", between(1, MOST_STEPS), identity=False)
    log_every: int = setting(
        1, "steps between rows of log.csv", between(1, MOST_STEPS), identity=False
    )
    gradient_checkpointing: str = setting(
        "none",
        "keep the outputs of stages or blocks alone for the backward pass, and compute the rest "
        "again: less memory, the same gradients",
        ("none", "stages", "blocks"),
        modes=AUGMENTING,
        identity=False,
    )
    micro_batch: int = setting(
        0,
        "cases at a time on each replica: the gradient of the whole batch in the memory of so "
        "many; batch normalisation sees these alone; 0 takes all",
        between(0, MOST_CASES),
        modes=AUGMENTING,
    )
    bn_statistics: str = setting(
        "batch",
        "what batch normalisation takes in training: batch, or frozen, the moving ones of --init",
        ("batch", "frozen"),
        modes=AUGMENTING,
        acts=(INITIALISED, BATCH_NORM),
    )
    precision: str = setting(
        "float32",
        "of the encoder's products; weights, normalisation, loss and optimizer are float32; auto "
        "is mixed_bfloat16 on a CPU that multiplies it itself, else float32, see devices.py",
        ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
        modes=AUGMENTING,
        by_mode=dict.fromkeys(AUGMENTING, "auto"),
    )
    weight_averaging: str = setting(
        "none",
        "of which weights the head is known: none, each step's own; ema, their exponential moving "
        "average; swa, their mean over the last steps (Izmailov et al. 2018)",
        ("none", "ema", "swa"),
        modes=("finetune",),
    )
    ema_decay: float = setting(
        0.999,
        "what is left of a step's weight in the moving average a step later",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "ema"),),
    )
    swa_start: float = setting(
        0.75,
        "share of the steps before those whose mean is taken",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "swa"),),
    )
    jit_compile: bool = setting(
        False,
        "compile the step by XLA (a TPU always does); on a CPU it is slower, see devices.py",
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one"),),
    )
