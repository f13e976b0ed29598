"""Whether a variant is better than its baseline: differences with intervals, and a plain sentence.

In: for each arm, one {task: Items} per run (runs differ by their seed). Out: a Comparison. Statistics are
lab.evaluate.resampling's; p-values of a comparison's tasks are corrected together (Holm 1979).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.errors import InputError
from lab.evaluate import resampling
from lab.evaluate.answers import Items, Matched, match
from lab.evaluate.resampling import Variances
from lab.evaluate.scores import amount, higher_is_better

RESAMPLES = 4000  # at least
FEWEST_ITEMS = 20  # that two arms must have in common
LEVEL = 0.05  # of significance
Z_LEVEL = 1.959964  # standard errors on either side of a 95 % interval
Z_DETECTED = 0.841621  # and beyond it, so that an effect is found four times in five (power 0.8)


@dataclass(frozen=True)
class Difference:
    """Variant minus baseline, on one task or averaged over several. Shares (0 to 1) or bits per byte."""

    task: str
    metric: str
    baseline: float
    variant: float
    low: float  # of the 95 % interval
    high: float
    p: float
    corrected: float  # p for having looked at all tasks
    detectable: float  # least true difference that is found four times in five with these items and seeds
    seeds_needed: int | None  # per side, to find a true difference of this size; None: no number of seeds is enough
    items: int
    seeds: tuple[int, int]  # runs of baseline and variant

    @property
    def difference(self) -> float:
        return self.variant - self.baseline

    @property
    def gain(self) -> float:
        """The difference, positive where the variant is better."""
        return self.difference if higher_is_better(self.metric) else -self.difference

    @property
    def verdict(self) -> str:
        """better, worse or undecided."""
        if self.corrected >= LEVEL:
            return "undecided"
        return "better" if self.gain > 0 else "worse"


@dataclass(frozen=True)
class Comparison:
    """One variant against the baseline."""

    name: str
    tasks: tuple[Difference, ...]
    means: tuple[Difference, ...]  # over the tasks with a share of right answers, and over those in bits per byte
    left_out: dict[str, str]  # task -> why it can't be compared

    def sentence(self) -> str:
        """For example: "+dedup: better on 3 of 5 tasks, worse on 1, +1.2 ± 0.5 points on average; …"."""
        counts = {kind: sum(task.verdict == kind for task in self.tasks) for kind in ("better", "worse")}
        parts = [f"{kind} on {count}" for kind, count in counts.items() if count]
        tasks = _tasks(len(self.tasks))
        verdict = " and ".join(parts) + f" of {tasks}" if parts else f"no difference shown on {tasks}"
        clauses = ", ".join([verdict, *(_average(mean) for mean in self.means)])
        return f"{self.name}: {clauses}{self._outlook()}."

    def _outlook(self) -> str:
        """What would decide the undecided task that is nearest to a verdict."""
        if self.tasks and max(sum(task.seeds) for task in self.tasks) == 2:
            return "; one run each, so this is about these two models, not about the decision: give it three seeds"
        undecided = [task for task in self.tasks if task.verdict == "undecided"]
        if not undecided:
            return ""
        reachable = [task for task in undecided if task.seeds_needed is not None]
        if not reachable:
            nearest = min(undecided, key=lambda task: (task.p, task.task))
            return f"; more seeds would not tell on {nearest.task}, more items might"
        nearest = min(reachable, key=lambda task: (task.seeds_needed, task.task))
        more = max(1, (nearest.seeds_needed or 0) - min(nearest.seeds))
        return f"; {more} more seed{'s' if more > 1 else ''} a side would be needed to tell on {nearest.task}"


def compare(
    name: str, baseline: Sequence[Mapping[str, Items]], variant: Sequence[Mapping[str, Items]], *, seed: int = 0
) -> Comparison:
    """Compare two arms on the tasks and items that all runs have. InputError where there are none."""
    runs = [*baseline, *variant]
    if not baseline or not variant:
        raise InputError(f"{name}: both sides of a comparison need at least one run with scores.")
    left_out = {
        task: "not all runs have it" for run in runs for task in run if not all(task in other for other in runs)
    }
    matched: dict[str, Matched] = {}
    for task in (task for task in runs[0] if task not in left_out):
        common = match([run[task] for run in baseline], [run[task] for run in variant])
        if common is None:
            left_out[task] = "the runs have different metrics for it"
        elif len(common.weights) < FEWEST_ITEMS:
            left_out[task] = f"the runs answered different items: {len(common.weights)} in common"
        else:
            matched[task] = common
    if not matched:
        reasons = "; ".join(f"{task}: {reason}" for task, reason in sorted(left_out.items()))
        raise InputError(f"{name}: there is no task that can be compared: {reasons or 'the runs have no tasks'}.")
    # Enough that the least possible p-value is still significant after the correction for all tasks.
    resamples = max(RESAMPLES, math.ceil(2 * len(matched) / LEVEL))
    parts = {task: _part(task, common, resamples, seed) for task, common in matched.items()}
    corrected = resampling.holm(np.array([part.p for part in parts.values()]))
    tasks = [_difference(task, part, float(p)) for (task, part), p in zip(parts.items(), corrected, strict=True)]
    kinds = [[part for part in parts.values() if higher_is_better(part.metric) is higher] for higher in (True, False)]
    return Comparison(name, tuple(tasks), tuple(_mean(of_kind, seed) for of_kind in kinds if of_kind), left_out)


@dataclass(frozen=True)
class _Part:
    """A task's numbers, or the average of several tasks'."""

    metric: str
    items: int
    runs: tuple[np.ndarray, np.ndarray]  # scores of the baseline's runs and of the variant's
    variances: Variances
    by_items: np.ndarray  # deviations of the difference due to the items, [resamples]
    deviations: np.ndarray  # due to items and seeds, [resamples]

    @property
    def point(self) -> float:
        return float(self.runs[1].mean() - self.runs[0].mean())

    @property
    def p(self) -> float:
        return float(resampling.p_value(np.float64(self.point), self.deviations))


def _part(task: str, common: Matched, resamples: int, seed: int) -> _Part:
    random = np.random.default_rng([seed, *task.encode()])
    arms = common.baseline, common.variant, common.weights
    runs = resampling.scores(common.baseline, common.weights), resampling.scores(common.variant, common.weights)
    parts = resampling.variances(*arms)
    by_items = resampling.item_deviations(*arms, resamples, random)
    deviations = by_items + resampling.seed_deviations(parts, resamples, random)
    return _Part(common.metric, len(common.weights), runs, parts, by_items, deviations)


def _mean(parts: Sequence[_Part], seed: int) -> Difference:
    """The average of tasks of one kind: items differ between tasks, while a run's seed is the same for all."""
    number, freedom = len(parts), parts[0].variances.freedom
    baseline, variant = (np.mean([part.runs[arm] for part in parts], axis=0) for arm in (0, 1))
    spread = sum(((runs - runs.mean()) ** 2).sum() for runs in (baseline, variant))
    per_seed = np.float64(spread / freedom if freedom else 0.0)
    together = Variances(
        items=np.sum([part.variances.items for part in parts], axis=0) / number**2,
        seeds=per_seed * (1 / len(baseline) + 1 / len(variant)),
        rest=np.sum([part.variances.rest for part in parts], axis=0) / number**2,
        per_seed=per_seed,
        freedom=freedom,
    )
    by_items = np.mean([part.by_items for part in parts], axis=0)
    random = np.random.default_rng([seed, number])
    deviations = by_items + resampling.seed_deviations(together, len(by_items), random)
    items = sum(part.items for part in parts)
    mean = _Part(parts[0].metric, items, (baseline, variant), together, by_items, deviations)
    unit = "" if higher_is_better(mean.metric) else " in bits per byte"
    return _difference(f"mean of {_tasks(number)}{unit}", mean, mean.p)


