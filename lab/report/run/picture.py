"""The picture of the pipeline. In: a line for each box; out, an SVG that stands alone, legible on white and on black.

`python -m lab.report.run.picture` writes reports/pictures/pipeline.svg, which the README shows.
"""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from lab.files import write_text
from lab.pipeline import STAGES, Stage
from lab.report import svg

COLORS = {"crawl": "#4f5d75", "curate": "#0f766e", "tokens": "#92600a", "model": "#5b4bb5", "scores": "#a8385d"}
GREY = "#8792a2"
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168.0, 58.0, 26.0, 30.0, 4.0
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


def picture(lines: Mapping[str, str], columns: int = 4) -> Markup:
    """The boxes in rows of `columns`, to the right and to the left in turn. `lines`: stage -> another text."""
    rows = -(-len(STAGES) // columns)
    boxes, arrows = [], []
    for index, stage in enumerate(STAGES):
        row, column = divmod(index, columns)
        x, y = _corner(row, column, columns)
        boxes.append(_box(stage, lines.get(stage.name, stage.line), x, y))
        if index + 1 < len(STAGES):
            arrows.append(_arrow(x, y, *_corner(*divmod(index + 1, columns), columns)))
    width = 2 * MARGIN + columns * WIDTH + (columns - 1) * GAP_X
    height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y
    title = "The pipeline, from a web crawl to a scored base model"
    return svg.picture(title, width, height, *arrows, *boxes, class_="pipeline")


def _corner(row: int, column: int, columns: int) -> tuple[float, float]:
    place = column if row % 2 == 0 else columns - 1 - column
    return MARGIN + place * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y)


def _box(stage: Stage, line: str, x: float, y: float) -> Markup:
    shape = svg.element("rect", x=x, y=y, width=WIDTH, height=HEIGHT, rx=9.0, fill=COLORS[stage.room])
    text = {"x": x + WIDTH / 2, "text_anchor": "middle", "font_family": FONT, "fill": "#ffffff"}
    name = svg.element("text", stage.name, y=y + 25, font_size=15, font_weight=650, **text)
    return shape + name + svg.element("text", line, y=y + 44, font_size=12.5, fill_opacity=0.92, **text)


def _arrow(x: float, y: float, to_x: float, to_y: float) -> Markup:
    """From box to box: sideways within a row, downwards between rows."""
    if y == to_y:
        way = 1 if to_x > x else -1
        start = x + WIDTH if way > 0 else x
        end = start + way * GAP_X
        middle = y + HEIGHT / 2
        line = f"M{start + way * 4:.1f},{middle:.1f}H{end - way * 9:.1f}"
        tip = f"M{end - way * 3:.1f},{middle:.1f}l{-way * 8},-5v10z"
    else:
        middle, end = x + WIDTH / 2, y + HEIGHT + GAP_Y
        line = f"M{middle:.1f},{y + HEIGHT + 4:.1f}V{end - 9:.1f}"
        tip = f"M{middle:.1f},{end - 3:.1f}l-5,-8h10z"
    return svg.element("path", d=line, stroke=GREY, stroke_width=2, fill="none") + svg.element("path", d=tip, fill=GREY)


def write(path: Path) -> None:
    """Write the picture for the README."""
    write_text(path, f"{picture({})}\n")


if __name__ == "__main__":
    write(Path("reports/pictures/pipeline.svg"))
