"""The pages of `lab isoflop`. In: the study and its finished runs. Out: IsoFLOP curves, their lowest points, and the
power laws through those (lab.experiments.fit), as <folder>/index.html, report.md, picture.svg and points.json.

The loss is fitted over tokens, as by Grattafiori et al. 2024 (section 3.2.1), and over parameters, as by Hoffmann et
al. 2022 (approach 2).
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from lab.experiments.fit import Minimum, Parabola, PowerLaw, find_minimum, fit_parabola, fit_power_law, with_interval
from lab.experiments.scaling import IsoFlop, Point, Points
from lab.formatting import NOTHING, power, short
from lab.report.charts import Series, lines, responsive, stand_alone
from lab.report.studies import study
from lab.report.studies.study import Study, StudyTable
from lab.report.svg import WIDE

DRAWN = 60  # points of a parabola
PUBLISHED = {"tokens": (0.53, "Llama 3"), "parameters": (0.49, "Chinchilla, approach 2")}


@dataclass(frozen=True)
class Fits:
    """One axis (tokens or parameters): by budget, the runs' (x, loss), parabola and lowest point; and their law."""

    axis: str
    measured: dict[float, list[tuple[float, float]]]
    parabolas: dict[float, Parabola | None]
    minima: dict[float, Minimum]

    @property
    def used(self) -> dict[float, float]:
        """FLOPs -> best x, of the budgets that have one."""
        return {flops: minimum.x for flops, minimum in self.minima.items() if minimum.x is not None}

    @cached_property
    def law(self) -> PowerLaw | None:
        law = fit_power_law(list(self.used), list(self.used.values()))
        curves = {flops: curve for flops in self.used if (curve := self.parabolas[flops]) is not None}
        return with_interval(law, curves) if law else None


def write(folder: Path, isoflop: IsoFlop, points: Points) -> None:
    """Write all files of the report."""
    study.write(folder, describe(isoflop, points))


def describe(isoflop: IsoFlop, points: Points) -> Study:
    """All that the report says."""
    by_tokens, by_parameters = both = [fit(points.finished, axis) for axis in ("tokens", "parameters")]
    loss = "validation loss (nats per token)"
    dots = "Dots: runs. Lines: one parabola per budget. Rings: its lowest point."
    figures = [
        (
            f"Loss over {each.axis}, at equal FLOPs",
            responsive(f"Loss over {each.axis}", lines, _parabola_curves(each), x=each.axis, y=loss, log="x"),
            dots if each is by_tokens else "",
        )
        for each in both
    ]
    if by_tokens.law:
        law = responsive("Best number of tokens", lines, _law_curve(by_tokens), x="FLOPs", y="tokens", log="xy")
        note = "Dots: the parabolas' lowest points. Line: the power law through them."
        figures.append(("Best number of tokens for a budget", law, note))
    drawing = lines(WIDE, _parabola_curves(by_tokens), x="tokens", y=loss, log="x")
    question = isoflop.question or "What is compute-optimal?"
    return Study(
        title="IsoFLOP curves",
        about=f"{question} {study.of_runs(points)}, {len(isoflop.budgets)} budgets.",
        sentences=[sentence for each in both for sentence in sentences(each)],
        caveats=[*caveats(by_tokens), *study.common_caveats(points, len(isoflop.seeds))],
        figures=figures,
        tables=[_minima_table(by_tokens, by_parameters), study.runs_table(points)],
        picture=stand_alone("IsoFLOP curves", [("", drawing)]),
        numbers={
            "revision": points.revision,
            "fits": {each.axis: _numbers(each) for each in both},
            "runs": [study.as_json(point) for point in points.finished],
        },
        revision=points.revision,
        command="lab isoflop",
    )


def fit(points: list[Point], axis: str) -> Fits:
    """Parabolas and minima of one axis."""
    measured: dict[float, list[tuple[float, float]]] = {}
    for point in points:
        measured.setdefault(point.trial.at, []).append((float(getattr(point, axis)), point.loss))
    measured = {flops: sorted(pairs) for flops, pairs in sorted(measured.items())}
    columns = {flops: tuple(zip(*pairs, strict=True)) for flops, pairs in measured.items()}
    parabolas = {flops: fit_parabola(x, losses) for flops, (x, losses) in columns.items()}
    minima = {flops: find_minimum(x, losses) for flops, (x, losses) in columns.items()}
    return Fits(axis, measured, parabolas, minima)


