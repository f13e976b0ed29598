"""Our model's scores beside those of evaluate.models: in, reports/evaluate.json; out, one table.

A row is a task's first metric, as reports/scores.json has it; a column is a model, ours first.
"""

from dataclasses import dataclass
from typing import Any

from lab.report.run.collect import Run
from lab.report.run.scores import Score, parse_scores, read_scores

OURS = "ours"


@dataclass(frozen=True)
class Row:
    """One task. `cells`: a model's score each, None where it has none; `best`: the places of the best of them."""

    task: str
    metric: str
    chance: float | None
    cells: list[Score | None]

    @property
    def best(self) -> list[int]:
        known = [score for score in self.cells if score is not None]
        if len(known) < 2:
            return []
        choose = max if known[0].share else min
        value = choose(score.value for score in known)
        return [place for place, score in enumerate(self.cells) if score is not None and score.value == value]


@dataclass(frozen=True)
class Beside:
    names: list[str]
    rows: list[Row]


def read_models(run: Run) -> Beside | None:
    """The table; None where no other model was scored."""
    others = run.metrics.get("evaluate", {}).get("models")
    if not isinstance(others, dict) or not others:
        return None
    columns = {OURS: read_scores(run)}
    columns |= {str(name): parse_scores(found["scores"]) for name, found in others.items() if _scored(found)}
    firsts: dict[str, Score] = {}
    for score in (score for column in columns.values() for score in column):
        firsts.setdefault(score.task, score)
    rows = [
        Row(first.task, first.metric, first.chance, [_of(column, first) for column in columns.values()])
        for first in firsts.values()
    ]
    return Beside(list(columns), rows)


def _scored(found: Any) -> bool:
    return isinstance(found, dict) and "scores" in found


def _of(column: list[Score], wanted: Score) -> Score | None:
    same = (score for score in column if (score.task, score.metric) == (wanted.task, wanted.metric))
    return next(same, None)
