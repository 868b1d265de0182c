"""Forest plots: differences with their intervals about the line of no difference.

drawing = forest_plot([Row("AUC", "SimCLR", 0.02, 0.01, 0.03)], title="SimCLR minus Random")
"""

from collections.abc import Sequence
from typing import NamedTuple

from simclr_med.evaluation.report.drawing import svg
from simclr_med.evaluation.wording import with_interval

STRIP, WIDTH, STEP = 160, 360, 34


class Row(NamedTuple):
    """One difference with its interval, None where it is not defined.

    `group` heads rows that belong together; `name` is the row's own.
    """

    group: str
    name: str
    value: float | None
    low: float | None
    high: float | None


def common_scale(rows, width):
    """Return a `svg.Scale` that holds 0 and all intervals of `rows`."""
    ends = [end for row in rows for end in (row.low, row.high)]
    return svg.Scale(*svg.span([*ends, 0.0]), 6, width - 6)


def strip(row, scale, number, words):
    """Return one row's interval alone, as a small figure for a table's cell.

    Args:
      row: a `Row`.
      scale: `common_scale` of the table's rows, to `STRIP`.
      number: of the series, for its sign.
      words: the figure's name.
    """
    drawn = [svg.line(scale(0), 0, scale(0), 26, "axis")]
    if row.value is not None:
        drawn.append(svg.whisker(*_places(row, scale), 13, number))
    return svg.figure(STRIP, 26, words, _in_words(row), *drawn)


def strip_axis(scale, words):
    """Return the axis above the strips."""
    drawn = [_tick(0, scale, 10, STRIP, "soft")]
    for value in (scale.ticks(4)[0], scale.ticks(4)[-1]):
        if abs(scale(value) - scale(0)) > 32:
            drawn.append(_tick(value, scale, 10, STRIP, "soft"))
    return svg.figure(STRIP, 14, words, f"From {scale.low:+.3f} to {scale.high:+.3f}.", *drawn)


def forest_plot(rows: Sequence[Row], title: str, description: str | None = None) -> str:
    """Return the figure of all rows, which can stand alone.

    Args:
      rows: `Row`s; those of one group follow each other. Names have the same sign in each group.
      title: what the differences are, such as "this minus Random".
      description: see `svg.figure`; None tells each row's numbers.
    """
    scale = common_scale(rows, WIDTH)
    names = list(dict.fromkeys(row.name for row in rows))
    drawn, y, group = [svg.text(0, 14, title, class_="strong")], 24, None
    for row in rows:
        if row.group != group:
            group, y = row.group, y + 22
            drawn.append(svg.text(0, y - 6, group, class_="strong"))
        drawn.append(_row(row, scale, y, names.index(row.name)))
        y += STEP
    axis = [_tick(value, scale, y + 14, WIDTH) for value in scale.ticks(4)]
    words = description or " ".join(f"{row.group}, {row.name}: {_in_words(row)}" for row in rows)
    return svg.figure(WIDTH, y + 22, title, words, *axis, *drawn)


def _tick(value, scale, y, width, class_=None):
    """Return a value at its place of the scale, as far inwards as it takes to be seen whole."""
    words = f"{value:+g}" if value else "0"
    half = svg.CHARACTER * len(words) / 2
    return svg.text(min(max(scale(value), half), width - half), y, words, "middle", class_)


def _row(row, scale, y, number):
    numbers = interval_text(row)
    room = int((WIDTH - svg.CHARACTER * len(numbers) - 12) / svg.CHARACTER)
    words = svg.text(0, y + 10, svg.shortened(row.name, room)) + svg.text(
        WIDTH, y + 10, numbers, "end", "soft"
    )
    if row.value is None:
        return words
    zero = svg.line(scale(0), y + 14, scale(0), y + 30, "axis")
    return words + zero + svg.whisker(*_places(row, scale), y + 22, number)


def interval_text(row):
    """Return "+0.012 [-0.003, +0.027]"."""
    return with_interval(row.value, row.low, row.high, "+")


def _places(row, scale):
    return scale(row.low), scale(row.value), scale(row.high)


def _in_words(row):
    return "Not defined." if row.value is None else f"{interval_text(row)}."
