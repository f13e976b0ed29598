"""If these fail, a chart is broken, or shows another value than the one measured."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.report import charts, svg
from lab.report.charts import Bar, Series
from lab.report.run import pipeline
from lab.report.run.collect import STAGES
from tests.conftest import ROOT

SVG = "{http://www.w3.org/2000/svg}"
numbers = st.floats(-1e9, 1e9, allow_nan=False)


def pictures(drawn) -> list[ElementTree.Element]:
    found = [ElementTree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", drawn, re.S)]
    assert found
    return found


@given(numbers, numbers, st.integers(2, 8))
def test_ticks_cover_the_range_and_are_few(a, b, wanted):
    low, high = min(a, b), max(a, b)
    ticks = svg.ticks(low, high, wanted)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + slack and ticks[-1] >= high - slack
    assert ticks == sorted(ticks) and 2 <= len(ticks) <= wanted + 3


def test_text_in_a_picture_is_escaped():
    drawn = svg.element("text", "<script>&", data_tip='"><script>')
    assert "<script>" not in drawn
    assert ElementTree.fromstring(drawn).text == "<script>&"


def test_a_line_passes_through_its_points():
    """The loss at the end of training must be drawn at its height, not somewhere near."""
    series = Series("loss", [(0.0, 4.0), (100.0, 2.0)])
    for picture in pictures(charts.lines("Loss", [series], x="tokens", y="nats", levels={"entropy": 4.0})):
        line, level = (picture.find(f".//{SVG}path[@class='{name}']") for name in ("line s1", "level s2"))
        line = [p for p in picture.iter(f"{SVG}path") if p.get("class") == "line s1"][-1]
        level = [p for p in picture.iter(f"{SVG}path") if p.get("class") == "level s2"][-1]
        (_, first), (_, last) = points(line)
        (_, entropy), _ = points(level)
        assert first == entropy  # both are 4.0
        assert last > first  # lower values are further down


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in path.get("d").lstrip("M").split("L")]


def test_bars_are_as_long_as_their_values():
    drawn = charts.bars("Scores", [Bar("a", 0.5, 0.02, 0.25), Bar("b", 1.0)], unit="share right", limit=1.0)
    for picture in pictures(drawn):
        a, b = (float(bar.get("width")) for bar in picture.iter(f"{SVG}rect"))
        assert a == pytest.approx(b / 2, abs=0.2)
        assert picture.find(f"{SVG}title").text == "Scores"


@pytest.mark.parametrize("values", [[0.0], [1e-9], [5e12, 3.0]])
def test_odd_values_still_make_a_picture(values):
    pictures(charts.bars("x", [Bar(str(v), v) for v in values], unit=""))
    pictures(charts.columns("x", [Bar(str(v), v) for v in values], x="", y=""))
    pictures(charts.lines("x", [Series("y", [(v, v) for v in values])], x="", y=""))


def test_the_pipelines_picture_has_every_stage_and_fits():
    picture = pictures(pipeline.picture(pipeline.LINES))[0]
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert set(STAGES) <= set(texts)
    assert all(svg.text_width(line, 12.5) < pipeline.WIDTH for line in pipeline.LINES.values())


def test_the_readmes_picture_is_the_generated_one(tmp_path):
    pipeline.write(tmp_path / "pipeline.svg")
    written = ROOT / "reports" / "pictures" / "pipeline.svg"
    assert written.read_text() == (tmp_path / "pipeline.svg").read_text(), "run python -m lab.report.run.pipeline"
