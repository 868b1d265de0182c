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
        "Optimizer",
        ("lars", "sgd", "adam", "lamb"),
        by_mode=for_heads("sgd"),
        acts=(BY_STEPS,),
    )
    learning_rate: float = setting(
        0.3,
        "Peak learning rate, before --learning_rate_scaling",
        POSITIVE,
        by_mode={"linear_probe": 0.1, "finetune": 0.03},
        acts=(BY_STEPS,),
    )
    learning_rate_scaling: str = setting(
        "linear",
        "Scaling of the learning rate with the batch size: none, linear (times batch / "
        "256) or sqrt (times its square root)",
        ("none", "linear", "sqrt"),
        by_mode=for_heads("none"),
        acts=(BY_STEPS,),
    )
    head_rate: float = setting(
        1.0,
        "Learning rate of the head, as a multiple of --learning_rate",
        up_to(10**6),
        modes=("finetune",),
    )
    layer_decay: float = setting(
        1.0,
        "Factor of the learning rate from each stage to the one below it, from the head "
        "down to the stem, above 0 up to 1",
        FRACTION,
        modes=("finetune",),
    )
    momentum: float = setting(0.9, "Momentum; for Adam and LAMB, beta 1", SHARE, acts=(BY_STEPS,))
    weight_decay: float = setting(
        1e-6,
        "Weight decay; biases and normalisation parameters have none",
        NOT_NEGATIVE,
        by_mode=for_heads(0.0),
    )
    trust_coefficient: float = setting(
        0.001, "Trust coefficient of LARS", POSITIVE, acts=(when("optimizer", "lars"),)
    )
    schedule: str = setting(
        "cosine",
        "Learning rate after the warm-up: cosine decays to 0 at the last step; constant "
        "stays, so that a finished run may go on with more --steps",
        ("cosine", "constant"),
        acts=(BY_STEPS,),
    )
    warmup_fraction: float = setting(
        0.1,
        "Share of the steps in which the learning rate rises linearly from 0, from 0 to below 1",
        SHARE,
        by_mode=for_heads(0.0),
        acts=(BY_STEPS,),
    )

    def warmup_steps(self, steps):
        """Return how many steps warm up, of a run of so many."""
        return round(self.warmup_fraction * steps)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    batch_size: int = setting(
        512,
        "Cases per step",
        between(1, MOST_CASES),
        by_mode={"linear_probe": 256, "finetune": 64},
        acts=(BY_STEPS,),
    )
    steps: int = setting(1000, "Total number of training steps", between(1, MOST_STEPS))
    save_every: int = setting(
        200, "Steps between two checkpoints", between(1, MOST_STEPS), identity=False
    )
    keep_checkpoints: int = setting(
        2, "Number of newest checkpoints that are kept", between(1, MOST_STEPS), identity=False
    )
    log_every: int = setting(
        1, "Steps between two rows of log.csv", between(1, MOST_STEPS), identity=False
    )
    gradient_checkpointing: str = setting(
        "none",
        "Gradient checkpointing: keep only the outputs of stages or blocks and compute "
        "the rest again in the backward pass; less memory, same gradients",
        ("none", "stages", "blocks"),
        modes=AUGMENTING,
        identity=False,
    )
    micro_batch: int = setting(
        0,
        "Cases per replica processed at once: gradients of the whole batch in less "
        "memory, batch normalisation over these cases only; 0 processes all at once",
        between(0, MOST_CASES),
        modes=AUGMENTING,
    )
    bn_statistics: str = setting(
        "batch",
        "Statistics of batch normalisation in training: of the batch, or frozen, the "
        "moving ones of --init",
        ("batch", "frozen"),
        modes=AUGMENTING,
        acts=(INITIALISED, BATCH_NORM),
    )
    precision: str = setting(
        "float32",
        "Precision of the encoder's multiplications; weights, normalisation, loss and "
        "optimizer stay float32; auto takes mixed_bfloat16 on CPUs that compute it "
        "natively, else float32",
        ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
        modes=AUGMENTING,
        by_mode=dict.fromkeys(AUGMENTING, "auto"),
    )
    weight_averaging: str = setting(
        "none",
        "Averaging of a head's weights over steps: none; ema, exponential moving average; "
        "swa, mean of the last steps (Izmailov et al. 2018)",
        ("none", "ema", "swa"),
        modes=("finetune",),
    )
    ema_decay: float = setting(
        0.999,
        "Decay per step of the exponential moving average, from 0 to below 1",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "ema"),),
    )
    swa_start: float = setting(
        0.75,
        "Share of the steps before the mean of --weight_averaging=swa begins, from 0 to below 1",
        SHARE,
        modes=("finetune",),
        acts=(when("weight_averaging", "swa"),),
    )
    jit_compile: bool = setting(
        False,
        "Compile the training step with XLA; always done on a TPU; slower on a CPU",
        modes=AUGMENTING,
        identity=False,
        acts=(when("strategy", "one"),),
    )
