"""If these fail, a chart is broken, or shows another value than the one measured."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.pipeline import NAMES, STAGES
from lab.report import axes, charts, svg
from lab.report.axes import Axes, Axis, linear, log_ticks, logarithmic
from lab.report.charts import Bar, Interval, Series, responsive
from lab.report.run import picture
from tests.conftest import ROOT

SVG = "{http://www.w3.org/2000/svg}"
numbers = st.floats(-1e9, 1e9, allow_nan=False)


def pictures(drawn) -> list[ElementTree.Element]:
    trees = [ElementTree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", drawn, re.S)]
    assert trees
    return trees


@given(numbers, numbers, st.integers(2, 8))
def test_ticks_cover_the_range_and_are_few(a, b, count):
    low, high = min(a, b), max(a, b)
    ticks = axes.ticks(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + slack and ticks[-1] >= high - slack
    assert ticks == sorted(ticks) and 2 <= len(ticks) <= count + 3


def test_logarithmic_ticks_are_round_and_few():
    assert log_ticks(0.003, 0.07, 10) == [0.005, 0.01, 0.02, 0.05] or len(log_ticks(0.003, 0.07, 10)) > 4
    assert log_ticks(1.0, 1e12, 4) and len(log_ticks(1.0, 1e12, 4)) <= 4


def test_a_factor_of_ten_is_as_long_wherever_it_stands():
    """Read on a logarithmic axis, equal ratios are equal lengths; on a linear one, equal differences."""
    for axis, values in (
        (logarithmic("x", [1.0, 1e4], 8), (1, 10, 100, 1000)),
        (linear("x", [0.0, 9.0], 3), (0, 3, 6, 9)),
    ):
        places = list(map(axis.scale(50.0, 350.0), values))
        assert {round(b - a, 6) for a, b in pairwise(places)} == {round(places[1] - places[0], 6)}


def test_marks_stay_inside_the_plot_and_labels_inside_the_picture():
    """A value outside the range is drawn at its end; a long label at the edge is not cut off."""
    plot = Axes(200.0, 100.0, Axis("x", 0, 1, (0, 1), lambda value: "a long label"), Axis("y", 0, 1))
    plot.dot(5.0, -3.0, "f1")
    plot.band(-1.0, 0.5, "cut")
    (tree,) = pictures(plot.picture("x"))
    circle, band = tree.find(f"{SVG}circle"), tree.find(f"{SVG}rect")
    assert (float(circle.get("cx")), float(circle.get("cy"))) == (plot.right, plot.bottom)
    assert float(band.get("x")) == plot.left and float(band.get("height")) == 100
    for label in tree.iter(f"{SVG}text"):
        if label.text == "a long label":
            half = svg.text_width(label.text) / 2
            assert half - 0.1 <= float(label.get("x")) <= 200 - half + 0.1


def test_text_in_a_picture_is_escaped():
    drawn = svg.element("text", "<script>&", data_tip='"><script>')
    assert "<script>" not in drawn
    assert ElementTree.fromstring(drawn).text == "<script>&"


def test_a_line_passes_through_its_points():
    """The loss at the end of training must be drawn at its height, not somewhere near."""
    series = Series("loss", line=[(0.0, 4.0), (100.0, 2.0)])
    for tree in pictures(responsive("Loss", charts.lines, [series], x="tokens", y="nats", levels={"entropy": 4.0})):
        line = [p for p in tree.iter(f"{SVG}path") if p.get("class") == "line s1"][-1]
        level = [p for p in tree.iter(f"{SVG}path") if p.get("class") == "level s2"][-1]
        (_, first), (_, last) = points(line)
        (_, entropy), _ = points(level)
        assert first == entropy  # both are 4.0
        assert last > first  # lower values are further down


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in path.get("d").lstrip("M").split("L")]


def test_bars_are_as_long_as_their_values():
    drawn = responsive("Scores", charts.bars, [Bar("a", 0.5, 0.02, 0.25), Bar("b", 1.0)], unit="share right", limit=1.0)
    for tree in pictures(drawn):
        a, b = (float(bar.get("width")) for bar in tree.iter(f"{SVG}rect"))
        assert a == pytest.approx(b / 2, abs=0.2)
        assert tree.find(f"{SVG}title").text == "Scores"


@pytest.mark.parametrize("values", [[0.0], [1e-9], [5e12, 3.0]])
def test_odd_values_still_make_a_picture(values):
    bars = [Bar(str(v), v) for v in values]
    pictures(responsive("x", charts.bars, bars, unit=""))
    pictures(responsive("x", charts.columns, bars, x="", y=""))
    pictures(responsive("x", charts.intervals, [Interval(str(v), v, v, v) for v in values], unit=""))
    for series in (Series("y", [(v, v) for v in values]), Series("y", line=[(v, v) for v in values])):
        pictures(responsive("x", charts.lines, [series], x="", y=""))


def test_the_pipelines_picture_has_every_stage_and_fits():
    drawn = pictures(picture.picture({}))[0]
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert set(NAMES) <= set(texts)
    assert all(svg.text_width(stage.line, 12.5) < picture.WIDTH for stage in STAGES)


def test_the_readmes_picture_is_the_generated_one(tmp_path):
    picture.write(tmp_path / "pipeline.svg")
    written = ROOT / "reports" / "pictures" / "pipeline.svg"
    assert written.read_text() == (tmp_path / "pipeline.svg").read_text(), "run python -m lab.report.run.picture"
