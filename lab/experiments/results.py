"""The results of an ablation. In: a Queue. Out: metrics (git) and items (DVC's cache) of each finished run, each
variant compared with the baseline (lab.evaluate.compare), and which tasks can be trusted (lab.evaluate.signal)."""

import json
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from lab.errors import InputError
from lab.evaluate import signal
from lab.evaluate.answers import Items, match, read_run, task_files
from lab.evaluate.compare import Comparison, compare
from lab.evaluate.scores import higher_is_better, milestone_curve
from lab.evaluate.signal import Signal
from lab.experiments.plan import Ablation, Experiment
from lab.experiments.queue import Queue


@dataclass(frozen=True)
class FinishedRun:
    """A finished experiment. `reports`: stage -> its metrics."""

    experiment: Experiment
    revision: str
    reports: dict[str, dict]
    items: dict[str, Items] = field(repr=False)

    def measured(self, stage: str, key: str) -> Any:
        return self.reports.get(stage, {}).get(key)


@dataclass(frozen=True)
class Results:
    """`planned`: number of runs; `changes`: variant -> the overrides in which it differs from others."""

    name: str
    ablation: Ablation
    revision: str
    planned: int
    runs: list[FinishedRun]
    changes: dict[str, dict[str, Any]]
    comparisons: list[Comparison]
    signals: list[Signal]
    incomparable: dict[str, str]  # variant -> why it has no comparison

    @property
    def unequal(self) -> list[FinishedRun]:
        """Runs whose budget was another than that of the baseline with the same seed."""
        budget = self.ablation.budget
        budgets = {run.experiment.seed: run.measured("train", budget) for run in self.of(self.ablation.baseline)}

        def is_equal(run: FinishedRun) -> bool:  # to within one step
            spent, steps = run.measured("train", budget), run.measured("train", "steps")
            expected = budgets.get(run.experiment.seed)
            if not (spent and steps and expected):
                return spent == expected or expected is None
            return abs(spent / expected - 1) <= 1 / steps

        return [run for run in self.runs if not is_equal(run)]

    @property
    def repeated(self) -> list[FinishedRun]:
        """Runs whose corpus was too small for the budget, so that parts of it were seen more than once."""
        return [run for run in self.runs if (run.measured("train", "epochs") or 0) > 1]

    def of(self, variant: str) -> list[FinishedRun]:
        return [run for run in self.runs if run.experiment.variant == variant]


def read_results(queue: Queue, ablation: Ablation) -> Results:
    """The results so far. InputError if no experiment is finished, or the items of one are gone."""
    finished, project = queue.finished(), queue.project
    runs = []
    for experiment in queue.experiments:
        if revision := finished.get(experiment.name):
            items = read_run(task_files(project.output(revision, "data/evaluate")))
            runs.append(FinishedRun(experiment, revision, project.reports(revision), items))
    if not runs:
        raise InputError(f"{queue.name}: no experiment is finished yet. Run `lab ablate {queue.name}`.")
    by_variant = {name: [run.items for run in runs if run.experiment.variant == name] for name in ablation.variants}
    baseline = by_variant.pop(ablation.baseline)
    comparisons, incomparable = [], {}
    for variant, items in by_variant.items():
        if not (baseline and items):
            incomparable[variant] = f"no finished run of {'it' if baseline else 'the baseline'} yet"
            continue
        try:
            comparisons.append(compare(variant, baseline, items))
        except InputError as error:
            incomparable[variant] = str(error).removeprefix(f"{variant}: ")
    return Results(
        name=queue.name,
        ablation=ablation,
        revision=project.revision(),
        planned=len(queue.experiments),
        runs=runs,
        changes={name: _changes(queue, ablation, name) for name in ablation.variants},
        comparisons=comparisons,
        signals=measure_signals(runs),
        incomparable=incomparable,
    )


def measure_signals(runs: list[FinishedRun]) -> list[Signal]:
    """The four criteria for each task of all runs, over variants with the same seeds, on their common items."""
    by_place = {(run.experiment.variant, run.experiment.seed): run for run in runs}
    variants = list(dict.fromkeys(variant for variant, _ in by_place))
    seeds = sorted({seed for _, seed in by_place if all((variant, seed) in by_place for variant in variants)})
    if not seeds:
        return []
    chosen = [by_place[place] for place in product(variants, seeds)]
    shape = (len(variants), len(seeds))
    signals = []
    for task in chosen[0].items:
        if not all(task in run.items for run in chosen):
            continue
        matched = match([chosen[0].items[task]], [run.items[task] for run in chosen])
        if matched is None or not len(matched.weights):
            continue
        scores = (matched.variant.sum(1) / matched.weights.sum()).reshape(shape)
        rising, checkpoints = higher_is_better(matched.metric), _checkpoints(chosen, shape, task, matched.metric)
        signals.append(
            signal.measure(task, scores, chance=matched.chance, higher_is_better=rising, checkpoints=checkpoints)
        )
    return signals


def _checkpoints(runs: list[FinishedRun], shape: tuple[int, int], task: str, metric: str) -> np.ndarray | None:
    """A task's scores at the steps of train.evaluate_every, means over seeds [checkpoints, variants].

    `shape`: variants and seeds of the runs. None if runs have no or different steps.
    """
    curves = [milestone_curve(run.reports.get("evaluate", {}), task, metric) for run in runs]
    if not curves[0] or len({len(curve) for curve in curves}) > 1:
        return None
    return np.array([[score for _, score in curve] for curve in curves]).reshape(*shape, -1).mean(1).T


def _changes(queue: Queue, ablation: Ablation, variant: str) -> dict[str, Any]:
    """The overrides of a variant that differ between variants, without seeds and tags."""
    overrides = {run.variant: run.overrides for run in queue.experiments}
    ignored = {*ablation.seed_keys, "tracking.group", "tracking.tags"}

    def differs(key: str) -> bool:
        return len({json.dumps(values.get(key, "as params.yaml")) for values in overrides.values()}) > 1

    return {key: value for key, value in overrides[variant].items() if key not in ignored and differs(key)}
