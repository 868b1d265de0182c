"""Several seeds of one method: their spread, and two methods compared over seeds and cases.

Two kinds of uncertainty, never mixed: the standard deviation over runs says what another training
would give on these cases (the paper's +/- columns), an interval over cases what other cases would
give these runs. `compare_methods` asks for both at once.
"""

import numpy as np

from simclr_med.errors import InputError
from simclr_med.evaluation import intervals
from simclr_med.evaluation.alignment import aligned
from simclr_med.evaluation.bootstrap import replicate
from simclr_med.evaluation.enough import too_few
from simclr_med.evaluation.scoring import higher_is_better, score
from simclr_med.evaluation.verdicts import BETTER, NO_DIFFERENCE, UNDECIDED, UNDEFINED, WORSE


def over_runs(runs):
    """Return metric -> {"mean", "sd", "runs"} of several runs; "sd" is None of a single one.

    Args:
      runs: `Predictions`, one a seed, of the same cases.
    """
    scored = [score(run, np.ones(len(run.case_ids))) for run in runs]
    found = {}
    for name in scored[0]:
        values = np.array([float(values[name]) for values in scored])
        values = values[~np.isnan(values)]
        found[name] = {
            "mean": float(values.mean()) if len(values) else None,
            "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
            "runs": len(values),
        }
    return found


def compare_methods(methods, settings):
    """Return metric -> row of the first method minus the second, over other seeds and other cases.

    A replicate draws cases, the same for all runs, and of each method its runs: one less than it
    has, since n drawn from n vary by (n - 1) / n of what they should. Student's t has the degrees
    of freedom of the sum of both variances (Satterthwaite 1946): few where the seeds' is most.

    Args:
      methods: two names -> list of two or more `Predictions`, one a seed, all of the same cases.
      settings: `bootstrap.Settings`.

    Returns:
      {metric: {"model", "baseline", "value", "baseline_value": means over runs, "difference",
      "low", "high", "p_value", "verdict", "reason", "significant", "runs": their numbers}}.

    Raises:
      InputError: not two methods, a method of one run, or runs of different cases.
    """
    if len(methods) != 2:
        raise InputError(f"{len(methods)} methods; expected two")
    for name, runs in methods.items():
        if len(runs) < 2:
            raise InputError(f"{name} has {len(runs)} run; seeds are resampled from two or more")
    named = {f"{m}, run {i + 1}": run for m in methods for i, run in enumerate(methods[m])}
    made = [replicate(run, settings, name) for name, run in aligned(named).items()]
    (a, first), (b, second) = methods.items()
    groups = made[: len(first)], made[len(first) :]
    random = np.random.default_rng([settings.seed, 2**32 + 2])
    drawn = [random.integers(len(g), size=(settings.replicates, len(g) - 1)) for g in groups]
    common = {"model": a, "baseline": b, "runs": [len(first), len(second)]}
    return {name: common | _row(groups, drawn, name, settings) for name in made[0].values}


def _row(groups, drawn, name, settings):
    values = [np.array([run.values[name] for run in group]) for group in groups]
    samples = [np.stack([run.samples[name] for run in group], axis=1) for group in groups]  # [R, n]
    change = _mean_of(samples[0], drawn[0]) - _mean_of(samples[1], drawn[1])
    change = change[~np.isnan(change)]
    difference = values[0].mean() - values[1].mean()
    row = {
        "value": _number(values[0].mean()),
        "baseline_value": _number(values[1].mean()),
        "difference": _number(difference),
    }
    nothing = {"low": None, "high": None, "p_value": None, "significant": False}
    if np.isnan(difference) or len(change) < 2:
        return row | nothing | {"verdict": UNDEFINED, "reason": ""}
    of_cases = np.nanvar(samples[0].mean(1) - samples[1].mean(1))
    shape = intervals.Shape(df=_df(of_cases, values, groups[0][0].units.count))
    low, high = intervals.interval(change, settings.confidence, shape)
    p = intervals.p_value(change, shape)
    reason = too_few(settings, groups[0][0].units)
    significant = not reason and p <= 1 - settings.confidence and not low <= 0 <= high
    verdict = UNDECIDED if reason else NO_DIFFERENCE
    if significant:
        verdict = BETTER if (low > 0) == higher_is_better(name) else WORSE
    return row | {
        "low": low,
        "high": high,
        "p_value": p,
        "verdict": verdict,
        "reason": reason,
        "significant": significant,
    }


def _mean_of(samples, drawn):
    """Return `[R]`, the mean over the drawn runs `[R, n - 1]` of `samples` `[R, n]`."""
    return np.take_along_axis(samples, drawn, axis=1).mean(1)


def _df(of_cases, values, units):
    """Return the degrees of freedom of the sum of the variances of cases and of both seeds."""
    parts = [(of_cases, units - 1)]
    parts += [(v.var(ddof=1) / len(v), len(v) - 1) for v in values]
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / max(1, df) for variance, df in parts)
    return float(total**2 / below) if below > 0 else np.inf


def _number(value):
    return None if np.isnan(value) else float(value)
