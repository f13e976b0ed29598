"""The axes of a chart, and marks on them. In: values in the units of the data; out, inline SVG.

An Axis holds a range, its ticks and a scale (linear or logarithmic). Axes draws legend, grid, ticks and titles, then
marks: line, dot, bar, band, interval, label. A mark's `tip` is shown on hover, touch and focus by the page's script.
Colours are classes (`s1` ... `s4` for strokes, `f1` ... `f4` for fills) of the style sheet.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab.formatting import short
from lab.report import svg


@dataclass(frozen=True)
class Axis:
    """One direction of a plot, from `low` to `high`. `place`: the scale (float: linear, math.log: logarithmic)."""

    title: str
    low: float
    high: float
    ticks: Sequence[float] = ()
    label: Callable[[float], str] = short
    place: Callable[[float], float] = float
    grid: bool = True

    def scale(self, start: float, end: float) -> Callable[[float], float]:
        """Value -> pixel; values outside the range are drawn at its ends."""
        least, most = sorted((self.low, self.high))
        first, span = self.place(self.low), (self.place(self.high) - self.place(self.low)) or 1.0
        return lambda value: start + (self.place(min(max(value, least), most)) - first) / span * (end - start)


@dataclass(frozen=True)
class Key:
    """An entry of the legend: `classes` of its line (empty: none) and of its dot (empty: none)."""

    name: str
    line: str = ""
    dot: str = ""


def linear(title: str, values: Sequence[float], count: int) -> Axis:
    """From round number to round number, so that all values lie between; about `count` ticks."""
    marks = ticks(min(values), max(values), count)
    return Axis(title, marks[0], marks[-1], marks)


def logarithmic(title: str, values: Sequence[float], most: int, label: Callable[[float], str] = short) -> Axis:
    """A tenth beyond the values, which are above 0; at most `most` ticks."""
    low, high = min(values) / 1.1, max(values) * 1.1
    return Axis(title, low, high, log_ticks(low, high, most), label, math.log)


class Axes:
    """A chart `width` pixels wide, whose plot is `plot` pixels high. Points are (x, y) in the units of the axes."""

    def __init__(
        self,
        width: float,
        plot: float,
        x: Axis,
        y: Axis,
        *,
        legend: Sequence[Key] = (),
        left: float | None = None,
        right: float = 18.0,
    ):
        self.x, self.y, self.width = x, y, width
        self.left = 14 + max((svg.text_width(y.label(tick)) for tick in y.ticks), default=0.0) if left is None else left
        self.right = width - right
        keys, used = _legend(legend, width)
        self.top = used + (26.0 if y.title else 8.0)
        self.bottom = self.top + plot
        self.height = self.bottom + (46.0 if x.title else 26.0)
        self.across = x.scale(self.left, self.right)
        self.down = y.scale(self.bottom, self.top)
        self.marks = [keys]
        self._draw_axes()

    def _draw_axes(self) -> None:
        for tick in self.y.ticks:
            at = self.down(tick)
            self._path([(self.left, at), (self.right, at)], "grid")
            self.marks.append(svg.text(self.left - 7, at + 4, self.y.label(tick), "tick", "end"))
        for tick in self.x.ticks:
            at, label = self.across(tick), self.x.label(tick)
            if self.x.grid:
                self._path([(at, self.top), (at, self.bottom)], "grid")
            half = svg.text_width(label) / 2  # labels at the ends stay within the picture
            inside = min(max(at, half), self.width - half)
            self.marks.append(svg.text(inside, self.bottom + 18, label, "tick", "middle"))
        if self.x.title:
            middle = (self.left + self.right) / 2
            self.marks.append(svg.text(middle, self.height - 8, self.x.title, "axis", "middle"))
        if self.y.title:
            self.marks.append(svg.text(self.left, self.top - 10, self.y.title, "axis"))

    def line(self, points: Sequence[tuple[float, float]], class_: str, tip: str | None = None) -> None:
        self._path([(self.across(x), self.down(y)) for x, y in points], class_, tip)

    def dot(self, x: float, y: float, class_: str, tip: str | None = None, radius: float = 3.4) -> None:
        at = {"cx": self.across(x), "cy": self.down(y), "r": radius}
        self.marks.append(svg.element("circle", **at, class_=class_, data_tip=tip))

    def bar(
        self, x: tuple[float, float], y: tuple[float, float], class_: str, tip: str | None = None, gap: float = 0.0
    ) -> None:
        """A rectangle over the ranges x and y, less `gap` pixels on either side; at least a pixel wide."""
        left, right = sorted(map(self.across, x))
        top, bottom = sorted(map(self.down, y))
        size = {"x": left + gap, "y": top, "width": max(1.0, right - left - 2 * gap), "height": bottom - top}
        self.marks.append(svg.element("rect", **size, rx=2.0 if tip else None, class_=class_, data_tip=tip))

    def band(self, low: float, high: float, class_: str) -> None:
        """The range of x shaded from bottom to top."""
        self.bar((low, high), (self.y.low, self.y.high), class_)

    def interval(self, low: float, high: float, y: float) -> None:
        """A horizontal line from low to high with a bar at each end."""
        start, end, at = self.across(low), self.across(high), self.down(y)
        whisker = f"M{start:.1f},{at:.1f}H{end:.1f}M{start:.1f},{at - 5:.1f}v10M{end:.1f},{at - 5:.1f}v10"
        self.marks.append(svg.element("path", d=whisker, class_="error"))

    def label(self, x: float, y: float, content: str) -> None:
        """Text to the right of a point."""
        self.marks.append(svg.text(self.across(x) + 8, self.down(y) + 4, content, "value"))

    def picture(self, title: str) -> Markup:
        return svg.picture(title, self.width, self.height, *self.marks)

    def _path(self, pixels: Sequence[tuple[float, float]], class_: str, tip: str | None = None) -> None:
        self.marks.append(svg.element("path", d=svg.path(pixels), class_=class_, data_tip=tip))


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) that cover low to high from outside.

    >>> ticks(0, 2.1, 4)
    [0.0, 1.0, 2.0, 3.0]
    """
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-30):
        high = low + (abs(low) if abs(low) > 1e-30 else 1.0)
    rough = (high - low) / max(1, count)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers from low to high: 1, 2 and 5 times powers of ten, or powers of ten alone.

    >>> log_ticks(3e4, 6e5, 8)
    [50000.0, 100000.0, 200000.0, 500000.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors, every in (((1, 1.5, 2, 3, 5, 7), 1), ((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 5)):
        marks = [factor * 10.0**decade for decade in decades[::every] for factor in factors]
        inside = [mark for mark in marks if low <= mark * (1 + 1e-9) and mark <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return []


def _legend(keys: Sequence[Key], width: float) -> tuple[Markup, float]:
    """The entries in rows that fit, where there are several; and the height that they use."""
    if len(keys) < 2:
        return Markup(""), 0.0
    marks, x, y = [], 2.0, 14.0
    for key in keys:
        needed = 24 + svg.text_width(key.name)
        if x > 2 and x + needed > width:
            x, y = 2.0, y + 20
        if key.line:
            marks.append(svg.element("path", d=svg.path([(x, y - 4), (x + 18, y - 4)]), class_=key.line))
        if key.dot:
            marks.append(svg.element("circle", cx=x + 9, cy=y - 4, r=3.4, class_=key.dot))
        marks.append(svg.text(x + 24, y, key.name, "name"))
        x += needed + 20
    return Markup("").join(marks), y + 10
