"""A comparison of revisions as tables and notes for people, and as JSON for programs."""

import math
from collections.abc import Sequence
from typing import Any

from lab import formatting as words
from lab.cli.comparison import LIMIT, Judged, Score, scores
from lab.cli.revisions import SHORT, WORKSPACE, Revision, differing
from lab.cli.tables import Table
from lab.evaluate.compare import Difference
from lab.evaluate.per_item import BITS

MARK = " †"  # of a task that is not paired
STYLES = {"better": "green", "worse": "red"}
# In reports/train.json: name, heading, digits (None: a count).
TRAINING = (
    ("loss", "training loss (nats a token)", 4),
    ("validation_loss", "validation loss (nats a token)", 4),
    ("validation_bits_per_byte", "validation bits per byte", 4),
    ("tokens", "tokens trained on", None),
    ("parameters", "parameters of the model", None),
)
SAME_SCORES = {"evaluate.device", "evaluate.batch_tokens"}  # parameters of evaluate that change no score
REASONS = 4  # tasks named for one reason


def scores_table(revisions: Sequence[Revision]) -> Table:
    """Every task beside its chance level, with 95 % intervals of each score by itself."""
    found = [scores(revision) for revision in revisions]
    tasks = dict.fromkeys(task for of_one in found for task in of_one)
    rows = []
    for task in tasks:
        scored = [of_one.get(task) for of_one in found]
        first = next(score for score in scored if score)
        cells = [_score(score if score and score.metric == first.metric else None) for score in scored]
        rows.append((words.label(task), words.label(first.metric), _amount(first.chance, first.metric), *cells))
    headings = ("task", "metric", "chance", *(revision.name for revision in revisions))
    return Table("Scores (± 95 %; shares as per cent)", headings, tuple(rows))


def differences_table(baseline: Revision, judged: Judged) -> Table:
    """What is gained or lost on each task, paired item by item where that can be done (marked otherwise).

    p is corrected for the number of tasks (Holm).
    """
    rows = [_difference(row, "" if row.task in judged.paired else MARK) for row in judged.comparison.tasks]
    paired = [row.metric == BITS for row in judged.comparison.tasks if row.task in judged.paired]
    rows += [_difference(row, "") for row in judged.comparison.means if paired.count(row.metric == BITS) > 1]
    title = f"{judged.comparison.name} less {baseline.name}"
    headings = ("task", "difference", "95 % interval", "p", "items", "verdict")
    return Table(title, headings, tuple(rows))


def training_table(revisions: Sequence[Revision]) -> Table | None:
    """Losses and sizes; None where no revision has them."""
    found = [revision.metrics.get("train", {}) for revision in revisions]
    rows = []
    for name, heading, digits in TRAINING:
        values = [run.get(name) for run in found]
        if any(value is not None for value in values):
            shown = [words.count(value) if digits is None else words.decimal(value, digits) for value in values]
            rows.append((heading, *shown))
    return Table("Training", ("", *(revision.name for revision in revisions)), tuple(rows)) if rows else None


def parameters_table(revisions: Sequence[Revision]) -> Table | None:
    """The parameters that differ; None where none does."""
    rows = [
        (key, *(words.NOTHING if value is None else value for value in values))
        for key, values in differing(list(revisions)).items()
    ]
    headings = ("key", *(revision.name for revision in revisions))
    return Table("Parameters that differ", headings, tuple(rows), figures=False) if rows else None


def notes(revisions: Sequence[Revision], judged: Sequence[Judged]) -> list[str]:
    """What a reader must know before believing the tables."""
    found = []
    for one in judged:
        for reason in dict.fromkeys(one.apart.values()):
            tasks = [words.label(task) for task, why in one.apart.items() if why == reason]
            found.append(
                f"{MARK.strip()} {one.comparison.name}: not paired item by item on {_some(tasks)} ({reason}): "
                "these intervals take the stored standard errors as independent."
            )
        for task, reason in one.comparison.left_out.items():
            found.append(f"{one.comparison.name}: {words.label(task)} is not compared: {reason}.")
    without = [revision.name for revision in revisions if not revision.items]
    if without:
        found.append(
            f"No items of {_some(without)}: neither data/evaluate nor DVC's cache has them. `dvc pull` or `dvc repro` "
            "there brings them back."
        )
    changed = [key for key in differing(list(revisions)) if key.startswith("evaluate.") and key not in SAME_SCORES]
    if changed:
        found.append(f"The evaluation itself differs ({', '.join(changed)}): scores may not be comparable.")
    if not differing(list(revisions)) and not any(revision.model for revision in revisions):
        found.append("The parameters are the same.")
    return found + _versions(revisions)


def as_json(revisions: Sequence[Revision], judged: Sequence[Judged]) -> dict[str, Any]:
    """All of it. Scores and differences as they are: shares from 0 to 1, bits per byte."""
    found = {revision.name: scores(revision) for revision in revisions}
    return {
        "revisions": [{"name": revision.name, "commit": revision.commit} for revision in revisions],
        "scores": {name: {task: vars(score) for task, score in of_one.items()} for name, of_one in found.items()},
        "differences": [
            {
                "name": one.comparison.name,
                "baseline": revisions[0].name,
                "sentence": one.comparison.sentence(),
                "tasks": [_plain(row) | {"paired": row.task in one.paired} for row in one.comparison.tasks],
                "means": [_plain(row) for row in one.comparison.means],
                "left_out": one.comparison.left_out,
            }
            for one in judged
        ],
        "training": {
            revision.name: {name: revision.metrics.get("train", {}).get(name) for name, _, _ in TRAINING}
            for revision in revisions
        },
        "parameters": differing(list(revisions)),
        "notes": notes(revisions, judged),
    }


def described(revision: Revision) -> str:
    """A revision with its commit."""
    if revision.commit is None:
        return f"{WORKSPACE} (what lies in the folder)"
    return f"{revision.name} ({revision.commit[:SHORT]})"


def _plain(row: Difference) -> dict[str, Any]:
    values = vars(row) | {"difference": row.difference, "verdict": row.verdict, "seeds": list(row.seeds)}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def _difference(row: Difference, mark: str) -> tuple[str, ...]:
    known = not math.isnan(row.low)
    interval = f"{_signed(row.low, row.metric)} to {_signed(row.high, row.metric)}" if known else words.NOTHING
    chance = _probability(row.corrected) if known else words.NOTHING
    name, verdict = words.label(row.task) + mark, row.verdict if known else "not known"
    return name, _signed(row.difference, row.metric), interval, chance, words.count(row.items), verdict


def _score(score: Score | None) -> str:
    if score is None:
        return words.NOTHING
    around = "" if score.error is None else f" ± {_amount(LIMIT * score.error, score.metric)}"
    return _amount(score.value, score.metric) + around


def _amount(value: float | None, metric: str) -> str:
    if value is None:
        return words.NOTHING
    return f"{value:.3f}" if metric == BITS else f"{100 * value:.1f}"


def _signed(value: float, metric: str) -> str:
    return f"{value:+.3f}" if metric == BITS else f"{100 * value:+.1f}"


def _probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - REASONS
    return ", ".join(names[:REASONS]) + (f" and {more} more" if more > 0 else "")


def _versions(revisions: Sequence[Revision]) -> list[str]:
    """A task whose version differs is another task by the same name."""
    found = [scores(revision) for revision in revisions]
    tasks = dict.fromkeys(task for of_one in found for task in of_one)
    different = [task for task in tasks if len({of_one[task].version for of_one in found if task in of_one}) > 1]
    return [f"Another version of {_some([words.label(task) for task in different])}."] if different else []
