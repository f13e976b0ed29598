"""Differences with intervals about a line of no difference. In: named differences; out, inline SVG."""

from dataclasses import dataclass

from markupsafe import Markup

from lab import formatting as words
from lab.report import svg
from lab.report.charts import FONT, WIDE, responsive


@dataclass(frozen=True)
class Interval:
    """A named difference with its interval. `kind` is the colour: good, bad or none."""

    name: str
    value: float
    low: float
    high: float
    kind: str = ""
    note: str = ""


def intervals(title: str, values: list[Interval], *, unit: str) -> Markup:
    """Points with their intervals, one a row; the names stand above them on a narrow screen."""
    return responsive(lambda width: _intervals(title, values, unit, width))


def panels(title: str, groups: list[tuple[str, list[Interval], str]]) -> Markup:
    """The same, one (name, differences, unit) below the other, as a picture that stands alone."""
    marks, y = [], 0.0
    for name, values, unit in groups:
        drawn, height = _rows(values, unit, WIDE)
        heading = svg.text(0, 16, name, "heading")
        below = svg.element("g", *drawn, transform="translate(0,22)")
        marks.append(svg.element("g", heading, below, transform=f"translate(0,{y:.0f})"))
        y += height + 36.0
    return svg.stand_alone(svg.picture(title, WIDE, y - 14.0, *marks, class_="chart"))


def _intervals(title: str, values: list[Interval], unit: str, width: int) -> Markup:
    marks, height = _rows(values, unit, width)
    return svg.picture(title, width, height, *marks, class_="chart")


def _rows(values: list[Interval], unit: str, width: int) -> tuple[list[Markup], float]:
    x_ticks = svg.ticks(min(0.0, *(each.low for each in values)), max(0.0, *(each.high for each in values)), 5)
    beside = width >= WIDE
    left = min(300.0, 18 + max(svg.text_width(each.name, FONT) for each in values)) if beside else 6.0
    row, top, bottom, right = (30.0 if beside else 46.0), 8.0, 42.0, 76.0
    height = top + row * len(values) + bottom
    span = (x_ticks[-1] - x_ticks[0]) or 1.0

    def across(value: float) -> float:
        return left + (value - x_ticks[0]) / span * (width - right - left)

    marks = []
    for tick in x_ticks:
        ends = [(across(tick), top), (across(tick), height - bottom)]
        marks.append(svg.element("path", d=svg.path(ends), class_="grid"))
        marks.append(svg.text(across(tick), height - bottom + 17, words.short(tick), "tick", "middle"))
    ends = [(across(0.0), top), (across(0.0), height - bottom)]
    marks.append(svg.element("path", d=svg.path(ends), class_="error"))
    marks.append(svg.text((left + width - right) / 2, height - 6, unit, "axis", "middle"))
    for index, each in enumerate(values):
        y = top + row * index + (row / 2 if beside else 32.0)
        name = (
            svg.text(left - 12, y + 4, each.name, "name", "end") if beside else svg.text(0, y - 14, each.name, "name")
        )
        low, high = across(each.low), across(each.high)
        whisker = f"M{low:.1f},{y:.1f}H{high:.1f}M{low:.1f},{y - 5:.1f}v10M{high:.1f},{y - 5:.1f}v10"
        color = {"good": "f1", "bad": "f2"}.get(each.kind, "kept")
        marks += [
            name,
            svg.element("path", d=whisker, class_="error"),
            svg.element("circle", cx=across(each.value), cy=y, r=5.0, class_=color, data_tip=each.note),
            svg.text(high + 8, y + 4, f"{each.value:+.3g}", "value"),
        ]
    return marks, height