def _difference(task: str, part: _Part, corrected: float) -> Difference:
    low, high = resampling.interval(np.float64(part.point), part.deviations)
    return Difference(
        task=task,
        metric=part.metric,
        baseline=float(part.runs[0].mean()),
        variant=float(part.runs[1].mean()),
        low=float(low),
        high=float(high),
        p=part.p,
        corrected=corrected,
        detectable=float(high - low) / 2 * (1 + Z_DETECTED / Z_LEVEL),
        seeds_needed=runs_to_tell(part.point, part.variances),
        items=part.items,
        seeds=(len(part.runs[0]), len(part.runs[1])),
    )


def runs_to_tell(point: float, variances: Variances) -> int | None:
    """Runs per side at which a difference of this size is found four times in five, if the items stay the same."""
    room = point**2 / (Z_LEVEL + Z_DETECTED) ** 2 - max(float(variances.items - variances.rest), 0.0)
    if variances.freedom == 0 or room <= 0:
        return None
    return max(1, math.ceil(2 * float(variances.per_seed) / room))


def _average(mean: Difference) -> str:
    unit = "points" if higher_is_better(mean.metric) else "bits per byte"
    half = amount((mean.high - mean.low) / 2, mean.metric)
    return f"{amount(mean.difference, mean.metric, '+')} ± {half} {unit} on average"


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"
