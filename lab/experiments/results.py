"""What an ablation's finished experiments left, and what it says.

In: a Queue and its ablation. Out: Results: each run's metrics (git) and items (DVC's cache), the comparison of each
variant with the baseline (lab.evaluate.compare) and which tasks can be trusted (lab.evaluate.signal).
"""

import json
from dataclasses import dataclass, field
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
class Run:
    """A finished experiment. `reports`: stage -> its metrics."""

    experiment: Experiment
    revision: str
    reports: dict[str, dict]
    items: dict[str, Items] = field(repr=False)

    def measured(self, stage: str, key: str) -> Any:
        return self.reports.get(stage, {}).get(key)


@dataclass(frozen=True)
class Results:
    """`changes`: what sets each variant apart, section.key -> value; `unequal`: runs whose budget was another."""

    name: str
    ablation: Ablation
    revision: str
    planned: int
    runs: list[Run]
    changes: dict[str, dict[str, Any]]
    comparisons: list[Comparison]
    signals: list[Signal]
    incomparable: dict[str, str]  # variant -> why it has no comparison

    @property
    def unequal(self) -> list[Run]:
        """Runs that spent more or less than the baseline of the same seed."""
        spent = {
            run.experiment.seed: run.measured("train", self.ablation.budget) for run in self.of(self.ablation.baseline)
        }
        return [run for run in self.runs if not self._is_equal(run, spent.get(run.experiment.seed))]

    @property
    def repeated(self) -> list[Run]:
        """Runs whose corpus was too small for the budget: parts of it were seen more than once."""
        return [run for run in self.runs if (run.measured("train", "epochs") or 0) > 1]

    def _is_equal(self, run: Run, wanted: float | None) -> bool:
        """Whether a run spent what it should have, to a batch: runs are whole steps."""
        own, steps = run.measured("train", self.ablation.budget), run.measured("train", "steps")
        if not (own and steps and wanted):
            return own == wanted or wanted is None
        return abs(own / wanted - 1) <= 1 / steps

    def of(self, variant: str) -> list[Run]:
        return [run for run in self.runs if run.experiment.variant == variant]


def read_results(queue: Queue, ablation: Ablation) -> Results:
    """Everything known of the ablation so far. InputError where no experiment is finished, or its items are gone."""
    finished = queue.finished()
    runs = [_read(queue, each, finished[each.name]) for each in queue.experiments if each.name in finished]
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
        revision=queue.project.revision(),
        planned=len(queue.experiments),
        runs=runs,
        changes={name: _changes(queue, ablation, name) for name in ablation.variants},
        comparisons=comparisons,
        signals=measure_signals(runs),
        incomparable=incomparable,
    )


def measure_signals(runs: list[Run]) -> list[Signal]:
    """The four criteria for each task that all runs have, over variants with the same seeds, on their common items."""
    by_variant: dict[str, dict[int, Run]] = {}
    for run in runs:
        by_variant.setdefault(run.experiment.variant, {})[run.experiment.seed] = run
    seeds = sorted(set.intersection(*(set(of_variant) for of_variant in by_variant.values())))
    if not seeds:
        return []
    chosen = [of_variant[seed] for of_variant in by_variant.values() for seed in seeds]
    found = []
    for task in chosen[0].items:
        if not all(task in run.items for run in chosen):
            continue
        matched = match([chosen[0].items[task]], [run.items[task] for run in chosen])
        if matched is None or not len(matched.weights):
            continue
        scores = (matched.variant.sum(1) / matched.weights.sum()).reshape(len(by_variant), len(seeds))
        on_the_way = [[_on_the_way(own[seed], task, matched.metric) for seed in seeds] for own in by_variant.values()]
        found.append(
            signal.measure(
                task,
                scores,
                chance=matched.chance,
                higher_is_better=higher_is_better(matched.metric),
                checkpoints=_checkpoints(on_the_way),
            )
        )
    return found


def _on_the_way(run: Run, task: str, metric: str) -> list[float]:
    """A task's scores at the steps that train.evaluate_every names; empty where the run has none."""
    return [score for _, score in milestone_curve(run.reports.get("evaluate", {}), task, metric)]


def _checkpoints(curves: list[list[list[float]]]) -> np.ndarray | None:
    """Curves of all seeds of all variants -> [checkpoints, variants], seeds' means; None unless of equal length."""
    lengths = {len(curve) for of_variant in curves for curve in of_variant}
    return None if len(lengths) != 1 or 0 in lengths else np.array(curves).mean(1).T


def _read(queue: Queue, experiment: Experiment, revision: str) -> Run:
    items = read_run(task_files(queue.project.output(revision, "data/evaluate")))
    return Run(experiment, revision, queue.project.reports(revision), items)


def _changes(queue: Queue, ablation: Ablation, variant: str) -> dict[str, Any]:
    """The overrides in which a variant differs from others; seeds and tags left out."""
    overrides = {each.variant: each.overrides for each in queue.experiments}
    unlike = {
        key
        for key in {key for own in overrides.values() for key in own}
        if len({json.dumps(own.get(key, "as params.yaml")) for own in overrides.values()}) > 1
    }
    left_out = {*ablation.seed_keys, "tracking.group", "tracking.tags"}
    return {key: value for key, value in overrides[variant].items() if key in unlike - left_out}
