"""Pieces of inline SVG: elements, scales, axes, legends. Every text is escaped.

    plot = Frame(Scale(0, 1, 40, 340), Scale(0, 1, 240, 10), "1 − specificity", "sensitivity")
    drawing = figure(360, 280, "ROC of SimCLR", "Area 0.91.", plot.axes(), polyline(points))

A figure is named by its title and told by its description. Colours are those of the page that
holds it (dark or light): classes `s0` to `s7` for series, `ink`, `line` and `paper`; `document`
gives a figure a style of its own.
"""

import dataclasses
import itertools
import math

from markupsafe import Markup, escape

CHARACTER = 7.0  # width of a character of 12 px, as wide as common fonts have it
DASHES = ("", "6 3", "2 3", "8 3 2 3")  # a second sign beside the colour, for eyes and printers

COLOURS = (  # on white; page.html has those for dark
    "#1f6f8b", "#c2571a", "#3a7d34", "#8a4fa3", "#a5303f", "#6b6b00", "#3b5bb5", "#7a5230",
)  # fmt: skip
# Of a page that holds charts, and of a chart that stands alone: then what var() falls back on.
STYLE = Markup("\n").join([
    Markup("svg text{font:12px system-ui,sans-serif;fill:var(--ink,#1c2733)}"),
    Markup("svg .soft{fill:var(--soft,#4c5965)} svg .strong{font-weight:600}"),
    Markup("svg .line{stroke:var(--line,#d3dbe2);fill:none}"),
    Markup("svg .axis{stroke:var(--soft,#4c5965);fill:none}"),
    *(
        Markup("svg .s{0}{{stroke:var(--s{0},{1});fill:none}} svg .f{0}{{fill:var(--s{0},{1})}}")
        .format(number, colour)
        for number, colour in enumerate(COLOURS)
    ),
])  # fmt: skip


def element(name, *children, **attributes):
    """Return one element; `class_` stands for class, an underscore for a hyphen.

    Args:
      name: of the element.
      children: texts, which are escaped, or elements.
      attributes: texts or numbers; None leaves one out.
    """
    shown = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, shown, Markup("").join(map(escape, children)))


def figure(width, height, title, description, *children):
    """Return an inline SVG of this size, which scales where a style gives it another width.

    Args:
      width, height: of its own coordinates; a text is 12 high.
      title: its accessible name.
      description: what it shows, in words and numbers, for who cannot see it.
      children: elements.
    """
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        role="img",
        width=width,
        height=height,
        viewBox=f"0 0 {_text(width)} {_text(height)}",
    )


def document(drawing: str) -> str:
    """Return a figure as the text of an SVG file."""
    space = Markup('<svg xmlns="http://www.w3.org/2000/svg"')
    style = Markup("<style>svg{{background:#fff}}{}</style></svg>").format(STYLE)
    return str(drawing.replace("<svg", space, 1).removesuffix("</svg>") + style) + "\n"


def series_class(number):
    """Return the class of a line of the series `number`, counted from 0."""
    return f"s{number % len(COLOURS)}"


def fill_class(number):
    """Return the class of shapes filled with the colour of the series `number`."""
    return f"f{number % len(COLOURS)}"


def text(x, y, words, anchor="start", class_=None, **attributes):
    """Return words at a place."""
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=class_, **attributes)


def line(x1, y1, x2, y2, class_="line", **attributes):
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, **attributes)


def polyline(points, number=0, **attributes):
    """Return the line of a series through `points`, pairs (x, y) of the figure."""
    places = " ".join(f"{_text(x)},{_text(y)}" for x, y in points)
    return element(
        "polyline",
        points=places,
        class_=series_class(number),
        stroke_dasharray=DASHES[number % len(DASHES)] or None,
        **{"stroke_width": 1.6} | attributes,
    )


def band(x, low, high, number=0):
    """Return the shaded area of a series between `low` and `high` at each of `x`."""
    there = list(zip(x, high, strict=True)) + list(zip(x, low, strict=True))[::-1]
    places = " ".join(f"{_text(x)},{_text(y)}" for x, y in there)
    return element("polygon", points=places, class_=fill_class(number), fill_opacity=0.15)


