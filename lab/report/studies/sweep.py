"""The pages of `lab sweep`. In: the sweep and its finished runs. Out: a picture a panel, loss against the swept key
with a line a model, and what the smallest model's best value costs the largest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.experiments.fit import find_minimum
from lab.experiments.points import Point, Points
from lab.experiments.scaling import Sweep
from lab.report.curves import Curve, curves, standalone
from lab.report.studies import study
from lab.report.studies.study import Figure, Study, Table


@dataclass(frozen=True)
class Line:
    """A model's mean loss over seeds by value, and the best of those values. `optimum`: between them, by a parabola."""

    panel: str
    name: str
    losses: dict[float, float]
    at_edge: str
    optimum: float | None

    @property
    def best(self) -> float:
        return min(self.losses, key=lambda value: (self.losses[value], value))


@dataclass(frozen=True)
class Transfer:
    """The first line's best value used by the last one. `cost`: its loss above its own best; None: not run."""

    panel: str
    small: Line
    large: Line

    @property
    def cost(self) -> float | None:
        borrowed = self.large.losses.get(self.small.best)
        return None if borrowed is None else borrowed - self.large.losses[self.large.best]

    @property
    def shift(self) -> float | None:
        """By what factor the optimum moves; None where an optimum lies at the edge of the values."""
        if self.small.optimum is None or self.large.optimum is None:
            return None
        return self.large.optimum / self.small.optimum


def write(folder: Path, name: str, sweep: Sweep, points: Points) -> None:
    """Write all files of the report."""
    study.write(folder, describe(name, sweep, points))


def describe(name: str, sweep: Sweep, points: Points) -> Study:
    """All that the report says."""
    lines = {panel: read_lines(points.finished, panel, list(sweep.lines)) for panel in sweep.panels}
    transfers = [Transfer(panel, found[0], found[-1]) for panel, found in lines.items() if len(found) > 1]
    losses = [loss for found in lines.values() for line in found for loss in line.losses.values()]
    labels = {"x": sweep.key, "y": "validation loss (nats a token)"}
    figures = [
        Figure(
            panel,
            curves(f"{panel}: loss against {sweep.key}", _curves(found), y_range=losses, **labels),
            "Dots: runs (means over seeds). Rings: the best value of each." if number == 0 else "",
        )
        for number, (panel, found) in enumerate(lines.items())
        if found
    ]
    return Study(
        title=f"Sweep: {name}",
        about=f"{sweep.question or f'Which {sweep.key} is best?'} {study.of_runs(points)}.",
        sentences=[sentence(each, sweep.key) for each in transfers] or ["Too little is finished to compare models."],
        caveats=[*caveats(sweep, lines), *study.common_caveats(points, len(sweep.seeds))],
        figures=figures,
        tables=[_losses_table(sweep, lines), study.runs_table(points)],
        picture=standalone(
            f"Loss against {sweep.key}", {panel: _curves(found) for panel, found in lines.items() if found}, **labels
        ),
        numbers={
            "name": name,
            "key": sweep.key,
            "revision": points.revision,
            "lines": [_numbers(line) for found in lines.values() for line in found],
            "runs": [study.as_json(point) for point in points.finished],
        },
        revision=points.revision,
        command=f"lab sweep {name}",
    )


def read_lines(found: list[Point], panel: str, order: list[str]) -> list[Line]:
    """A panel's lines, in the order of the sweep, those that have a finished run."""
    return [line for name in order if (line := _line(found, panel, name)) is not None]


def sentence(transfer: Transfer, key: str) -> str:
    """What becomes of the small model's best value at the large one."""
    small, large = transfer.small, transfer.large
    said = f"{transfer.panel}: the best {key} of {small.name} is {small.best:g}, of {large.name} {large.best:g}"
    if transfer.shift is not None:
        said += f" (between the values: {small.optimum:.3g} and {large.optimum:.3g}, a factor of {transfer.shift:.2g})"
    if transfer.cost is None:
        return f"{said}; {large.name} has no finished run at {small.best:g}, so that what it would cost is not known."
    return f"{said}; with {small.best:g}, {large.name} loses {transfer.cost:.3f} nats a token against its own best."


def caveats(sweep: Sweep, lines: dict[str, list[Line]]) -> list[str]:
    """What the values can't tell."""
    every = [line for found in lines.values() for line in found]
    edge = [f"{line.panel} {line.name} ({line.at_edge})" for line in every if line.at_edge]
    step = max(later / earlier for earlier, later in zip(sweep.values, sweep.values[1:], strict=False))
    said = [f"Values lie a factor of {step:.2g} apart: optima nearer to one another than that are the same."]
    if edge:
        said.append(f"No optimum inside the values, which may go on beyond them: {', '.join(edge)}.")
    said.append(
        "Small models and short runs: what holds here for the widths of this sweep is a sign, not a proof, for wider "
        "ones, other depths, and longer budgets."
    )
    return said


def _line(found: list[Point], panel: str, name: str) -> Line | None:
    by_value: dict[float, list[float]] = {}
    for point in found:
        if (point.trial.panel, point.trial.line) == (panel, name):
            by_value.setdefault(point.trial.at, []).append(point.loss)
    if not by_value:
        return None
    losses = {value: sum(each) / len(each) for value, each in sorted(by_value.items())}
    # A loss is no parabola far from its best value, so only the neighbours say where between values it lies.
    values = list(losses)
    best = min(range(len(values)), key=lambda index: losses[values[index]])
    near = values[max(0, best - 1) : best + 2]
    minimum = find_minimum(near, [losses[value] for value in near])
    side = "" if len(near) == 3 else "lowest at the smallest value" if best == 0 else "lowest at the largest value"
    return Line(panel, name, losses, side, minimum.x)


def _curves(lines: list[Line]) -> list[Curve]:
    found = []
    for line in lines:
        pairs = list(line.losses.items())
        found.append(Curve(line.name, pairs, pairs, (line.best, line.losses[line.best])))
    return found


def _losses_table(sweep: Sweep, lines: dict[str, list[Line]]) -> Table:
    rows = []
    for panel, found in lines.items():
        for line in found:
            cells = [f"{line.losses[value]:.3f}" if value in line.losses else "–" for value in sweep.values]
            optimum = f"{line.optimum:.3g}" if line.optimum is not None else line.at_edge or "–"
            rows.append((f"{panel}, {line.name}", *cells, optimum))
    headings = (sweep.key, *(f"{value:g}" for value in sweep.values), "optimum")
    return Table(
        "Validation loss", headings, rows, "Optimum: of the parabola through the best value and its neighbours."
    )


def _numbers(line: Line) -> dict[str, Any]:
    losses = [{"value": value, "loss": loss} for value, loss in line.losses.items()]
    return {"panel": line.panel, "line": line.name, "best": line.best, "optimum": line.optimum, "losses": losses}
