"""A comparison of revisions as tables and notes for people, and as JSON for programs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lab import formatting as words
from lab.cli.comparison import Judged
from lab.cli.revisions import Revision, differing
from lab.cli.tables import Table
from lab.evaluate import signal
from lab.evaluate.compare import Z_LEVEL, Difference
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
    headings = ("task", "metric", "chance", *(revision.name for revision in revisions))
    return Table("Scores (± 95 %; shares as per cent)", headings, tuple(rows))


def differences_table(baseline: Revision, judged: Judged) -> Table:
    """Gains and losses on each task; tasks that are not paired item by item are marked. p is corrected (Holm)."""
    rows = [_difference(row, "" if row.task in judged.paired else MARK) for row in judged.comparison.tasks]
    kinds = [higher_is_better(row.metric) for row in judged.comparison.tasks if row.task in judged.paired]
    means = [mean for mean in judged.comparison.means if kinds.count(higher_is_better(mean.metric)) > 1]
    title = f"{judged.comparison.name} less {baseline.name}"
    headings = ("task", "difference", "95 % interval", "p", "items", "verdict")
    return Table(title, headings, tuple(rows + [_difference(mean, "") for mean in means]))


def trust_table(revisions: Sequence[Revision]) -> Table | None:
    """Which scores to trust: FineWeb's criteria (lab.evaluate.signal), a row per task that all revisions have.

    A revision is one seed: noise over seeds takes `lab ablate`. Monotonicity and order need the milestones that
    train.evaluate_every keeps. None where nothing is known of any task.
    """
    columns = [revision.scores for revision in revisions]
    rows = []
    for task, first in columns[0].items():
        scores = [column[task] for column in columns if task in column and column[task].metric == first.metric]
        if len(scores) == len(columns):
            rows.append(_trust(scores, revisions))
    headings = ("task", "above chance (standard errors)", "monotonic", "same order", "weak")
    known = any(set(row[1:]) != {words.NOTHING} for row in rows)
    return Table("Which scores to trust", headings, tuple(rows)) if known else None


def training_table(revisions: Sequence[Revision]) -> Table | None:
    """Losses and sizes; None where no revision has them."""
    rows = []
    for name, heading, digits in TRAINING:
        values = [revision.metrics.get("train", {}).get(name) for revision in revisions]
        if any(value is not None for value in values):
            cells = [words.count(value) if digits is None else words.decimal(value, digits) for value in values]
            rows.append((heading, *cells))
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
    """What a reader must know before trusting the tables."""
    lines = []
    for one in judged:
        for reason in dict.fromkeys(one.apart.values()):
            tasks = [words.label(task) for task, why in one.apart.items() if why == reason]
            lines.append(
                f"{MARK.strip()} {one.comparison.name}: not paired item by item on {_names(tasks)} ({reason}): "
                "these intervals take the stored standard errors as independent."
            )
        for task, reason in one.comparison.left_out.items():
            lines.append(f"{one.comparison.name}: {words.label(task)} is not compared: {reason}.")
    without = [revision.name for revision in revisions if not revision.items]
    if without:
        lines.append(
            f"No items of {_names(without)}: neither data/evaluate nor DVC's cache has them. `dvc pull` or `dvc repro` "
            "there brings them back."
        )
    changed = [key for key in differing(list(revisions)) if key.startswith("evaluate.") and key not in SAME_SCORES]
    if changed:
        lines.append(f"The evaluation itself differs ({', '.join(changed)}): scores may not be comparable.")
    if not differing(list(revisions)) and not any(revision.model for revision in revisions):
        lines.append("The parameters are the same.")
    # A task of another version is another task with the same name.
    versions: dict[str, set[str]] = {}
    for score in (score for revision in revisions for score in revision.scores.values()):
        versions.setdefault(score.task, set()).add(score.version)
    different = [words.label(task) for task, known in versions.items() if len(known) > 1]
    return lines + ([f"Another version of {_names(different)}."] if different else [])


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
                "tasks": [_difference_fields(row) | {"paired": row.task in one.paired} for row in one.comparison.tasks],
                "means": [_difference_fields(row) for row in one.comparison.means],
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


def _score_fields(score: Score) -> dict[str, Any]:
    return {name: value for name, value in vars(score).items() if name != "task"} | {"items": score.items or 0}


def _difference_fields(row: Difference) -> dict[str, Any]:
    values = vars(row) | {"difference": row.difference, "verdict": row.verdict, "seeds": list(row.seeds)}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def _difference(row: Difference, mark: str) -> tuple[str, ...]:
    low, point, high = (amount(value, row.metric, "+") for value in (row.low, row.difference, row.high))
    if math.isnan(row.low):
        interval, p, verdict = words.NOTHING, words.NOTHING, "not known"
    else:
        interval, verdict = f"{low} to {high}", row.verdict
        p = "< 0.001" if row.corrected < 0.001 else f"{row.corrected:.3f}"
    return words.label(row.task) + mark, point, interval, p, words.count(row.items), verdict


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


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")
