"""Charts of lines: ROC and reliability curves, label efficiency, training curves.

drawing = line_chart([Line("SimCLR", steps, losses)], title="Loss", x_label="step", y_label="loss")
"""

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from simclr_med.evaluation.report.drawing import svg

WIDTH, HEIGHT, LEFT, TOP = 360, 250, 46, 26  # of the plot, without its legend


@dataclasses.dataclass(frozen=True)
class Line:
    """One series.

    Attributes:
      name: in the legend.
      x, y: its points, in the order of `x`.
      low, high: of a band around it, or None.
      marks: whether each point is marked; few measured points are, many sampled ones are not.
      runs: pairs (x, y) of the single runs that it is the mean of, drawn thin.
    """

    name: str
    x: Sequence
    y: Sequence
    low: Sequence | None = None
    high: Sequence | None = None
    marks: bool = False
    runs: Sequence = ()


@dataclasses.dataclass(frozen=True)
class Axes:
    """Labels and ranges; a range that is None follows the lines."""

    x_label: str
    y_label: str
    x_range: tuple | None = None
    y_range: tuple | None = None


def line_chart(lines, axes, title, description, diagonal=False):
    """Return the figure of several lines with their legend.

    Args:
      lines: `Line`s, those without points are in the legend alone.
      axes: `Axes`.
      title, description: see `svg.figure`.
      diagonal: whether to draw the line of equal x and y (chance, or perfect calibration).
    """
    names = [series.name for series in lines]
    below, height = svg.legend(names, WIDTH, HEIGHT + 12)
    frame = _frame(lines, axes)
    pieces = [frame.axes()]
    if diagonal:
        ends = (frame.x(0), frame.y(0), frame.x(1), frame.y(1))
        pieces.append(svg.line(*ends, "axis", stroke_dasharray="3 3"))
    pieces += [_drawn(series, frame, number) for number, series in enumerate(lines)]
    return svg.figure(WIDTH, HEIGHT + 8 + height, title, description, *pieces, below)


def _frame(lines, axes):
    def values(*names):
        found = (getattr(series, name) for series in lines for name in names)
        return [value for part in found if part is not None for value in part]

    x_low, x_high = axes.x_range or svg.span(values("x"), margin=0)
    y_low, y_high = axes.y_range or svg.span(values("y", "low", "high"))
    return svg.Frame(
        svg.Scale(x_low, x_high, LEFT, WIDTH - 12),
        svg.Scale(y_low, y_high, HEIGHT - 38, TOP),
        axes.x_label,
        axes.y_label,
    )


def _drawn(series, frame, number):
    x, y = [frame.x(value) for value in series.x], [frame.y(value) for value in series.y]
    pieces = []
    if series.low is not None:
        low, high = map(frame.y, series.low), map(frame.y, series.high)
        pieces.append(svg.band(x, list(low), list(high), number))
    for run in series.runs:
        places = zip(map(frame.x, run[0]), map(frame.y, run[1]), strict=True)
        pieces.append(svg.polyline(places, number, stroke_width=0.8, stroke_opacity=0.5))
    if len(x) > 1:
        pieces.append(svg.polyline(zip(x, y, strict=True), number))
    if series.marks or len(x) == 1:
        pieces += [svg.marker(*point, number) for point in zip(x, y, strict=True)]
    return Markup("").join(pieces)
