"""The funnel: in, the counts of each curation stage; out, a Sankey picture of documents and the rows of its table.

The picture is true to scale: the trunk's width, and each branch's, is the number of documents.
"""

from dataclasses import dataclass

from markupsafe import Markup

from lab import formatting as words
from lab.documents import Counts
from lab.report import svg
from lab.report.charts import FONT, WIDE, responsive
from lab.report.run.collect import CURATION, Run

LABELLED = 4  # reasons that get their own branch; the rest go in one
LABEL_HEIGHT = 19.0
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
        found = [(words.label(reason), count) for reason, count in self.reasons if count]
        if len(found) <= LABELLED + 1:
            return found
        rest = found[LABELLED:]
        return [*found[:LABELLED], (f"{len(rest)} other reasons", sum(count for _, count in rest))]


def stages(run: Run) -> list[Stage]:
    """The curation stages that have run, in order."""
    return [Stage(name, counts) for name in CURATION if (counts := run.counts(name)) is not None]


def picture(found: list[Stage]) -> Markup:
    """The funnel as a picture, wide and narrow."""
    title = "Documents from stage to stage: the trunk is what is kept, each branch what one reason removed"
    return responsive(lambda width: _picture(title, found, width))


def _picture(title: str, found: list[Stage], width: int) -> Markup:
    trunk = width * (0.54 if width >= WIDE else 0.42)
    pixels = trunk / max(1, max(stage.counts.documents_in for stage in found))
    ticks_at = width * (0.68 if width >= WIDE else 0.56)
    marks, y = [], 8.0
    for stage in found:
        drawn, y = _stage(stage, y, pixels, ticks_at)
        marks += drawn
    last = found[-1]
    end = EDGE + last.counts.documents_out * pixels
    marks.append(svg.element("rect", x=EDGE, y=y + 22, width=max(1.0, end - EDGE), height=9.0, class_="node"))
    kept = f"{words.count(last.counts.documents_out)} documents kept"
    marks.append(svg.text(EDGE, y + 15, kept, "stage"))
    return svg.picture(title, width, y + 44, *marks, class_="chart funnel")


def _stage(stage: Stage, y: float, pixels: float, ticks_at: float) -> tuple[list[Markup], float]:
    """One stage's node, its branches to the right and the trunk down to the next; and where that one starts."""
    counts = stage.counts
    node = y + 22
    wide = max(1.0, counts.documents_in * pixels)
    tip = f"{words.label(stage.name)}: {words.count(counts.documents_in)} in, {words.count(counts.documents_out)} out"
    heading = svg.element("tspan", words.label(stage.name), class_="stage")
    heading += svg.element("tspan", f" {words.count(counts.documents_in)}", class_="tick")
    out = EDGE + counts.documents_out * pixels
    branches = [(name, count, max(0.8, count * pixels)) for name, count in stage.branches]
    heights = [max(LABEL_HEIGHT, thick + 3) for _, _, thick in branches]
    bottom = max(node + 9 + sum(heights) + 14, node + 44)
    marks = [svg.element("text", heading, x=EDGE, y=y + 15)]
    marks.append(_trunk(node + 9, bottom, out, tip))
    # The rightmost part of the node turns off first, at the top, so that branches never cross.
    right, at = EDGE + wide, node + 14
    for (name, count, thick), height in zip(branches, heights, strict=True):
        marks.append(
            _branch(
                right,
                right - thick,
                node + 9,
                ticks_at,
                at,
                thick,
                f"{words.label(stage.name)}: {name}: {words.count(count)}",
            )
        )
        words_at = at + min(thick / 2, 60) + 4 if thick > FONT else at + 5
        label = svg.element("tspan", words.count(count), class_="amount") + svg.element("tspan", f" {name}")
        marks.append(svg.element("text", label, x=ticks_at + 10, y=words_at, class_="reason"))
        right, at = right - thick, at + height
    marks.append(svg.element("rect", x=EDGE, y=node, width=wide, height=9.0, class_="node", data_tip=tip))
    return marks, bottom


def _trunk(top: float, bottom: float, right: float, tip: str) -> Markup:
    width = max(1.0, right - EDGE)
    return svg.element("rect", x=EDGE, y=top, width=width, height=bottom + 22 - top, class_="kept", data_tip=tip)


def _branch(right: float, left: float, top: float, end: float, at: float, thick: float, tip: str) -> Markup:
    """A ribbon from (left..right, top) downwards, turning right to (end, at..at + thick)."""
    outer = f"M{right:.1f},{top:.1f}Q{right:.1f},{at:.1f} {end:.1f},{at:.1f}"
    inner = f"V{at + thick:.1f}Q{left:.1f},{at + thick:.1f} {left:.1f},{top:.1f}Z"
    return svg.element("path", d=outer + inner, class_="removed", data_tip=tip)
