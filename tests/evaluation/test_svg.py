"""Charts: well-formed, named, escaped, and drawn where the numbers are."""

import re
import xml.etree.ElementTree as ET

import pytest

from simclr_med.evaluation.report.drawing import svg
from simclr_med.evaluation.report.drawing.bars import Bar, bar_chart
from simclr_med.evaluation.report.drawing.charts import Axes, Line, line_chart
from simclr_med.evaluation.report.drawing.forest import (
    STRIP,
    Row,
    common_scale,
    forest_plot,
    strip,
    strip_axis,
)
from simclr_med.evaluation.report.drawing.matrix import confusion_chart

BAD = '</svg><script>"a" & <b>'


def hostile_charts():
    rows = [Row(BAD, BAD, 0.1, -0.1, 0.2), Row("AUC", BAD, None, None, None)]
    scale = common_scale(rows, 160)
    axes = Axes(BAD, BAD)
    bars = [Bar(BAD, 0.5, 0.4, 0.6), Bar("b", None, None, None)]
    return {
        "line": line_chart([Line(BAD, [0, 1], [0.2, 0.4], [0.1, 0.2], [0.3, 0.6])], axes, BAD, BAD),
        "forest": forest_plot(rows, BAD),
        "strip": strip(rows[0], scale, 1, BAD),
        "axis": strip_axis(scale, BAD),
        "bars": bar_chart([(BAD, bars)], BAD, BAD, BAD),
        "matrix": confusion_chart([[3, 1], [0, 2.5]], (BAD, "b"), BAD),
    }  # fmt: skip


@pytest.mark.parametrize("kind", hostile_charts())
def test_a_chart_is_well_formed_named_and_its_texts_are_escaped(kind):
    drawn = str(hostile_charts()[kind])
    root = ET.fromstring(drawn)
    assert root.tag == "svg" and root.get("role") == "img"
    assert [child.tag for child in root[:2]] == ["title", "desc"]
    assert root[0].text == BAD and root[1].text
    assert not {"script", "b"} & {element.tag for element in root.iter()}


def test_points_are_drawn_at_their_values():
    chart = line_chart(
        [Line("a", [0, 5, 10], [0, 1, 0.5])], Axes("x", "y", (0, 10), (0, 1)), "t", "d"
    )
    (curve,) = [
        e
        for e in ET.fromstring(str(chart))
        if e.tag == "polyline" and len(e.get("points").split()) == 3
    ]
    points = [tuple(map(float, pair.split(","))) for pair in curve.get("points").split()]
    (x0, y0), (x5, y1), (x10, half) = points
    assert x5 - x0 == pytest.approx(x10 - x5, abs=0.2)
    assert y0 > half > y1 and half == pytest.approx((y0 + y1) / 2, abs=0.2)


def test_a_difference_stands_right_of_0_where_it_is_above():
    rows = [Row("AUC", "up", 0.1, 0.05, 0.15), Row("AUC", "down", -0.1, -0.15, -0.05)]
    scale = common_scale(rows, 160)
    assert scale(-0.15) < scale(-0.05) < scale(0) < scale(0.05) < scale(0.15)
    assert scale(-0.15) >= 0 and scale(0.15) <= 160
    words = str(strip(rows[1], scale, 0, "down minus a"))
    assert "-0.100 [-0.150, -0.050]" in words


@pytest.mark.parametrize("low, high", [(0, 1), (-3e-5, 2e-5), (0, 150_000), (0.7, 0.7001)])
def test_ticks_are_few_round_and_within(low, high):
    ticks = svg.Scale(low, high, 0, 100).ticks()
    assert 2 <= len(ticks) <= 7 and low - 1e-12 <= ticks[0] and ticks[-1] <= high + 1e-12
    steps = {f"{b - a:.3g}" for a, b in zip(ticks, ticks[1:], strict=False)}
    assert len(steps) == 1 and re.match(r"[125]", min(steps).lstrip("0.").replace("e", ""))


def test_values_that_are_no_numbers_do_not_stretch_an_axis():
    assert svg.span([None, float("nan"), 1.0, 3.0], margin=0) == (1, 3)
    assert svg.span([]) == (0, 1)


@pytest.mark.parametrize("high", [0.3, 0.05, 0.00125])
def test_the_values_of_a_scale_are_seen_whole(high):
    rows = [Row("AUC", "a", high / 2, 0.0, high)]
    axis = ET.fromstring(strip_axis(common_scale(rows, STRIP), "axis"))
    places = {text.text: float(text.get("x")) for text in axis.iter("text")}
    assert "0" in places and len(places) > 1
    for words, x in places.items():
        reach = svg.CHARACTER * len(words) / 2
        assert reach - 0.1 <= x <= STRIP - reach + 0.1


def test_large_counts_and_means_of_counts_are_written_plainly():
    drawn = str(confusion_chart([[1234, 2.25], [0, 99.5]], ("a", "b"), "m"))
    assert ">1234<" in drawn and ">2.25<" in drawn and ">99.5<" in drawn


def test_a_document_stands_alone():
    words = svg.document(forest_plot([Row("AUC", "a", 0.1, 0.0, 0.2)], "this minus b"))
    root = ET.fromstring(words)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and "<style>" in words
    assert not re.search(r"(href|src)=|url\(", words)


def test_the_matrix_says_what_is_confused_most():
    drawn = str(confusion_chart([[5, 2, 0], [0, 9, 0], [7, 0, 1]], ("a", "b", "c"), "m"))
    assert "c taken for a, 7 cases; a taken for b, 2 cases." in drawn
