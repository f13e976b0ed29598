"""The section of scores: in, reports/evaluate.json, contamination.json and data/evaluate/<task>.jsonl; out, bars, a
table of models, overlaps and questions.

A score is "above chance" by how many standard errors it lies over its task's chance level (lm-eval's own stderr).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import formatting as words
from lab.evaluate.answers import once, read_answer, task_files
from lab.evaluate.scores import ACCURACIES, Score, first_scores, higher_is_better, read_scores
from lab.report.charts import Bar
from lab.report.run.collect import Run, read_lines

ITEMS_READ = 2000  # of a task's file
CONTINUATION = 220  # characters of an answer shown
PROMPT = 420  # characters of a prompt shown, the last ones
OURS = "ours"


@dataclass(frozen=True)
class ModelRow:
    """A task's first metric for several models. `cells`: None where a model has no such score."""

    task: str
    metric: str
    chance: float | None
    cells: list[Score | None]

    @property
    def best(self) -> list[int]:
        """Places of the best cells; none where fewer than two models have a score."""
        values = [score.value for score in self.cells if score is not None]
        if len(values) < 2:
            return []
        best = max(values) if higher_is_better(self.metric) else min(values)
        return [place for place, score in enumerate(self.cells) if score is not None and score.value == best]


@dataclass(frozen=True)
class ModelTable:
    """A column per model, ours first; a row per task."""

    names: list[str]
    rows: list[ModelRow]


@dataclass(frozen=True)
class Question:
    """One item as the model saw it."""

    prompt: str
    answers: list[tuple[str, float | None, bool, bool]]  # text, log-likelihood (nats), right, chosen by the model
    right: bool  # whether the model answered right


def scores_of(run: Run) -> list[Score]:
    """All scores of our model, in the order of the file."""
    return read_scores(run.metrics.get("evaluate", {}).get("scores"))


def models_table(run: Run) -> ModelTable | None:
    """Our model beside those of evaluate.models; None where no other model was scored."""
    others = run.metrics.get("evaluate", {}).get("models")
    if not isinstance(others, dict) or not others:
        return None
    columns = {OURS: scores_of(run)}
    columns |= {
        str(name): read_scores(model["scores"])
        for name, model in others.items()
        if isinstance(model, dict) and "scores" in model
    }
    firsts = first_scores(score for column in columns.values() for score in column)
    by_metric = [{(score.task, score.metric): score for score in column} for column in columns.values()]
    rows = [
        ModelRow(task, first.metric, first.chance, [column.get((task, first.metric)) for column in by_metric])
        for task, first in firsts.items()
    ]
    return ModelTable(list(columns), rows)


def read_overlaps(run: Run) -> list[dict[str, Any]]:
    """What the stage contamination measured, a row per task: its first metric, of all items and of the `clean` ones.

    `covered`: mean share of an item's words that lie in a shared `ngram`; `error`: one standard error of `clean`.
    """
    tasks = run.metrics.get("contamination", {}).get("tasks")
    rows: list[dict[str, Any]] = []
    for task, values in tasks.items() if isinstance(tasks, dict) else ():
        metric, groups = next(iter(values.get("scores", {}).items()), ("", {}))
        every, clean = (groups.get(group) or {} for group in ("all", "clean"))
        row = {name: values.get(name) for name in ("ngram", "items", "overlapping", "covered")}
        row |= {"every": every.get("value"), "clean": clean.get("value"), "error": clean.get("error")}
        rows.append(row | {"task": str(task), "metric": metric})
    return rows


def bars(scores: Sequence[Score]) -> list[Bar]:
    """Bars with error bars of two standard errors and chance marked."""
    tasks = [score.task for score in scores]
    drawn = []
    for score in scores:
        metric = f" ({words.label(score.metric)})" if tasks.count(score.task) > 1 else ""
        name = words.label(score.task) + metric
        note = f"{name}: {score.value:.4g}"
        note += f" ± {score.error:.2g} (one standard error)" if score.error else ""
        note += f"; chance {score.chance:.3g}" if score.chance is not None else ""
        note += f"; {score.above_chance:+.1f} standard errors from chance" if score.above_chance is not None else ""
        drawn.append(Bar(name, score.value, 2 * score.error if score.error else None, score.chance, note))
    return drawn


def best_above_chance(scores: Sequence[Score]) -> list[Score]:
    """The scores whose distance from chance is known, the surest first, one per task."""
    known = [(score.above_chance, score) for score in scores if score.above_chance is not None]
    surest = sorted(known, key=lambda pair: (-pair[0], pair[1].task))
    return list(first_scores(score for _, score in surest).values())


def read_questions(data: Path, number: int) -> dict[str, dict[str, list[Question]]]:
    """Questions answered right and wrong, by task: the first `number` of each."""
    tasks: dict[str, dict[str, list[Question]]] = {}
    for task, path in task_files(data / "evaluate").items():
        questions = [question for row in once(read_lines(path, ITEMS_READ)) if (question := _question(row)) is not None]
        right, wrong = (
            [question for question in questions if question.right is kind][:number] for kind in (True, False)
        )
        if right or wrong:
            tasks[task] = {"right": right, "wrong": wrong}
    return tasks


def _question(row: Mapping[str, Any]) -> Question | None:
    """None where an item is neither right nor wrong (a passage, say)."""
    verdict = next((value for metric in ACCURACIES if (value := words.number(row.get(metric))) is not None), None)
    if verdict is None:
        return None
    answer = read_answer(row)
    endings = [choice[-CONTINUATION:] if answer.context is None else choice for choice in answer.choices]
    texts = [words.excerpt(ending, CONTINUATION) for ending in endings]
    marks = [(place == answer.right, place == answer.chosen) for place in range(len(texts))]
    answers = [(text, known, *mark) for text, known, mark in zip(texts, answer.likelihoods, marks, strict=True)]
    prompt = answer.context or ""
    cut = "… " if len(prompt) > PROMPT else ""
    return Question(cut + words.clean(prompt[-PROMPT:]), answers, verdict > 0)
