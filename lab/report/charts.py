"""Charts for the page: in, named points and bars; out, inline SVG, drawn once for wide and once for narrow screens.

Every chart has a title for screen readers, and its marks carry `data-tip`, which the page's script shows on hover,
touch and focus. Colours are classes (`c1` ... `c4`), given by the style sheet.
"""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from lab import formatting as words
from lab.report import svg

WIDE, NARROW = 940, 350  # pixels
FONT = 12.0
HIT_POINTS = 60  # of a line that answer to the pointer: enough to read any value, small enough for a phone


@dataclass(frozen=True)
class Series:
    """A named line of (x, y) points. `dots` shows the points, for values that are few; `joined` the line."""

    name: str
    points: list[tuple[float, float]]
    dots: bool = False
    joined: bool = True


@dataclass(frozen=True)
class Bar:
    """A named value; `error` is half the length of its error bar, `mark` a level to beat (chance)."""

    name: str
    value: float
    error: float | None = None
    mark: float | None = None
    note: str = ""


def responsive(draw: Callable[[int], Markup]) -> Markup:
    """The same chart for wide and narrow screens; the style sheet shows one of them."""
    wide, narrow = draw(WIDE), draw(NARROW)
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(wide, narrow)


def lines(
    title: str,
    series: list[Series],
    *,
    x: str,
    y: str,
    levels: dict[str, float] | None = None,
    start: float = 0.0,
    floor: float | None = None,
) -> Markup:
    """Line chart with a legend. `levels` are horizontal reference lines by name; the x axis begins at `start`, the
    y axis at `floor` (below the lowest value if None)."""
    return responsive(lambda width: _lines(title, series, x, y, levels or {}, start, floor, width))


def _lines(
    title: str,
    series: list[Series],
    x: str,
    y: str,
    levels: dict[str, float],
    start: float,
    floor: float | None,
    width: int,
) -> Markup:
    xs = [point[0] for line in series for point in line.points]
    ys = [point[1] for line in series for point in line.points] + list(levels.values())
    x_ticks = svg.ticks(min(start, *xs), max(xs), 6 if width >= WIDE else 3)
    y_ticks = svg.ticks(min(ys) if floor is None else floor, max(ys), 5)
    left = 14 + max(svg.text_width(words.short(tick), FONT) for tick in y_ticks)
    kinds = [(line.name, "line" if line.joined else "dot") for line in series] + [(name, "level") for name in levels]
    legend, top = _legend(kinds if len(kinds) > 1 else [], width)
    right, bottom, height = 14.0, 46.0, top + (250.0 if width >= WIDE else 210.0) + 46.0
    across = _scale(x_ticks[0], max(xs) if max(xs) > x_ticks[0] else x_ticks[-1], left, width - right)
    down = _scale(y_ticks[0], y_ticks[-1], height - bottom, top)
    marks = [legend, _grid(y_ticks, down, left, width - right)]
    for tick in x_ticks:
        if across(tick) <= width - right + 1:
            anchor = "end" if across(tick) > width - right - 16 else "middle"
            marks.append(svg.text(across(tick), height - bottom + 18, words.short(tick), "tick", anchor))
    marks.append(svg.text((left + width - right) / 2, height - 8, x, "axis", "middle"))
    marks.append(svg.text(left, top - 10, y, "axis"))
    for index, (name, level) in enumerate(levels.items()):
        ends = [(left, down(level)), (width - right, down(level))]
        tip = f"{name}: {words.short(level)}"
        marks.append(svg.element("path", d=svg.path(ends), class_=f"level s{len(series) + index + 1}", data_tip=tip))
    for index, line in enumerate(series, 1):
        marks.append(_line(line, index, across, down, x))
    return svg.picture(title, width, height, *marks, class_="chart")