def sentences(fits: Fits) -> list[str]:
    """The law of one axis as a sentence, and the budgets without a minimum."""
    edges = [
        f"{power(flops)} FLOPs, {fits.axis}: {each.problem}; the budget is left out, not extrapolated."
        for flops, each in fits.minima.items()
        if each.x is None
    ]
    if fits.law is None:
        lack = f"it needs two budgets with a minimum, there is {len(fits.used)}."
        return [f"No power law for {fits.axis}: {lack}", *edges]
    law = fits.law
    value, source = PUBLISHED[fits.axis]
    return [
        f"Best {fits.axis} = {law.coefficient:.3g} C^{law.exponent:.2f}, {_interval(law)} "
        f"(over {law.budgets} budgets; {source} has {value}).",
        *edges,
    ]


def caveats(fits: Fits) -> list[str]:
    """The limits of the fit."""
    if fits.law is None:
        return []
    lines = []
    budgets = list(fits.used)
    if len(budgets) == 2:
        lines.append("Two budgets define a line exactly: that they follow a power law is assumed, not shown.")
    elif len(budgets) > 2:
        lines.append(
            f"{len(budgets)} budgets within a factor of {max(budgets) / min(budgets):.3g} leave {len(budgets) - 2} "
            "degree(s) of freedom for the power law: its exponent holds for these sizes and this corpus, and is not "
            "one to extrapolate by."
        )
    lines.append(
        "The interval is a bootstrap of the losses' noise about their parabolas. It does not account for the parabola "
        "being an approximation, nor for one learning rate (scaled by width) suiting some sizes better than others."
    )
    return lines


def _interval(law: PowerLaw) -> str:
    if law.low is not None and law.high is not None:
        return f"95 % interval of the exponent {law.low:.2f} to {law.high:.2f}"
    if law.kept:
        return f"interval unknown: only {law.kept:.0%} of the bootstrap's curves had a minimum at every budget"
    return "interval unknown: with three sizes per budget, noise can't be estimated"


def _parabola_curves(fits: Fits) -> list[Series]:
    curves = []
    for flops, pairs in fits.measured.items():
        parabola, minimum = fits.parabolas[flops], fits.minima[flops]
        line = [(x, parabola.at(x)) for x in _between(pairs[0][0], pairs[-1][0])] if parabola else []
        lowest = (minimum.x, minimum.loss) if minimum.x is not None and minimum.loss is not None else None
        curves.append(Series(f"{power(flops)} FLOPs", pairs, line, lowest))
    return curves


def _law_curve(fits: Fits) -> list[Series]:
    assert fits.law is not None
    line = [(flops, fits.law.at(flops)) for flops in _between(min(fits.used), max(fits.used))]
    return [Series(f"{fits.law.coefficient:.3g} C^{fits.law.exponent:.2f}", list(fits.used.items()), line)]


def _between(low: float, high: float) -> list[float]:
    """DRAWN values, equally spaced on a logarithmic axis."""
    return [low * math.exp(math.log(high / low) * step / (DRAWN - 1)) for step in range(DRAWN)]


def _minima_table(by_tokens: Fits, by_parameters: Fits) -> StudyTable:
    rows = []
    for flops, tokens in by_tokens.minima.items():
        parameters = by_parameters.minima[flops]
        ratio = short(tokens.x / parameters.x) if tokens.x and parameters.x else NOTHING
        loss = NOTHING if tokens.loss is None else f"{tokens.loss:.4f}"
        note = tokens.problem or parameters.problem or "inside"
        rows.append((power(flops), short(tokens.x), short(parameters.x), ratio, loss, note))
    headings = ("FLOPs", "best tokens", "best parameters", "tokens per parameter", "loss there", "minimum")
    return StudyTable("Lowest points", headings, rows, "Parameters are all weights, embeddings included.")


def _numbers(fits: Fits) -> dict:
    return {
        "law": asdict(fits.law) if fits.law else None,
        "minima": [{"flops": flops} | asdict(each) for flops, each in fits.minima.items()],
    }