def marker(x, y, number=0):
    """Return the sign of a series at a place: a disc, square, diamond or triangle."""
    corners = (
        None,
        ((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)),
        ((0, -4.8), (4.8, 0), (0, 4.8), (-4.8, 0)),
        ((0, -4.5), (4.5, 4), (-4.5, 4)),
    )[number % 4]
    if corners is None:
        return element("circle", cx=x, cy=y, r=3.8, class_=fill_class(number))
    places = " ".join(f"{_text(x + dx)},{_text(y + dy)}" for dx, dy in corners)
    return element("polygon", points=places, class_=fill_class(number))


def whisker(x_low, x, x_high, y, number=0):
    """Return an interval with its value, lying."""
    colour = series_class(number)
    return (
        line(x_low, y, x_high, y, colour, stroke_width=1.8)
        + line(x_low, y - 3, x_low, y + 3, colour, stroke_width=1.8)
        + line(x_high, y - 3, x_high, y + 3, colour, stroke_width=1.8)
        + marker(x, y, number)
    )


def legend(names, width, y):
    """Return the signs and names of series, wrapped at `width`, and their height."""
    pieces, x, row = [], 0.0, 0
    for number, name in enumerate(names):
        name = shortened(name, int((width - 30) / CHARACTER))
        needed = 36 + CHARACTER * len(name)
        if x and x + needed > width:
            x, row = 0.0, row + 1
        top = y + 18 * row
        pieces += [
            polyline([(x, top), (x + 22, top)], number),
            marker(x + 11, top, number),
            text(x + 28, top + 4, name),
        ]
        x += needed + 8
    return Markup("").join(pieces), 18 * (row + 1)


def shortened(words, characters):
    """Return words of at most so many characters."""
    return words if len(words) <= characters else words[: max(1, characters - 1)] + "…"


@dataclasses.dataclass(frozen=True)
class Scale:
    """From values between `low` and `high` to places from `start` to `end` of the figure."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value):
        """Return the place of a value; beyond the ends, that of the end."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, count=5):
        """Return round values within the scale, about `count` of them."""
        step = round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        values = itertools.takewhile(
            lambda value: value <= self.high + step * 1e-9,
            (number * step for number in itertools.count(first)),
        )
        return [round(value, 12) for value in values]


def round_step(step):
    """Return the least of 1, 2 and 5 times a power of ten that is not below `step`."""
    if not step > 0 or not math.isfinite(step):
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def span(values, margin=0.05):
    """Return the range of values that are numbers, a little wider; (0, 1) where there are none."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    wider = margin * ((high - low) or abs(high) or 1.0)
    return low - wider, high + wider


@dataclasses.dataclass(frozen=True)
class Frame:
    """Axes of a plot: its scales and their labels."""

    x: Scale
    y: Scale
    x_label: str
    y_label: str

    def axes(self):
        """Return grid lines, ticks with their values, and the labels."""
        pieces = []
        for value in self.y.ticks():
            y = self.y(value)
            pieces.append(line(self.x.start, y, self.x.end, y))
            pieces.append(text(self.x.start - 5, y + 4, f"{value:g}", "end", "soft"))
        for value in self.x.ticks():
            x = self.x(value)
            pieces.append(line(x, self.y.start, x, self.y.start + 4, "axis"))
            pieces.append(text(x, self.y.start + 16, f"{value:g}", "middle", "soft"))
        pieces.append(line(self.x.start, self.y.start, self.x.end, self.y.start, "axis"))
        middle = (self.x.start + self.x.end) / 2
        pieces.append(text(middle, self.y.start + 32, self.x_label, "middle"))
        pieces.append(text(0, self.y.end - 8, self.y_label))
        return Markup("").join(pieces)


def _text(value):
    """Return an attribute's value; a place to a tenth is finer than a screen's pixels."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0") if abs(value) >= 1 else f"{value:.2f}"
    return str(value)
