"""A queue of experiments, checked, and which of them are finished; those of an ablation have equal budgets.

In: an ablation, or experiments, and the project at HEAD. Out: a Queue for lab.experiments.schedule. An experiment is
finished if DVC has one of its name with the parameters and code that it would have now: it is never run again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import params_yaml
from lab.errors import LabError, ParameterError
from lab.experiments import graph, items, overrides
from lab.experiments.budget import equal_budget
from lab.experiments.plan import Ablation, Experiment, Overrides, plan
from lab.experiments.repository import Repository

TARGETS = ("evaluate", "contamination")  # not `report`: an ablation writes a page of its own

Derive = Callable[[Experiment, params_yaml.Params], Overrides]  # what follows from checked parameters


@dataclass(frozen=True)
class Queue:
    """Experiments in the order of running. `base`: params.yaml at HEAD; `stages`: those that lead to the targets."""

    name: str
    project: Repository
    targets: list[str]
    stages: dict[str, graph.DvcStage]
    base: dict[str, Any]
    experiments: list[Experiment]
    items: Path | None = None  # folder of the baseline's evaluation items, if all variants are scored on them
    baseline: Experiment | None = None

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """params.yaml of each experiment, by name."""
        return {run.name: overrides.apply(self.base, run.overrides) for run in self.experiments}

    @cached_property
    def keys(self) -> dict[str, dict[str, str]]:
        """The keys of each experiment's stages (graph.keys), by name."""
        return {name: graph.keys(self.stages, values) for name, values in self.values.items()}

    @property
    def code(self) -> list[str]:
        return sorted({"dvc.yaml"} | {dep for stage in self.stages.values() for dep in stage.code})

    @property
    def folder(self) -> Path:
        return self.project.root / ".lab" / "ablations" / self.name

    def log(self, experiment: Experiment) -> Path:
        return self.folder / f"{experiment.name}.log"

    def part(self, number: int, of: int) -> "Queue":
        """Every `of`-th experiment, starting with the `number`-th (from 1): one machine's share."""
        return replace(self, experiments=self.experiments[number - 1 :: of])

    def finished(self, only: str | None = None) -> dict[str, str]:
        """Name -> commit of the experiments (or of `only` that one) that need not be run again."""
        names = {run.name for run in self.experiments if only in (None, run.name)}
        head = self.project.revision()
        commits: dict[str, str] = {}
        for ref in reversed(list(self.project.experiments())):  # the newest first
            if ref.name in names - commits.keys() and self._is_current(ref.name, ref.commit, head):
                commits[ref.name] = ref.commit
        return commits

    def _is_current(self, name: str, commit: str, head: str) -> bool:
        if self.project.yaml(commit, "params.yaml") != self.values[name]:
            return False
        try:
            has_targets = set(self.targets) <= self.project.lock(commit).keys()
        except LabError:
            return False
        return has_targets and (commit == head or self.project.same(commit, head, self.code))


def make_queue(name: str, ablation: Ablation, project: Repository, targets: list[str] | None = None) -> Queue:
    """An ablation's experiments, checked before any runs. ParameterError for bad overrides and unequal budgets."""
    baselines: dict[int, params_yaml.Params] = {}

    def equal(experiment: Experiment, checked: params_yaml.Params) -> Overrides:
        baseline = baselines.setdefault(experiment.seed, checked)  # the first experiment of a seed
        return equal_budget(ablation.budget, checked, baseline)

    queue = checked_queue(name, plan(name, ablation), project, targets, "ablations.yaml", derive=equal)
    baseline = queue.experiments[0]
    if ablation.items == "own" or items.STAGE not in queue.stages:
        return replace(queue, baseline=baseline)
    folder = items.folder_of(project, queue.stages, queue.values[baseline.name])
    suites = items.suites(queue.values[baseline.name], folder)
    if not suites:
        return replace(queue, baseline=baseline)
    experiments = [replace(run, overrides=run.overrides | {"evaluate.suites": suites}) for run in queue.experiments]
    return replace(queue, experiments=experiments, items=folder, baseline=experiments[0])


def checked_queue(
    name: str, experiments: list[Experiment], project: Repository, targets: list[str] | None, file: str, derive: Derive
) -> Queue:
    """Experiments with all overrides, checked before any runs. ParameterError names `file` and variant of a bad one."""
    stages = graph.read_stages(project.root / "dvc.yaml")
    targets = targets or [target for target in TARGETS if target in stages]
    base = project.yaml(project.revision(), "params.yaml")
    base_paths = overrides.outside_paths(base, project.root)
    complete = []
    for experiment in experiments:
        where = f"{file}: {name}: {experiment.variant}"
        own_paths = overrides.outside_paths(experiment.overrides, project.root)
        changes = base_paths | experiment.overrides | own_paths
        try:
            changes |= derive(experiment, params_yaml.check(overrides.apply(base, changes), where))
        except ParameterError as error:
            raise ParameterError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None
        complete.append(replace(experiment, overrides=changes))
    return Queue(name, project, targets, graph.needed(stages, targets), base, complete)


def require_committed(queue: Queue) -> None:
    """LabError if parameters or code are not committed: experiments run what HEAD has."""
    changed = queue.project.changed(["params.yaml", *queue.code])
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise LabError(
            f"{', '.join(changed[:3])}{more}: changed since the last commit. Experiments run what is committed, so "
            "that each score belongs to a revision: git commit, then run this again."
        )
