"""The picture of a sweep: a metric on validation over the grid, a panel a label fraction."""

import io
import logging
import pathlib
from typing import Any

import numpy as np

from simclr_med.files import atomic


def write_grid(path: str | pathlib.Path, values: dict[Any, float], metric: str) -> None:
    """Write a PNG of the metric over learning rates and weight decays; diverged ones are crossed.

    Args:
      path: of the file.
      values: `Trial` to its value, NaN where it has none.
      metric: its name.
    """
    # On its first import on a machine it may warn that it gathers the fonts: no news to a user.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    from matplotlib.figure import Figure

    fractions = list(dict.fromkeys(trial.label_fraction for trial in values))
    size = (1 + 5.5 * len(fractions), 3.6)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    for axes, fraction in zip(np.ravel(figure.subplots(1, len(fractions))), fractions, strict=True):
        some = {t: value for t, value in values.items() if t.label_fraction == fraction}
        _draw(axes, some)
        axes.set_title(f"{metric} on validation, {100 * fraction:g} % of the labels")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    atomic.write_bytes(path, buffer.getvalue())


def _draw(axes, values):
    """Draw one fraction's grid: a cell a setting, with its value."""
    rates = sorted({trial.learning_rate for trial in values})
    decays = sorted({trial.weight_decay for trial in values})
    table = np.full([len(decays), len(rates)], np.nan)
    for trial, value in values.items():
        table[decays.index(trial.weight_decay), rates.index(trial.learning_rate)] = value
    axes.imshow(table, aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(table):
        text = "x" if np.isnan(value) else f"{value:.3f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="w")
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.set_yticks(range(len(decays)), [f"{decay:g}" for decay in decays])
    axes.set(xlabel="learning rate", ylabel="weight decay")
