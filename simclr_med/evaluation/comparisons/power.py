"""Sample size of a comparison, from the paired predictions at hand."""

import math
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from simclr_med.errors import InputError
from simclr_med.evaluation.comparisons.alignment import aligned
from simclr_med.evaluation.intervals.bootstrap import replicate
from simclr_med.evaluation.intervals.settings import Settings
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.verdicts import too_few
from simclr_med.evaluation.wording import main_metrics

LEAST = 1e-6  # difference: no number of cases that exists finds a smaller one


def needed(
    models: dict[str, Predictions], difference: float, settings: Settings, power: float = 0.8
) -> dict[str, Any]:
    """Return how many units two models would need to be told apart.

    The spread of the paired difference falls as 1 / sqrt(units); a true `difference` is found with
    the chance `power` where it is z(confidence) + z(power) spreads wide.

    Args:
      models: two names -> `Predictions` of the same cases.
      difference: the true difference that should be found in each metric, from 1e-6 to below 1.
      settings: `bootstrap.Settings`.
      power: from 0.5 to below 1; the formula counts one tail alone, which is all there is by then.

    Returns:
      {"unit", "count": units now, "cases_each", "warning": "" or why they are too few to say,
      "metrics": {main metric: {"spread": standard error now, "units", "cases": needed,
      "power": with the units at hand}, or None where nothing can be said}}.

    Raises:
      InputError: not two models, or a number out of its range.
    """
    if len(models) != 2:
        raise InputError(f"{len(models)} models; expected two")
    if not LEAST <= difference < 1:
        raise InputError(f"difference {difference}: expected from {LEAST:g} to below 1")
    if not 0.5 <= power < 1:
        raise InputError(f"power {power}: expected from 0.5 to below 1")
    a, b = (replicate(made, settings) for made in aligned(models).values())
    change, units = a - b, a.units
    each = len(units.index) / units.count
    z = ndtri((1 + settings.confidence) / 2)
    names = main_metrics({"task": a.predictions.task, "classes": a.predictions.classes})
    found, warning = dict.fromkeys(names), too_few(settings, units)
    for name in names if not warning else ():
        samples = change.defined(name)
        if len(samples) and (spread := float(np.std(samples))) > 0:
            count = math.ceil(units.count * ((z + ndtri(power)) * spread / difference) ** 2)
            found[name] = {
                "spread": spread,
                "units": count,
                "cases": math.ceil(count * each),
                "power": float(ndtr(difference / spread - z)),
            }
    return {
        "unit": units.name,
        "count": units.count,
        "cases_each": each,
        "warning": warning,
        "metrics": found,
    }
