"""Values with intervals of several series at several levels, such as accuracy by skin type."""

from typing import NamedTuple

from markupsafe import Markup

from simclr_med.evaluation.report.drawing import svg

WIDTH, STEP = 360, 17


class Bar(NamedTuple):
    """One series at one level: a value from 0 to 1 with its interval, None where not defined."""

    series: str
    value: float | None
    low: float | None
    high: float | None


def bar_chart(levels, title, description, x_label):
    """Return the figure of lying bars, each with its interval.

    Args:
      levels: pairs (name of the level, its `Bar`s); the same series in each.
      title, description: see `svg.figure`.
      x_label: what the values are.
    """
    names = list(dict.fromkeys(bar.series for _, bars in levels for bar in bars))
    scale = svg.Scale(0, 1, 4, WIDTH - 12)
    drawn, y = [], 8
    for level, bars in levels:
        drawn.append(svg.text(0, y + 10, svg.shortened(level, 54), class_="strong"))
        y += 16
        for bar in bars:
            drawn.append(_bar(bar, scale, y, names.index(bar.series)))
            y += STEP
        y += 8
    axis = [svg.line(scale(value), 8, scale(value), y) for value in scale.ticks()]
    axis += [
        svg.text(scale(value), y + 14, f"{value:g}", "middle", "soft") for value in scale.ticks()
    ]
    axis.append(svg.text(WIDTH / 2, y + 30, x_label, "middle"))
    below, height = svg.legend(names, WIDTH, y + 46)
    return svg.figure(WIDTH, y + 40 + height, title, description, *axis, *drawn, below)


def _bar(bar, scale, y, number):
    if bar.value is None:
        return svg.text(scale(0) + 2, y + 11, "not defined", class_="soft")
    shade = svg.element(
        "rect",
        x=scale(0),
        y=y + 1,
        width=scale(bar.value) - scale(0),
        height=STEP - 4,
        class_=svg.fill_class(number),
        fill_opacity=0.25,
    )
    if bar.low is None:
        return shade + svg.marker(scale(bar.value), y + STEP / 2 - 1, number)
    ends = (scale(bar.low), scale(bar.value), scale(bar.high))
    return Markup("").join([shade, svg.whisker(*ends, y + STEP / 2 - 1, number)])
