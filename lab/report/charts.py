"""The charts of all reports, composed of lab.report.axes. In: named values; out, Axes of a given width.

`responsive` makes a chart of the page of it, drawn for wide and for narrow screens; `stand_alone` an SVG file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from lab.formatting import power, short
from lab.report import svg
from lab.report.axes import Axes, Axis, Key, linear, logarithmic
from lab.report.document import render_text
from lab.report.svg import WIDE

HIT_POINTS = 60  # of a line that answer to the pointer: enough to read any value, small enough for a phone
COLORS = 4  # of the style sheet
BAR = 14.0  # pixels, the thickness of a bar

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """A named curve: (x, y) points as dots, joined by a line, or both; `lowest` is marked by a ring."""

    name: str
    dots: Points = ()
    line: Points = ()
    lowest: tuple[float, float] | None = None

    def all(self) -> list[tuple[float, float]]:
        return [*self.dots, *self.line, *([self.lowest] if self.lowest else [])]


@dataclass(frozen=True)
class Bar:
    """A named value; `error` is half the length of its error bar, `mark` a level to beat (chance)."""

    name: str
    value: float
    error: float | None = None
    mark: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Interval:
    """A named difference with its interval. `kind` is the colour: good, bad or none."""

    name: str
    value: float
    low: float
    high: float
    kind: str = ""
    note: str = ""


def responsive(title: str, chart: Callable[..., Axes], values: Sequence, **options: object) -> Markup:
    """The chart `chart(width, values, **options)` for wide and narrow screens; empty without values."""
    if not values:
        return Markup("")
    return svg.responsive(lambda width: chart(width, values, **options).picture(title))


def stand_alone(title: str, panels: Sequence[tuple[str, Axes]], *, beside: bool = False) -> str:
    """Charts by heading, below or beside one another, as an SVG file with its own colours, light and dark."""
    marks, x, y, height = [], 0.0, 0.0, 0.0
    for heading, axes in panels:
        space = 26.0 if heading else 0.0
        marks.append(svg.text(x + 2, y + 18, heading, "heading") if heading else Markup(""))
        marks.append(svg.element("g", axes.picture(heading or title), transform=f"translate({x:.0f},{y + space:.0f})"))
        height = max(height, y + space + axes.height)
        x, y = (x + axes.width, y) if beside else (x, y + space + axes.height + 14)
    style = svg.element("style", Markup(render_text("picture.css.j2")))  # colours of its own, light and dark
    return f"{svg.picture(title, WIDE, height, style, *marks)}\n"


def lines(
    width: int,
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    log: str = "",
    levels: Mapping[str, float] | None = None,
    start: float = 0.0,
    floor: float | None = None,
    y_values: Sequence[float] = (),
) -> Axes:
    """Curves with a legend. `log`: the logarithmic axes ("x", "xy"). `levels`: horizontal reference lines by name.

    A linear x axis begins at `start`, a linear y axis at `floor` (at the lowest value if None). The y axis holds
    `y_values` too, so that charts can be compared.
    """
    wide, levels = width >= WIDE, levels or {}
    xs = [point[0] for each in series for point in each.all()]
    ys = [point[1] for each in series for point in each.all()] + [*levels.values(), *y_values]
    if "x" in log:
        across = logarithmic(x, xs, 10 if wide else 4, power)
    else:
        across = linear(x, [start, *xs], 6 if wide else 3)
        high = max(xs) if max(xs) > across.low else across.high
        across = replace(across, high=high, ticks=[tick for tick in across.ticks if tick <= high], grid=False)
    down = logarithmic(y, ys, 7) if "y" in log else linear(y, ys if floor is None else [floor, *ys], 5)
    colors = [index % COLORS + 1 for index in range(len(series) + len(levels))]
    legend = [
        Key(each.name, f"line s{color}" if each.line else "", f"f{color}" if each.dots else "")
        for each, color in zip(series, colors, strict=False)
    ]
    legend += [Key(name, f"level s{color}") for name, color in zip(levels, colors[len(series) :], strict=True)]
    axes = Axes(width, 260.0 if wide else 215.0, across, down, legend=legend)
    for (name, level), color in zip(levels.items(), colors[len(series) :], strict=True):
        axes.line([(across.low, level), (across.high, level)], f"level s{color}", f"{name}: {short(level)}")
    for each, color in zip(series, colors, strict=False):
        _draw_series(axes, each, color)
    return axes


def _draw_series(axes: Axes, series: Series, color: int) -> None:
    def tip(point: tuple[float, float], what: str = "") -> str:
        return f"{series.name}{what}: {short(point[1])} at {axes.x.label(point[0])} {axes.x.title}"

    if len(series.line) > 1:
        axes.line(series.line, f"line s{color}")
    if not series.dots:  # a line of few points shows them, one of many only answers to the pointer
        every = max(1, -(-len(series.line) // HIT_POINTS))
        for point in series.line[::every]:
            alone = len(series.line) == 1
            axes.dot(*point, f"f{color}" if alone else "hit", tip(point), 3.4 if alone else 7.0)
    for point in series.dots:
        axes.dot(*point, f"f{color}", tip(point))
    if series.lowest:
        axes.dot(*series.lowest, "ring", tip(series.lowest, ", lowest"), 7.0)


def bars(width: int, values: Sequence[Bar], *, unit: str, limit: float | None = None, color: int = 1) -> Axes:
    """Horizontal bars, error bars and marks; the axis starts at 0 and ends at `limit` (the largest value if None)."""
    ends = [bar.value + (bar.error or 0.0) for bar in values] + [bar.mark or 0.0 for bar in values]
    across = linear(unit, [0.0, max(limit or 0.0, *ends) or 1.0], 5)
    axes, middles, pixel = _rows(width, [bar.name for bar in values], across)
    for bar, y in zip(values, middles, strict=True):
        axes.bar((0.0, bar.value), (y - BAR / 2 * pixel, y + BAR / 2 * pixel), f"f{color}", bar.note)
        if bar.error:
            axes.interval(max(0.0, bar.value - bar.error), bar.value + bar.error, y)
        if bar.mark is not None:
            level = [(bar.mark, y - 11 * pixel), (bar.mark, y + 11 * pixel)]
            axes.line(level, "halo")
            axes.line(level, "mark", bar.note)
        end = max(bar.value + (bar.error or 0.0), bar.mark or 0.0)
        axes.label(end, y, short(bar.value) if bar.value >= 10 else f"{bar.value:.3f}")
    return axes


def intervals(width: int, values: Sequence[Interval], *, unit: str) -> Axes:
    """Differences with their intervals, one per row, about a line at 0."""
    reach = [0.0, *(end for each in values for end in (each.low, each.high))]
    axes, middles, _ = _rows(width, [each.name for each in values], linear(unit, reach, 5))
    axes.line([(0.0, axes.y.low), (0.0, axes.y.high)], "error")
    for each, y in zip(values, middles, strict=True):
        axes.interval(each.low, each.high, y)
        axes.dot(each.value, y, {"good": "f1", "bad": "f2"}.get(each.kind, "neutral"), each.note, 5.0)
        axes.label(each.high, y, f"{each.value:+.3g}".replace("-", "−"))
    return axes


def _rows(width: int, names: Sequence[str], x: Axis) -> tuple[Axes, list[float], float]:
    """Axes with a named row for each name, y where a row's mark is centred, and a pixel in units of y.

    Names stand beside the rows; on a narrow screen, above them.
    """
    beside = width >= WIDE
    row, middle = (30.0, 15.0) if beside else (46.0, 32.0)
    left = min(300.0, 18 + max(map(svg.text_width, names))) if beside else 6.0
    axes = Axes(width, row * len(names), x, Axis("", len(names), 0), left=left, right=76.0)
    middles = [index + middle / row for index in range(len(names))]
    for name, y in zip(names, middles, strict=True):
        at = axes.down(y)
        axes.marks.append(
            svg.text(left - 12, at + 4, name, "name", "end") if beside else svg.text(0, at - 14, name, "name")
        )
    return axes, middles, 1 / row


def columns(width: int, values: Sequence[Bar], *, x: str, y: str, color: int = 1) -> Axes:
    """One column per value, names below (every second or third where they would touch)."""
    down = linear(y, [0.0, max(bar.value for bar in values) or 1.0], 4)
    longest = max(svg.text_width(bar.name) for bar in values) + 8
    every = max(1, -(-int(longest * len(values)) // (width - 60)))
    middles = [index + 0.5 for index in range(len(values))][::every]
    across = Axis(x, 0, len(values), middles, lambda middle: values[int(middle)].name, grid=False)
    axes = Axes(width, 170.0 if width >= WIDE else 140.0, across, down, right=6.0)
    for index, bar in enumerate(values):
        axes.bar((index, index + 1), (0.0, bar.value), f"f{color}", bar.note, gap=1.5)
    return axes
