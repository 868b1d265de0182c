"""Settings of the bootstrap and its intervals."""

import dataclasses
from typing import Any

from simclr_med.errors import InputError

UNITS = ("auto", "case", "patient")
CONFIDENCE = 0.5, 1.0  # the least; the first that is too much
INTERVALS = ("auto", "percentile", "bca", "stratified")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the bootstrap and its intervals.

    Attributes:
      replicates: how many; of a single one there is no interval.
      confidence: of the intervals, in `CONFIDENCE`; of less, as where alpha was meant, all that
        differs would be significant.
      unit: what is drawn: "case", "patient" (with all its cases), or "auto": patients where one
        has several cases.
      interval: "percentile", the paper's; "bca" (Efron 1987); "stratified", the percentile's with
        each class's number of cases kept; "auto", what covers, see docs/statistics.md.
      seed: of the draws; the same for all models of one comparison.
    """

    replicates: int = 1000
    confidence: float = 0.95
    unit: str = "auto"
    interval: str = "auto"
    seed: int = 0

    def __post_init__(self):
        for name, choices in (("unit", UNITS), ("interval", INTERVALS)):
            if (given := getattr(self, name)) not in choices:
                raise InputError(f"{name} is {given!r}; expected one of {', '.join(choices)}")
        if not 2 <= self.replicates <= 1_000_000:
            raise InputError(f"replicates is {self.replicates}; expected 2 to 1,000,000")
        if not CONFIDENCE[0] <= self.confidence < CONFIDENCE[1]:
            raise InputError(
                f"confidence is {self.confidence}; expected from 0.5 to below 1, such as 0.95"
            )
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; expected 0 or more")


def settings_of(evaluate_config: Any, seed: int) -> Settings:
    """Return the `Settings` that an `EvaluateConfig` and the run's seed stand for."""
    return Settings(
        evaluate_config.bootstrap_replicates,
        evaluate_config.confidence,
        evaluate_config.bootstrap_unit,
        evaluate_config.bootstrap_interval,
        seed,
    )
