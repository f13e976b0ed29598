"""A comparison of revisions as tables and notes for people, and as JSON for programs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lab import formatting as words
from lab.cli.comparison import Judged, Revision, differing
from lab.cli.terminal import Table
from lab.evaluate import signal
from lab.evaluate.compare import FEWEST_ITEMS, Z_LEVEL, Difference
from lab.evaluate.scores import Score, amount, higher_is_better, milestone_curve

MARK = " †"  # after a task that is not paired
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
NAMES = 4  # of tasks or revisions in a note
LEAST_ABOVE_CHANCE = 2.0  # standard errors; a task where no revision reaches it tells nothing


def tables(revisions: Sequence[Revision], judged: Sequence[Judged]) -> list[Table]:
    """All tables that have rows, in the order of reading."""
    candidates = [
        scores_table(revisions),
        *(differences_table(revisions[0], one) for one in judged),
        trust_table(revisions),
        training_table(revisions),
        parameters_table(revisions),
    ]
    return [table for table in candidates if table.rows]


def scores_table(revisions: Sequence[Revision]) -> Table:
    """Every task with its chance level, and each score with its own 95 % interval."""
    columns = [revision.scores for revision in revisions]
    rows = []
    for task in dict.fromkeys(task for column in columns for task in column):
        scores = [column.get(task) for column in columns]
        first = next(score for score in scores if score)
        cells = [_score(score) if score and score.metric == first.metric else words.NOTHING for score in scores]
        chance = words.NOTHING if first.chance is None else amount(first.chance, first.metric)
        rows.append((words.label(task), words.label(first.metric), chance, *cells))
    headings = ("task", "metric", "chance", *_names(revisions))
    return Table("Scores (± 95 %; shares as per cent)", headings, tuple(rows))


def differences_table(baseline: Revision, judged: Judged) -> Table:
    """Gains and losses on each task; tasks that are not paired item by item are marked. p is corrected (Holm)."""
    rows = [_difference(row, MARK if row.task in judged.apart else "") for row in judged.comparison.tasks]
    kinds = [higher_is_better(row.metric) for row in judged.comparison.tasks if row.task not in judged.apart]
    means = [mean for mean in judged.comparison.means if kinds.count(higher_is_better(mean.metric)) > 1]
    title = f"{judged.comparison.name} less {baseline.name}"
    headings = ("task", "difference", "95 % interval", "p", "items", "verdict")
    return Table(title, headings, tuple(rows + [_difference(mean) for mean in means]))


def trust_table(revisions: Sequence[Revision]) -> Table:
    """Which scores to trust: FineWeb's criteria (lab.evaluate.signal), a row per task that all revisions have.

    A revision is one seed; noise takes `lab ablate`. Monotonicity and order need milestones (train.evaluate_every).
    """
    columns = [revision.scores for revision in revisions]
    common = [[column[task] for column in columns if task in column] for task in columns[0]]
    rows = [
        _trust(scores, revisions)
        for scores in common
        if len(scores) == len(columns) and len({score.metric for score in scores}) == 1
    ]
    known = any(set(row[1:]) != {words.NOTHING} for row in rows)
    headings = ("task", "above chance (standard errors)", "monotonic", "same order", "weak")
    return Table("Which scores to trust", headings, tuple(rows) if known else ())


def training_table(revisions: Sequence[Revision]) -> Table:
    """Losses and sizes that some revision has."""
    rows = []
    for name, heading, digits in TRAINING:
        values = [revision.metrics.get("train", {}).get(name) for revision in revisions]
        if any(value is not None for value in values):
            cells = [words.count(value) if digits is None else words.decimal(value, digits) for value in values]
            rows.append((heading, *cells))
    return Table("Training", ("", *_names(revisions)), tuple(rows))


def parameters_table(revisions: Sequence[Revision]) -> Table:
    """The parameters that differ."""
    rows = [
        (key, *(words.NOTHING if value is None else value for value in values))
        for key, values in differing(revisions).items()
    ]
    return Table("Parameters that differ", ("key", *_names(revisions)), tuple(rows), figures=False)


def notes(revisions: Sequence[Revision], judged: Sequence[Judged]) -> list[str]:
    """What a reader must know before trusting the tables."""
    lines = []
    for one in judged:
        for reason in dict.fromkeys(one.apart.values()):
            tasks = [words.label(task) for task, why in one.apart.items() if why == reason]
            lines.append(
                f"{MARK.strip()} {one.comparison.name}: not paired item by item on {_some(tasks)} ({reason}): "
                "intervals take the stored standard errors as independent."
            )
        unknown = [words.label(row.task) for row in one.comparison.tasks if math.isnan(row.low)]
        if unknown:
            lines.append(
                f"{one.comparison.name}: no interval, and so no verdict, on {_some(unknown)}: a score there has fewer "
                f"than {FEWEST_ITEMS} items, or no standard error."
            )
        for task, reason in one.comparison.left_out.items():
            lines.append(f"{one.comparison.name}: {words.label(task)} is not compared: {reason}.")
    if without := [revision.name for revision in revisions if not revision.items]:
        lines.append(
            f"No items of {_some(without)}: neither data/evaluate nor DVC's cache has them. `dvc pull` or `dvc repro` "
            "there brings them back."
        )
    parameters = differing(revisions)
    if changed := [key for key in parameters if key.startswith("evaluate.") and key not in SAME_SCORES]:
        lines.append(f"The evaluation itself differs ({', '.join(changed)}): scores may not be comparable.")
    if not parameters and not any(revision.model for revision in revisions):
        lines.append("The parameters are the same.")
    # A task of another version is another task with the same name.
    versions: dict[str, set[str]] = {}
    for score in (score for revision in revisions for score in revision.scores.values()):
        versions.setdefault(score.task, set()).add(score.version)
    if different := [words.label(task) for task, known in versions.items() if len(known) > 1]:
        lines.append(f"Another version of {_some(different)}.")
    return lines


def as_json(revisions: Sequence[Revision], judged: Sequence[Judged]) -> dict[str, Any]:
    """All numbers. Scores and differences are not scaled: shares from 0 to 1, bits per byte."""
    return {
        "revisions": [{"name": revision.name, "commit": revision.commit} for revision in revisions],
        "scores": {
            revision.name: {task: _score_fields(score) for task, score in revision.scores.items()}
            for revision in revisions
        },
        "differences": [
            {
                "name": one.comparison.name,
                "baseline": revisions[0].name,
                "sentence": one.comparison.sentence(),
                "tasks": [
                    _difference_fields(row) | {"paired": row.task not in one.apart} for row in one.comparison.tasks
                ],
                "means": [_difference_fields(row) for row in one.comparison.means],
                "left_out": one.comparison.left_out,
            }
            for one in judged
        ],
        "training": {
            revision.name: {name: revision.metrics.get("train", {}).get(name) for name, *_ in TRAINING}
            for revision in revisions
        },
        "parameters": differing(revisions),
        "notes": notes(revisions, judged),
    }


def _score_fields(score: Score) -> dict[str, Any]:
    return {name: value for name, value in vars(score).items() if name != "task"} | {"items": score.items or 0}


def _difference_fields(row: Difference) -> dict[str, Any]:
    values = vars(row) | {"difference": row.difference, "verdict": row.verdict, "seeds": list(row.seeds)}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def _difference(row: Difference, mark: str = "") -> tuple[str, ...]:
    low, point, high = (amount(value, row.metric, "+") for value in (row.low, row.difference, row.high))
    first, items = (words.label(row.task) + mark, point), words.count(row.items)
    if math.isnan(row.low):
        return *first, words.NOTHING, words.NOTHING, items, "not known"
    p = "< 0.001" if row.corrected < 0.001 else f"{row.corrected:.3f}"
    return *first, f"{low} to {high}", p, items, row.verdict


def _score(score: Score) -> str:
    around = "" if score.error is None else f" ± {amount(Z_LEVEL * score.error, score.metric)}"
    return amount(score.value, score.metric) + around


def _trust(scores: Sequence[Score], revisions: Sequence[Revision]) -> tuple[str, ...]:
    """`scores` of one task, one per revision."""
    task, metric = scores[0].task, scores[0].metric
    curves = [milestone_curve(revision.metrics["evaluate"], task, metric) for revision in revisions]
    comparable = all(curves) and len({tuple(step for step, _ in curve) for curve in curves}) == 1
    measured = signal.measure(
        task,
        np.array([[score.value] for score in scores]),
        chance=None,  # measured in deviations over seeds, of which there is one here
        higher_is_better=higher_is_better(metric),
        checkpoints=np.array([[value for _, value in curve] for curve in curves]).T if comparable else None,
    )
    above = max((score.above_chance for score in scores if score.above_chance is not None), default=None)
    weak = measured.failures()
    if above is not None and above < LEAST_ABOVE_CHANCE:
        weak.append("not above chance")
    cells = [words.decimal(cell, 2) for cell in (above, measured.monotonicity, measured.order)]
    return words.label(task), *cells, ", ".join(weak) or words.NOTHING


def _names(revisions: Sequence[Revision]) -> list[str]:
    return [revision.name for revision in revisions]


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")
