"""Runs of a sweep: its grid, the repetitions of the chosen setting, and the `Config` of each."""

import dataclasses

from simclr_med.config.fields import Config
from simclr_med.config.sections.heads import SweepConfig


@dataclasses.dataclass(frozen=True, order=True)
class Trial:
    """One run of a sweep.

    Attributes:
      label_fraction, learning_rate, weight_decay, seed: what it has of its own.
    """

    label_fraction: float
    learning_rate: float
    weight_decay: float
    seed: int

    @property
    def name(self):
        """A name for a folder."""
        return (
            f"labels_{100 * self.label_fraction:g}_rate_{self.learning_rate:g}"
            f"_decay_{self.weight_decay:g}_seed_{self.seed}"
        )


def grid(config):
    """Return the `Trial`s of a sweep's grid, fraction by fraction, each with the first seed."""
    sweep = config.sweep
    return [
        Trial(float(fraction), float(rate), float(decay), config.seed)
        for fraction in sweep.label_fractions
        for rate in sweep.learning_rates
        for decay in sweep.weight_decays
    ]


def by_fraction(config):
    """Return the `Trial`s of the grid, a list for each label fraction."""
    trials = grid(config)
    return [
        [trial for trial in trials if trial.label_fraction == float(fraction)]
        for fraction in config.sweep.label_fractions
    ]


def rungs(config):
    """Return when settings of a fraction stop: (steps, how many go on), in order; [] for never.

    Jamieson and Talwalkar 2016, "Non-stochastic best arm identification", algorithm 1, with a
    factor other than 2: of n settings n / factor go on each time, to factor times the steps, so
    that the last go on to all of them.

    Args:
      config: a sweep's `Config`.
    """
    factor, steps = config.sweep.halving, config.train.steps
    settings = len(config.sweep.learning_rates) * len(config.sweep.weight_decays)
    found, left = [], settings
    while factor and left >= factor:
        left = -(-left // factor)
        found.append(left)
    times = len(found)
    return [(max(1, steps // factor ** (times - i)), kept) for i, kept in enumerate(found)]


def repeats(config, trial):
    """Return the `Trial`s of the chosen one's setting with each seed, its own the first."""
    return [dataclasses.replace(trial, seed=config.seed + i) for i in range(config.sweep.seeds)]


def config_of(config, trial, work_dir):
    """Return the `Config` of one run of the sweep `config`: an ordinary run of `--head`.

    Args:
      config: the sweep's `Config`.
      trial: a `Trial`.
      work_dir: of the run.
    """
    look = config.watch.validate_every or config.train.steps
    probe = config.sweep.head == "linear_probe"  # all at once: none is looked at on its way
    return Config(
        **{name: getattr(config, name) for name in _SHARED},
        mode=config.sweep.head,
        work_dir=str(work_dir),
        seed=trial.seed,
        data=dataclasses.replace(config.data, label_fraction=trial.label_fraction),
        optimizer=dataclasses.replace(
            config.optimizer,
            learning_rate=trial.learning_rate,
            weight_decay=trial.weight_decay,
        ),
        watch=dataclasses.replace(config.watch, validate_every=0 if probe else look),
        sweep=SweepConfig(),
    )


_OWN = {"mode", "work_dir", "seed", "data", "optimizer", "watch", "sweep"}
_SHARED = [field.name for field in dataclasses.fields(Config) if field.name not in _OWN]
