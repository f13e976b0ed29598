"""What the scores of revisions say. In: Revisions, the first of them the baseline. Out: for each other one a Judged, a
Comparison that says of each task how it was come by.

Where both answered the same items, lab.evaluate.compare pairs them. Elsewhere (items that can't be had any more, items
of another dataset, groups of tasks) the two stored standard errors are taken as independent, which is wider than the
truth where the items were the same after all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lab import formatting as words
from lab.cli.revisions import Revision
from lab.errors import InputError
from lab.evaluate import resampling
from lab.evaluate.compare import FEWEST_ITEMS, Comparison, Difference, compare
from lab.evaluate.per_item import BITS, RIGHT, Items

LIMIT = 1.959964  # standard errors on either side of a 95 % interval
_DETECTED = 0.841621  # four times in five


@dataclass(frozen=True)
class Score:
    """A revision's score on a task: a share of right answers or bits per byte. `error`: one standard error."""

    metric: str
    value: float
    error: float | None
    chance: float | None
    items: int
    version: str


@dataclass(frozen=True)
class Judged:
    """A revision against the baseline. `paired`: tasks compared item by item; `apart`: the others -> why not so."""

    comparison: Comparison
    paired: frozenset[str]
    apart: dict[str, str]


def scores(revision: Revision) -> dict[str, Score]:
    """The score of each task that a comparison goes by: accuracy where it has one, else bits per byte."""
    stored = revision.metrics["evaluate"].get("scores")
    found = {}
    for task, metrics in stored.items() if isinstance(stored, dict) else ():
        score = _score(metrics) if isinstance(metrics, dict) else None
        if score:
            found[str(task)] = score
    if not found:
        raise InputError(f"{revision.name}: reports/evaluate.json holds no scores. Run `dvc repro -f evaluate`.")
    return found


def judge(baseline: Revision, variant: Revision, seed: int = 0) -> Judged:
    """Compare on every task that both have a score of the same metric for. InputError where there is none."""
    ours, theirs = scores(baseline), scores(variant)
    common = [task for task in ours if task in theirs and ours[task].metric == theirs[task].metric]
    if not common:
        raise InputError(f"{variant.name}: it has no task in common with {baseline.name}.")
    left_out = {
        task: "they have different metrics for it" if task in ours and task in theirs else "only one of them has it"
        for task in [*ours, *theirs]
        if task not in common
    }
    items = [
        {task: run.items[task] for task in common if task in run.items and run.items[task].metric == ours[task].metric}
        for run in (baseline, variant)
    ]
    found, means, apart = _pair(variant.name, items, common, seed)
    rows = [found[task] if task in found else _independent(task, ours[task], theirs[task]) for task in common]
    comparison = Comparison(variant.name, tuple(_corrected(rows)), means, left_out)
    return Judged(comparison, frozenset(found), apart)


def _pair(
    name: str, items: list[dict[str, Items]], common: list[str], seed: int
) -> tuple[dict[str, Difference], tuple[Difference, ...], dict[str, str]]:
    """What can be compared item by item, its means, and why the other tasks can't."""
    both = [{task: run[task] for task in common if all(task in other for other in items)} for run in items]
    apart = {task: "items can't be had" for task in common if task not in both[0]}
    if not both[0]:
        return {}, (), apart
    try:
        comparison = compare(name, [both[0]], [both[1]], seed=seed)
    except InputError:
        return {}, (), apart | dict.fromkeys(both[0], "too few items in common")
    return {row.task: row for row in comparison.tasks}, comparison.means, apart | comparison.left_out


def _corrected(rows: list[Difference]) -> list[Difference]:
    """p-values corrected for all tasks that are looked at, however each was compared."""
    known = [row for row in rows if not math.isnan(row.low)]
    corrected = iter(resampling.holm(np.array([row.p for row in known])).tolist())
    return [replace(row, corrected=next(corrected)) if row in known else row for row in rows]


def _independent(task: str, ours: Score, theirs: Score) -> Difference:
    """From two standard errors, as if drawn on other items; an interval of NaN where one is not known."""
    errors = [_error(score) for score in (ours, theirs)]
    error = math.nan if None in errors else math.hypot(*errors)
    point = theirs.value - ours.value
    return Difference(
        task=task,
        metric=ours.metric,
        baseline=ours.value,
        variant=theirs.value,
        low=point - LIMIT * error,
        high=point + LIMIT * error,
        p=_p(point, error),
        corrected=_p(point, error),
        detectable=(LIMIT + _DETECTED) * error,
        seeds_needed=None,
        items=min(ours.items, theirs.items),
        seeds=(1, 1),
    )


def _error(score: Score) -> float | None:
    """The standard error of a score; None where it is not known, or of too few items to tell."""
    if 0 < score.items < FEWEST_ITEMS:  # 0: a group's, not known
        return None
    if score.error == 0 and score.items and score.metric != BITS:
        # All right, or all wrong. Two more of each, then (Agresti and Coull 1998).
        share = (score.value * score.items + 2) / (score.items + 4)
        return math.sqrt(share * (1 - share) / (score.items + 4))
    return score.error or None


def _p(point: float, error: float) -> float:
    """Two-sided, of a normal distribution."""
    if math.isnan(error):
        return 1.0
    return math.erfc(abs(point) / error / math.sqrt(2))


def _score(metrics: Mapping) -> Score | None:
    for metric in (*RIGHT, BITS):
        value = words.number(metrics.get(metric))
        if value is not None:
            return Score(
                metric=metric,
                value=value,
                error=words.number(metrics.get(f"{metric}_stderr")),
                chance=words.number(metrics.get("chance")) if metric != BITS else None,
                items=int(words.number(metrics.get("items")) or 0),
                version=str(metrics.get("version") if metrics.get("version") is not None else ""),
            )
    return None
