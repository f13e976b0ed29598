"""The pages of `lab sweep`. In: the sweep and its finished runs. Out: one picture per panel, loss against the swept key
with one line per model, and what the smallest model's best value costs the largest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.experiments.fit import find_minimum
from lab.experiments.scaling import Point, Points, Sweep
from lab.formatting import NOTHING
from lab.report import charts
from lab.report.charts import Series, responsive, stand_alone
from lab.report.studies import study
from lab.report.studies.study import Study, StudyTable
from lab.report.svg import WIDE


@dataclass(frozen=True)
class Line:
    """A model's mean loss over seeds by value. `optimum`: the best value, between those measured, by a parabola."""

    panel: str
    name: str
    losses: dict[float, float]
    at_edge: str
    optimum: float | None

    @property
    def best(self) -> float:
        return min(self.losses, key=lambda value: (self.losses[value], value))


def write(folder: Path, name: str, sweep: Sweep, points: Points) -> None:
    """Write all files of the report."""
    study.write(folder, describe(name, sweep, points))


def describe(name: str, sweep: Sweep, points: Points) -> Study:
    """All that the report says."""
    by_panel = {panel: _lines(points.finished, panel, list(sweep.lines)) for panel in sweep.panels}
    lines = [line for of_panel in by_panel.values() for line in of_panel]
    sentences = [sentence(of[0], of[-1], sweep.key) for of in by_panel.values() if len(of) > 1]
    curves = {panel: list(map(_series, of_panel)) for panel, of_panel in by_panel.items() if of_panel}
    losses = [loss for line in lines for loss in line.losses.values()]
    axes: dict[str, Any] = {"x": sweep.key, "y": "validation loss (nats per token)", "log": "x", "y_values": losses}
    notes = ["Dots: runs (means over seeds). Rings: the best value of each model.", *[""] * len(curves)]
    figures = [
        (panel, responsive(f"{panel}: loss against {sweep.key}", charts.lines, series, **axes), note)
        for (panel, series), note in zip(curves.items(), notes, strict=False)
    ]
    drawings = [(panel, charts.lines(WIDE // len(curves), series, **axes)) for panel, series in curves.items()]
    return Study(
        title=f"Sweep: {name}",
        about=f"{sweep.question or f'Which {sweep.key} is best?'} {study.of_runs(points)}.",
        sentences=sentences or ["Too few runs are finished to compare models."],
        caveats=[*caveats(sweep, lines), *study.common_caveats(points, len(sweep.seeds))],
        figures=figures,
        tables=[_losses_table(sweep, lines), study.runs_table(points)],
        picture=stand_alone(f"Loss against {sweep.key}", drawings, beside=True),
        numbers={
            "name": name,
            "key": sweep.key,
            "revision": points.revision,
            "lines": [_numbers(line) for line in lines],
            "runs": [study.as_json(point) for point in points.finished],
        },
        revision=points.revision,
        command=f"lab sweep {name}",
    )


def sentence(small: Line, large: Line, key: str) -> str:
    """What the small model's best value costs the large one."""
    text = f"{small.panel}: the best {key} of {small.name} is {small.best:g}, of {large.name} {large.best:g}"
    if small.optimum is not None and large.optimum is not None:
        shift = large.optimum / small.optimum
        text += f" (between the values: {small.optimum:.3g} and {large.optimum:.3g}, a factor of {shift:.2g})"
    if small.best not in large.losses:
        return f"{text}; {large.name} has no finished run at {small.best:g}, so its cost is not known."
    cost = large.losses[small.best] - large.losses[large.best]
    return f"{text}; with {small.best:g}, {large.name} loses {cost:.3f} nats per token against its own best."


def caveats(sweep: Sweep, lines: list[Line]) -> list[str]:
    """What the values can't show."""
    at_edges = [f"{line.panel} {line.name} ({line.at_edge})" for line in lines if line.at_edge]
    factor = max(later / earlier for earlier, later in zip(sweep.values, sweep.values[1:], strict=False))
    sentences = [f"Values lie a factor of {factor:.2g} apart: closer optima can't be told apart."]
    if at_edges:
        sentences.append(f"No optimum within the values; it may lie beyond them: {', '.join(at_edges)}.")
    sentences.append(
        "Small models and short runs: what holds for the widths of this sweep suggests, but does not prove, that it "
        "holds for wider models, other depths and longer budgets."
    )
    return sentences


def _lines(points: list[Point], panel: str, order: list[str]) -> list[Line]:
    """A panel's lines that have a finished run, in the order of the sweep."""
    by_line: dict[str, dict[float, list[float]]] = {name: {} for name in order}
    for point in points:
        if point.trial.panel == panel:
            by_line[point.trial.line].setdefault(point.trial.at, []).append(point.loss)
    return [_line(panel, name, by_value) for name, by_value in by_line.items() if by_value]


def _line(panel: str, name: str, by_value: dict[float, list[float]]) -> Line:
    means = {value: sum(losses) / len(losses) for value, losses in sorted(by_value.items())}
    # A loss is a parabola only near its best value, so only the neighbours show where between values it lies.
    values = list(means)
    best = min(range(len(values)), key=lambda index: means[values[index]])
    near = values[max(0, best - 1) : best + 2]
    minimum = find_minimum(near, [means[value] for value in near])
    side = "" if len(near) == 3 else "lowest at the smallest value" if best == 0 else "lowest at the largest value"
    return Line(panel, name, means, side, minimum.x)


def _series(line: Line) -> Series:
    pairs = list(line.losses.items())
    return Series(line.name, pairs, pairs, (line.best, line.losses[line.best]))


def _losses_table(sweep: Sweep, lines: list[Line]) -> StudyTable:
    rows = []
    for line in lines:
        cells = [f"{line.losses[value]:.3f}" if value in line.losses else NOTHING for value in sweep.values]
        optimum = f"{line.optimum:.3g}" if line.optimum is not None else line.at_edge or NOTHING
        rows.append((f"{line.panel}, {line.name}", *cells, optimum))
    headings = (sweep.key, *(f"{value:g}" for value in sweep.values), "optimum")
    note = "Optimum: the lowest point of the parabola through the best value and its neighbours."
    return StudyTable("Validation loss", headings, rows, note)


def _numbers(line: Line) -> dict[str, Any]:
    losses = [{"value": value, "loss": loss} for value, loss in line.losses.items()]
    return {"panel": line.panel, "line": line.name, "best": line.best, "optimum": line.optimum, "losses": losses}