def _line(line: Series, index: int, across: Callable, down: Callable, x: str) -> Markup:
    placed = [(across(a), down(b)) for a, b in line.points]
    drawn = []
    if line.joined and len(placed) > 1:
        drawn.append(svg.element("path", d=svg.path(placed), class_=f"line s{index}"))
    every = 1 if line.dots else max(1, -(-len(placed) // HIT_POINTS))
    for (a, b), (c, d) in list(zip(line.points, placed, strict=True))[::every]:
        tip = f"{line.name}: {words.short(b)} at {words.short(a)} {x}"
        radius, shown = (3.2, f"dot f{index}") if line.dots or len(placed) == 1 else (7.0, "hit")
        drawn.append(svg.element("circle", cx=c, cy=d, r=radius, class_=shown, data_tip=tip))
    return Markup("").join(drawn)


def bars(title: str, values: list[Bar], *, unit: str, limit: float | None = None, color: int = 1) -> Markup:
    """Horizontal bars, error bars and marks; the axis starts at 0 and ends at `limit` (the largest value if None)."""
    return responsive(lambda width: _bars(title, values, unit, limit, color, width))


def _bars(title: str, values: list[Bar], unit: str, limit: float | None, color: int, width: int) -> Markup:
    reach = max([limit or 0.0] + [bar.value + (bar.error or 0) for bar in values] + [bar.mark or 0.0 for bar in values])
    x_ticks = svg.ticks(0.0, reach or 1.0, 5)
    beside = width >= WIDE  # room for names beside the bars; on a phone they stand above them
    left = min(260.0, 16 + max(svg.text_width(bar.name, FONT) for bar in values)) if beside else 4.0
    row, thick, top, bottom = (30.0 if beside else 44.0), 14.0, 8.0, 42.0
    right = 64.0
    height = top + row * len(values) + bottom
    across = _scale(0.0, x_ticks[-1], left, width - right)
    marks = []
    for tick in x_ticks:
        ends = [(across(tick), top), (across(tick), height - bottom)]
        marks.append(svg.element("path", d=svg.path(ends), class_="grid"))
        marks.append(svg.text(across(tick), height - bottom + 17, words.short(tick), "tick", "middle"))
    marks.append(svg.text((left + width - right) / 2, height - 6, unit, "axis", "middle"))
    for index, bar in enumerate(values):
        y = top + row * index + (8.0 if beside else 24.0)
        middle = y + thick / 2
        name = (
            svg.text(left - 10, middle + 4, bar.name, "name", "end") if beside else svg.text(0, y - 6, bar.name, "name")
        )
        length = max(1.0, across(bar.value) - left)
        marks += [
            name,
            svg.element("rect", x=left, y=y, width=length, height=thick, rx=2.0, class_=f"f{color}", data_tip=bar.note),
        ]
        end = across(bar.value)
        if bar.error:
            low, end = across(max(0.0, bar.value - bar.error)), across(bar.value + bar.error)
            whisker = f"M{low:.1f},{middle:.1f}H{end:.1f}M{low:.1f},{y + 2:.1f}v10M{end:.1f},{y + 2:.1f}v10"
            marks.append(svg.element("path", d=whisker, class_="error"))
        if bar.mark is not None:
            ends = [(across(bar.mark), y - 4), (across(bar.mark), y + thick + 4)]
            marks.append(svg.element("path", d=svg.path(ends), class_="halo"))
            marks.append(svg.element("path", d=svg.path(ends), class_="mark", data_tip=bar.note))
            end = max(end, across(bar.mark))
        marks.append(
            svg.text(end + 7, middle + 4, words.short(bar.value) if bar.value >= 10 else f"{bar.value:.3f}", "value")
        )
    return svg.picture(title, width, height, *marks, class_="chart")


def columns(title: str, values: list[Bar], *, x: str, y: str, color: int = 1) -> Markup:
    """A histogram: one column a bin, names below (every second or third where they would touch)."""
    return responsive(lambda width: _columns(title, values, x, y, color, width))


def _columns(title: str, values: list[Bar], x: str, y: str, color: int, width: int) -> Markup:
    y_ticks = svg.ticks(0.0, max(bar.value for bar in values) or 1.0, 4)
    left, right, top, bottom = 14 + max(svg.text_width(words.short(t), FONT) for t in y_ticks), 6.0, 26.0, 46.0
    height = 240.0 if width >= WIDE else 210.0
    down = _scale(0.0, y_ticks[-1], height - bottom, top)
    step = (width - left - right) / len(values)
    longest = max(svg.text_width(bar.name, FONT) for bar in values) + 8
    every = max(1, -(-int(longest) // max(1, int(step))))
    marks = [_grid(y_ticks, down, left, width - right), svg.text(0, 12, y, "axis")]
    marks.append(svg.text((left + width - right) / 2, height - 8, x, "axis", "middle"))
    for index, bar in enumerate(values):
        at = left + index * step
        tall = height - bottom - down(bar.value)
        size = {"x": at + 1.5, "y": down(bar.value), "width": max(1.0, step - 3), "height": tall}
        marks.append(svg.element("rect", **size, rx=2.0, class_=f"f{color}", data_tip=bar.note))
        if index % every == 0:
            marks.append(svg.text(at + step / 2, height - bottom + 17, bar.name, "tick", "middle"))
    return svg.picture(title, width, height, *marks, class_="chart")


def _grid(y_ticks: list[float], down: Callable, left: float, right: float) -> Markup:
    drawn = []
    for tick in y_ticks:
        drawn.append(svg.element("path", d=svg.path([(left, down(tick)), (right, down(tick))]), class_="grid"))
        drawn.append(svg.text(left - 7, down(tick) + 4, words.short(tick), "tick", "end"))
    return Markup("").join(drawn)


def _legend(names: list[tuple[str, str]], width: int) -> tuple[Markup, float]:
    """Names with a sample of their line, level or dot, in rows that fit; and the y at which the plot may start."""
    drawn, x, y = [], 2.0, 14.0
    for index, (name, kind) in enumerate(names, 1):
        needed = 30 + svg.text_width(name, FONT)
        if x > 2 and x + needed > width:
            x, y = 2.0, y + 20
        if kind == "dot":
            drawn.append(svg.element("circle", cx=x + 9, cy=y - 4, r=3.2, class_=f"dot f{index}"))
        else:
            drawn.append(svg.element("path", d=svg.path([(x, y - 4), (x + 18, y - 4)]), class_=f"{kind} s{index}"))
        drawn.append(svg.text(x + 24, y, name, "name"))
        x += needed + 14
    return Markup("").join(drawn), y + 36


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)
