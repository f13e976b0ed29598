"""Curves over a logarithmic axis: measured points, a line through or beside them, and where it is lowest.

In: named curves; out, inline SVG for the page (wide and narrow), or a picture that stands alone, for a README.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab import formatting as words
from lab.report import svg
from lab.report.charts import FONT, WIDE, responsive

COLORS = 4  # of the style sheet, c1 to c4


@dataclass(frozen=True)
class Curve:
    """`points` are measured, `line` is drawn, `lowest` marked by a ring; any may be missing."""

    name: str
    points: Sequence[tuple[float, float]] = ()
    line: Sequence[tuple[float, float]] = ()
    lowest: tuple[float, float] | None = None

    def all(self) -> list[tuple[float, float]]:
        return [*self.points, *self.line, *([self.lowest] if self.lowest else [])]


def curves(
    title: str,
    found: Sequence[Curve],
    *,
    x: str,
    y: str,
    log_y: bool = False,
    y_range: Sequence[float] = (),
) -> Markup:
    """The chart for wide and for narrow screens; the x axis, and with `log_y` the y axis, are logarithmic.

    `y_range`: values that the y axis must hold besides, so that charts can be compared.
    """
    return responsive(lambda width: _curves(title, found, x, y, log_y, y_range, width))


def standalone(title: str, panels: Mapping[str, Sequence[Curve]], *, x: str, y: str) -> str:
    """Charts by name, side by side with one scale of y, as an SVG file with its own colours, light and dark."""
    y_range = [point[1] for found in panels.values() for curve in found for point in curve.all()]
    width = WIDE // len(panels)
    placed, height = [], 0.0
    for index, (name, found) in enumerate(panels.items()):
        chart = _curves(name or title, found, x, y, False, y_range, width)
        inner = svg.element("g", chart, transform=f"translate({index * width},{26 if name else 0})")
        heading = svg.text(index * width + 4, 18, name, "heading") if name else Markup("")
        placed += [heading, inner]
        height = max(height, _height(found, width) + (26 if name else 0))
    return svg.stand_alone(svg.picture(title, WIDE, height, *placed))


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers from low to high: 1, 2 and 5 times powers of ten, or powers of ten alone.

    >>> log_ticks(3e4, 6e5, 8)
    [50000.0, 100000.0, 200000.0, 500000.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors, every in (((1, 1.5, 2, 3, 5, 7), 1), ((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 5)):
        ticks = [factor * 10.0**decade for decade in decades[::every] for factor in factors]
        inside = [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return []


def _height(found: Sequence[Curve], width: int) -> float:
    return _legend(found, width)[1] + (270.0 if width >= WIDE else 220.0) + 46.0


def _curves(
    title: str, found: Sequence[Curve], x: str, y: str, log_y: bool, y_range: Sequence[float], width: int
) -> Markup:
    xs = [point[0] for curve in found for point in curve.all()]
    ys = [*(point[1] for curve in found for point in curve.all()), *y_range]
    legend, top = _legend(found, width)
    right, bottom, height = 18.0, 46.0, _height(found, width)
    x_low, x_high = min(xs) / 1.1, max(xs) * 1.1
    x_ticks = log_ticks(x_low, x_high, 10 if width >= WIDE else 4)
    if log_y:
        y_low, y_high = min(ys) / 1.1, max(ys) * 1.1
        y_ticks = log_ticks(y_low, y_high, 7)
    else:
        y_ticks = svg.ticks(min(ys), max(ys), 5)
        y_low, y_high = y_ticks[0], y_ticks[-1]
    left = 14 + max((svg.text_width(words.short(tick), FONT) for tick in y_ticks), default=0.0)
    across = _scale(x_low, x_high, left, width - right, True)
    down = _scale(y_low, y_high, height - bottom, top, log_y)
    marks = [legend]
    for tick in y_ticks:
        marks.append(svg.element("path", d=svg.path([(left, down(tick)), (width - right, down(tick))]), class_="grid"))
        marks.append(svg.text(left - 7, down(tick) + 4, words.short(tick), "tick", "end"))
    for tick in x_ticks:
        marks.append(
            svg.element("path", d=svg.path([(across(tick), top), (across(tick), height - bottom)]), class_="grid")
        )
        marks.append(svg.text(across(tick), height - bottom + 18, tick_label(tick), "tick", "middle"))
    marks.append(svg.text((left + width - right) / 2, height - 8, x, "axis", "middle"))
    marks.append(svg.text(left, top - 10, y, "axis"))
    for index, curve in enumerate(found):
        marks.append(_curve(curve, index % COLORS + 1, across, down, x))
    return svg.picture(title, width, height, *marks, class_="chart")


def tick_label(value: float) -> str:
    """A short number; from 10^10 on in powers of ten, as FLOPs are."""
    return f"{value:.3g}".replace("e+", "e") if value >= 1e10 else words.short(value)


def _curve(curve: Curve, color: int, across: Callable, down: Callable, x: str) -> Markup:
    drawn = []
    if len(curve.line) > 1:
        placed = [(across(a), down(b)) for a, b in curve.line]
        drawn.append(svg.element("path", d=svg.path(placed), class_=f"line s{color}"))
    for a, b in curve.points:
        tip = f"{curve.name}: {words.short(b)} at {tick_label(a)} {x}"
        drawn.append(svg.element("circle", cx=across(a), cy=down(b), r=3.6, class_=f"dot f{color}", data_tip=tip))
    if curve.lowest:
        a, b = curve.lowest
        tip = f"{curve.name}, lowest: {words.short(b)} at {tick_label(a)} {x}"
        drawn.append(svg.element("circle", cx=across(a), cy=down(b), r=7.0, fill="none", class_="mark", data_tip=tip))
    return Markup("").join(drawn)


def _legend(found: Sequence[Curve], width: int) -> tuple[Markup, float]:
    """Names with their dots, in rows that fit, where there are several; and the y at which the plot may start."""
    drawn, x, y = [], 2.0, 14.0
    for index, curve in enumerate(found if len(found) > 1 else ()):
        needed = 24 + svg.text_width(curve.name, FONT)
        if x > 2 and x + needed > width:
            x, y = 2.0, y + 20
        drawn.append(svg.element("circle", cx=x + 6, cy=y - 4, r=4.0, class_=f"dot f{index % COLORS + 1}"))
        drawn.append(svg.text(x + 16, y, curve.name, "name"))
        x += needed + 12
    return Markup("").join(drawn), y + 36


def _scale(low: float, high: float, start: float, end: float, logarithmic: bool) -> Callable[[float], float]:
    place = math.log if logarithmic else float
    first, span = place(low), (place(high) - place(low)) or 1.0
    return lambda value: start + (place(value) - first) / span * (end - start)
