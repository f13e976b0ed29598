"""The files of a scaling study or sweep. In: a Study, its sentences, figures and tables. Out: <folder>/index.html, one
file that needs nothing else; report.md, to paste into a pull request; picture.svg; and points.json, the numbers.

Same runs, same bytes: no dates, no times.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.experiments.scaling import Point, Points
from lab.files import write_json, write_text
from lab.formatting import power, short
from lab.report.document import render_page, render_text

CONTENTS = (("found", "What was found"), ("pictures", "Pictures"), ("numbers", "Numbers"), ("reproduce", "Reproduce"))


@dataclass(frozen=True)
class StudyTable:
    """Cells as text; the first column names the row."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


@dataclass(frozen=True)
class Study:
    """`sentences`: the results; `caveats`: what they do not show; `picture`: an SVG that stands alone."""

    title: str
    about: str
    sentences: list[str]
    caveats: list[str]
    figures: list[tuple[str, Markup, str]]  # title, picture, note
    tables: list[StudyTable]
    picture: str
    numbers: dict[str, Any]
    revision: str
    command: str


def write(folder: Path, study: Study) -> None:
    """Write all files, each whole or not at all."""
    texts = {
        "index.html": render_page("studies/study.html.j2", title=study.title, contents=CONTENTS, study=study),
        "report.md": render_text("studies/study.md.j2", study=study),
        "picture.svg": study.picture,
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    write_json(folder / "points.json", study.numbers)


def of_runs(points: Points) -> str:
    return f"{len(points.finished)} of {points.planned} runs"


def common_caveats(points: Points, seeds: int) -> list[str]:
    """The limits of any of these studies."""
    lines = []
    if points.diverged:
        lines.append(f"Left out, since their loss is not a finite number: {', '.join(points.diverged)}.")
    if len(points.finished) + len(points.diverged) < points.planned:
        lines.append(f"{of_runs(points)} are in; the others are not finished, or failed (see --status).")
    if seeds == 1:
        lines.append("One seed: the noise between runs is not measured.")
    repeated = [point for point in points.finished if point.epochs > 1]
    if repeated:
        most = max(point.epochs for point in repeated)
        names = ", ".join(point.trial.experiment.variant for point in repeated)
        lines.append(f"More than one epoch: {names} saw tokens again (up to {most:.2f} epochs), which teaches less.")
    return lines


def runs_table(points: Points) -> StudyTable:
    """Every run, with the revision of its experiment."""
    rows = [
        (
            point.trial.experiment.variant,
            str(point.trial.experiment.seed),
            short(point.parameters),
            short(point.tokens),
            power(point.flops),
            f"{point.epochs:.2f}" + (" (repeated)" if point.epochs > 1 else ""),
            f"{point.loss:.4f}",
            f"{point.bits_per_byte:.4f}",
            point.revision[:7],
        )
        for point in points.finished
    ]
    columns = ("run", "seed", "parameters", "tokens", "FLOPs", "epochs", "validation loss", "bits per byte", "revision")
    return StudyTable("Runs", columns, rows, "Validation loss in nats per token, after the last step.")


def as_json(point: Point) -> dict[str, Any]:
    """A run for points.json."""
    trial = point.trial
    place = {"run": trial.experiment.name, "seed": trial.experiment.seed, "panel": trial.panel, "line": trial.line}
    return place | {"at": trial.at} | {key: value for key, value in asdict(point).items() if key != "trial"}
