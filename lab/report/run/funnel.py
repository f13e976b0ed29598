"""The funnel. In: the counts of each stage that filters; out, a Sankey picture of documents and the rows of its table.

The picture is to scale: the width of the trunk, and of each branch, is the number of documents.
"""

import textwrap
from dataclasses import dataclass

from markupsafe import Markup

from lab.documents import Counts
from lab.formatting import count, label
from lab.pipeline import FILTERING
from lab.report import svg
from lab.report.run.collect import Run
from lab.report.svg import FONT, WIDE

LABELLED = 4  # reasons that get their own branch; the rest go in one
LINE, NODE = 14.0, 9.0  # pixels: a line of a label, the height of a node
EDGE = 8.0  # pixels left of the trunk


@dataclass(frozen=True)
class Stage:
    """One box of the funnel."""

    name: str
    counts: Counts

    @property
    def removed(self) -> int:
        return sum(self.counts.removed.values())

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Reasons with their counts, the most frequent first."""
        return sorted(self.counts.removed.items(), key=lambda item: (-item[1], item[0]))

    @property
    def branches(self) -> list[tuple[str, int]]:
        """What the picture shows of the reasons: few enough to be read."""
        branches = [(label(reason), number) for reason, number in self.reasons if number]
        if len(branches) <= LABELLED + 1:
            return branches
        rest = branches[LABELLED:]
        return [*branches[:LABELLED], (f"{len(rest)} other reasons", sum(number for _, number in rest))]


def stages(run: Run) -> list[Stage]:
    """The curation stages that have run, in order."""
    return [Stage(name, counts) for name in FILTERING if (counts := run.counts(name)) is not None]


def picture(stages: list[Stage]) -> Markup:
    """The funnel as a picture, wide and narrow."""
    return svg.responsive(lambda width: _picture(stages, width))


def _picture(stages: list[Stage], width: int) -> Markup:
    # Each stage is a node (a thin bar as wide as what came in). From its right end, one branch per reason turns off to
    # the right; the rest goes down as the trunk, to the next node. Labels stand to the right of the branches.
    trunk, branches_end = (0.54 * width, 0.64 * width) if width >= WIDE else (0.28 * width, 0.38 * width)
    pixels = trunk / max(1, max(stage.counts.documents_in for stage in stages))
    marks, y = [], 8.0
    for stage in stages:
        stage_marks, y = _stage(stage, y, pixels, branches_end, width)
        marks += stage_marks
    kept = stages[-1].counts.documents_out
    marks.append(svg.element("rect", x=EDGE, y=y + 22, width=max(1.0, kept * pixels), height=NODE, class_="node"))
    marks.append(svg.text(EDGE, y + 15, f"{count(kept)} documents kept", "stage"))
    title = "Documents from stage to stage: the trunk is what is kept, each branch what one reason removed"
    return svg.picture(title, width, y + 44, *marks)


def _stage(stage: Stage, y: float, pixels: float, branches_end: float, width: int) -> tuple[list[Markup], float]:
    """The marks of one stage, and the y at which the next one starts. `pixels`: per document."""
    counts, name = stage.counts, label(stage.name)
    top = y + 22 + NODE
    tip = f"{name}: {count(counts.documents_in)} in, {count(counts.documents_out)} out"
    letters = int((width - branches_end - 10) / svg.text_width("x"))
    labels = [textwrap.wrap(f"{count(number)} {reason}", letters) for reason, number in stage.branches]
    thicknesses = [max(0.8, number * pixels) for _, number in stage.branches]
    heights = [max(5 + LINE * len(lines), thick + 8) for lines, thick in zip(labels, thicknesses, strict=True)]
    bottom = max(top + sum(heights) + 14, top + 35)
    heading = svg.element("tspan", name, class_="stage")
    heading += svg.element("tspan", f" {count(counts.documents_in)}", class_="tick")
    trunk = {"x": EDGE, "y": top, "width": max(1.0, counts.documents_out * pixels), "height": bottom + 22 - top}
    marks = [
        svg.element("text", heading, x=EDGE, y=y + 15),
        svg.element("rect", **trunk, class_="kept", data_tip=tip),
    ]
    # The rightmost part of the node turns off first, at the top, so that branches never cross.
    wide = max(1.0, counts.documents_in * pixels)
    right, at = EDGE + wide, top + 5
    for (reason, number), lines, thick, height in zip(stage.branches, labels, thicknesses, heights, strict=True):
        branch_tip = f"{name}: {reason}: {count(number)}"
        marks.append(_branch(right, right - thick, top, branches_end, at, thick, branch_tip))
        line_y = at + 4 + (min(thick / 2, 60) if thick > FONT else 1)
        for index, line in enumerate(lines):
            amount = svg.element("tspan", count(number), class_="amount") if index == 0 else Markup("")
            rest = svg.element("tspan", line.removeprefix(count(number)) if index == 0 else line)
            place = {"x": branches_end + 10, "y": line_y + LINE * index}
            marks.append(svg.element("text", amount + rest, **place, class_="reason"))
        right, at = right - thick, at + height
    marks.append(svg.element("rect", x=EDGE, y=y + 22, width=wide, height=NODE, class_="node", data_tip=tip))
    return marks, bottom


def _branch(right: float, left: float, top: float, end: float, at: float, thick: float, tip: str) -> Markup:
    """A ribbon from (left..right, top) downwards, turning right to (end, at..at + thick)."""
    outer = f"M{right:.1f},{top:.1f}Q{right:.1f},{at:.1f} {end:.1f},{at:.1f}"
    inner = f"V{at + thick:.1f}Q{left:.1f},{at + thick:.1f} {left:.1f},{top:.1f}Z"
    return svg.element("path", d=outer + inner, class_="removed", data_tip=tip)
