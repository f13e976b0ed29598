"""Each revision against the baseline. In: Revisions. Out: Judged: a Comparison, and for each task how it was compared.

Where both revisions answered the same items, lab.evaluate.compare pairs them. Elsewhere (answers that are no longer
available, items of another dataset, groups of tasks) the two stored standard errors are taken as independent, which
gives wider intervals than pairing would if the items were the same after all.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from lab.cli.revisions import Revision
from lab.errors import InputError
from lab.evaluate import resampling
from lab.evaluate.answers import Items
from lab.evaluate.compare import FEWEST_ITEMS, Z_DETECTED, Z_LEVEL, Comparison, Difference, compare
from lab.evaluate.scores import Score, higher_is_better


@dataclass(frozen=True)
class Judged:
    """A revision against the baseline."""

    comparison: Comparison
    paired: frozenset[str]  # tasks compared item by item
    apart: dict[str, str]  # other tasks -> why they are not paired


def judge(baseline: Revision, variant: Revision, seed: int = 0) -> Judged:
    """Compare on every task that both have a score of the same metric for. InputError where there is none."""
    ours, theirs = baseline.scores, variant.scores
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
    paired, means, apart = _pair(variant.name, items, common, seed)
    rows = [paired[task] if task in paired else _independent(ours[task], theirs[task]) for task in common]
    comparison = Comparison(variant.name, tuple(_corrected(rows)), means, left_out)
    return Judged(comparison, frozenset(paired), apart)


def _pair(
    name: str, items: list[dict[str, Items]], common: list[str], seed: int
) -> tuple[dict[str, Difference], tuple[Difference, ...], dict[str, str]]:
    """The tasks that can be compared item by item, their means, and why the other tasks can't."""
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
    """p-values corrected for all tasks together, however each was compared."""
    known = [row for row in rows if not math.isnan(row.low)]
    corrected = iter(resampling.holm(np.array([row.p for row in known])).tolist())
    return [replace(row, corrected=next(corrected)) if row in known else row for row in rows]


def _independent(ours: Score, theirs: Score) -> Difference:
    """By two standard errors, as if the items were different; the interval is NaN where an error is unknown."""
    errors = [_error(score) for score in (ours, theirs)]
    error = math.nan if None in errors else math.hypot(*errors)
    point = theirs.value - ours.value
    return Difference(
        task=ours.task,
        metric=ours.metric,
        baseline=ours.value,
        variant=theirs.value,
        low=point - Z_LEVEL * error,
        high=point + Z_LEVEL * error,
        p=_p(point, error),
        corrected=_p(point, error),
        detectable=(Z_LEVEL + Z_DETECTED) * error,
        seeds_needed=None,
        items=min(ours.items or 0, theirs.items or 0),
        seeds=(1, 1),
    )


def _error(score: Score) -> float | None:
    """The standard error of a score; None where it is unknown, or there are too few items to tell."""
    if score.items and score.items < FEWEST_ITEMS:  # a group's number is not known
        return None
    if score.error == 0 and score.items and higher_is_better(score.metric):
        # All right, or all wrong: add two of each (Agresti and Coull 1998).
        share = (score.value * score.items + 2) / (score.items + 4)
        return math.sqrt(share * (1 - share) / (score.items + 4))
    return score.error or None


def _p(point: float, error: float) -> float:
    """Two-sided p-value of a normal distribution."""
    if math.isnan(error):
        return 1.0
    return math.erfc(abs(point) / error / math.sqrt(2))
