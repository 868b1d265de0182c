"""Several runs of one method, one a seed: intervals over other runs and other cases at once.

Each replicate draws cases, the same for all runs, and of n runs n - 1, since n drawn from n vary by
(n - 1) / n of what they should. Few runs make few different replicates, so that their deviation
says more than their quantiles: the interval is Student's about the mean.

Letters: n runs, R replicates.
"""

from typing import Any

import numpy as np

from simclr_med.evaluation.intervals import interval_ends


def draw(runs: int, settings: Any, random: np.random.Generator) -> np.ndarray:
    """Return `[R, n - 1]`, which of n `runs` each replicate takes."""
    return random.integers(runs, size=(settings.replicates, runs - 1))


def generator(settings: Any) -> np.random.Generator:
    """Return the generator that draws runs, apart from those that draw cases."""
    return np.random.default_rng([settings.seed, 2**32 + 2])


def mean_of_drawn(samples: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return `[R, ...]`, the mean over the runs `drawn` `[R, n - 1]` of `samples` `[R, n, ...]`."""
    return samples[np.arange(len(samples))[:, None], drawn].mean(1)


def over_both(
    cases: np.ndarray, shape: interval_ends.Shape, values: list[np.ndarray]
) -> interval_ends.Shape:
    """Return the `interval_ends.Shape` of means over runs, over other runs and other cases.

    The variances of cases, widened as it is for one run, and of each method's runs add up; degrees
    of freedom are Satterthwaite's (1946): few where the runs' variance is most of it.

    Args:
      cases: `[R]` replicates of the mean over all runs, all defined: what other cases give.
      shape: the `Shape` of its interval.
      values: `[n]` by run, of each method that takes part.
    """
    drawn = cases.var()
    runs = [(np.var(each, ddof=1) / len(each), len(each) - 1) for each in values]
    between = sum(variance for variance, _ in runs)
    if not drawn + between > 0:
        return interval_ends.PLAIN
    parts = [(drawn * shape.stretch**2, shape.df), *runs]
    wanted = sum(variance for variance, _ in parts)
    below = sum(variance**2 / max(1, df) for variance, df in parts)
    df = float(wanted**2 / below) if below > 0 else np.inf
    stretch = float(np.sqrt(wanted / (drawn + between)))
    return interval_ends.Shape(df=df, stretch=stretch, symmetric=True)


def interval(
    values: np.ndarray,
    samples: np.ndarray,
    drawn: np.ndarray,
    shape: interval_ends.Shape,
    confidence: float,
) -> Any:
    """Return (low, high) of the mean over runs, over other runs and other cases.

    Args:
      values: `[n]` by run.
      samples: `[R, n]`, in replicates of the cases; NaN where not defined.
      drawn: of `draw`.
      shape: the `Shape` of the interval over cases alone.
      confidence: of the interval.
    """
    defined = ~np.isnan(samples).any(1)
    both = over_both(samples[defined].mean(1), shape, [values])
    drawn_means = mean_of_drawn(samples, drawn)[defined]
    return interval_ends.interval(drawn_means, confidence, both, np.mean(values))
