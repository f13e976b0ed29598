"""A queue of experiments, checked, and which of them are finished; those of an ablation have equal budgets.

In: an ablation, or experiments, and the project at HEAD. Out: a Queue for lab.experiments.schedule. An experiment is
finished if DVC has one of its name with the parameters and code that it would have now: it is never run again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import params
from lab.errors import LabError, ParameterError
from lab.experiments import graph, items, overrides
from lab.experiments.budget import equal_budget
from lab.experiments.plan import Ablation, Experiment, plan
from lab.experiments.repository import Repository

TARGETS = ("evaluate", "contamination")  # not `report`: an ablation writes a page of its own


@dataclass(frozen=True)
class Queue:
    """Experiments in the order of running. `values`: params.yaml of each, by name; `keys`: the keys of its stages."""

    name: str
    project: Repository
    targets: list[str]
    experiments: list[Experiment]
    values: dict[str, dict[str, Any]]
    keys: dict[str, dict[str, str]]
    code: list[str]
    items: Path | None = None  # folder of the baseline's evaluation items, if all variants are scored on them
    baseline: Experiment | None = None

    def finished(self, only: str | None = None) -> dict[str, str]:
        """Name -> commit of the experiments (or of `only` that one) that need not be run again."""
        commits: dict[str, list[str]] = {}
        for ref in self.project.experiments():
            commits.setdefault(ref.name, []).append(ref.commit)
        head = self.project.revision()
        current = {}
        for experiment in self.experiments:
            if only is not None and experiment.name != only:
                continue
            for commit in reversed(commits.get(experiment.name, [])):
                if self._is_current(experiment, commit, head):
                    current[experiment.name] = commit
                    break
        return current

    def part(self, number: int, of: int) -> "Queue":
        """Every `of`-th experiment, starting with the `number`-th (from 1): one machine's share."""
        return replace(self, experiments=self.experiments[number - 1 :: of])

    def log(self, experiment: Experiment) -> Path:
        return self.folder / f"{experiment.name}.log"

    @property
    def folder(self) -> Path:
        return self.project.root / ".lab" / "ablations" / self.name

    def _is_current(self, experiment: Experiment, commit: str, head: str) -> bool:
        return (
            self.project.yaml(commit, "params.yaml") == self.values[experiment.name]
            and self._has_targets(commit)
            and (commit == head or self.project.same(commit, head, self.code))
        )

    def _has_targets(self, commit: str) -> bool:
        try:
            return set(self.targets) <= self.project.lock(commit).keys()
        except LabError:
            return False


def make_queue(name: str, ablation: Ablation, project: Repository, targets: list[str] | None = None) -> Queue:
    """All experiments of an ablation, checked before any of them runs.

    ParameterError for overrides that can't be used or budgets that can't be made equal.
    """
    head = _Head.of(project, targets)
    baselines: dict[int, params.Params] = {}

    def equal(experiment: Experiment, checked: params.Params) -> dict[str, Any]:
        baseline = baselines.setdefault(experiment.seed, checked)  # the first experiment of a seed
        return equal_budget(ablation.budget, checked, baseline)

    experiments = head.checked(f"ablations.yaml: {name}", plan(name, ablation), equal)
    first = overrides.apply(head.base, experiments[0].overrides)
    common, folder = _common_items(project, ablation, head.stages, first, head.revision)
    experiments = [replace(experiment, overrides=experiment.overrides | common) for experiment in experiments]
    return replace(head.queue(name, experiments), items=folder, baseline=experiments[0])


def make_plain_queue(
    name: str, experiments: list[Experiment], project: Repository, targets: list[str], *, file: str, derive: "Derive"
) -> Queue:
    """Experiments, checked before any of them runs. `derive` returns overrides that follow from checked parameters.

    ParameterError, with the `file` that the experiments come from, for overrides that can't be used.
    """
    head = _Head.of(project, targets)
    return head.queue(name, head.checked(f"{file}: {name}", experiments, derive))


Derive = Callable[[Experiment, params.Params], dict[str, Any]]


@dataclass(frozen=True)
class _Head:
    """The project's last commit: the stages that lead to the targets, and params.yaml (`base`)."""

    project: Repository
    revision: str
    targets: list[str]
    stages: dict[str, graph.DvcStage]
    base: dict[str, Any]

    @classmethod
    def of(cls, project: Repository, targets: list[str] | None) -> "_Head":
        stages = graph.read_stages(project.root / "dvc.yaml")
        targets = targets or [target for target in TARGETS if target in stages]
        needed = {stage: stages[stage] for stage in graph.needed(stages, targets)}
        revision = project.revision()
        return cls(project, revision, targets, needed, project.yaml(revision, "params.yaml"))

    def checked(self, place: str, experiments: list[Experiment], derive: Derive) -> list[Experiment]:
        """The experiments with all their overrides. ParameterError names the place and the variant."""
        base_paths = overrides.outside_paths(self.base, self.project.root)
        complete = []
        for experiment in experiments:
            where = f"{place}: {experiment.variant}"
            own_paths = overrides.outside_paths(experiment.overrides, self.project.root)
            changes = base_paths | experiment.overrides | own_paths
            try:
                checked = params.check(overrides.apply(self.base, changes), where)
                changes |= derive(experiment, checked)
            except ParameterError as error:
                raise ParameterError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None
            complete.append(replace(experiment, overrides=changes))
        return complete

    def queue(self, name: str, experiments: list[Experiment]) -> Queue:
        values = {run.name: overrides.apply(self.base, run.overrides) for run in experiments}
        return Queue(
            name=name,
            project=self.project,
            targets=self.targets,
            experiments=experiments,
            values=values,
            keys={key: graph.keys(self.stages, value) for key, value in values.items()},
            code=sorted({"dvc.yaml"} | {dep for stage in self.stages.values() for dep in stage.code}),
        )


def _common_items(
    project: Repository, ablation: Ablation, stages: dict, baseline: dict[str, Any], head: str
) -> tuple[dict[str, Any], Path | None]:
    """The override that scores all variants on the baseline's items, and the folder of those items."""
    if ablation.items == "own" or items.STAGE not in stages:
        return {}, None
    folder = items.folder_of(project, stages, baseline, head)
    suites = items.suites(baseline, folder)
    return ({"evaluate.suites": suites}, folder) if suites else ({}, None)


def require_committed(queue: Queue) -> None:
    """LabError if parameters or code are not committed: experiments run what HEAD has."""
    changed = queue.project.changed(["params.yaml", *queue.code])
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise LabError(
            f"{', '.join(changed[:3])}{more}: changed since the last commit. Experiments run what is committed, so "
            "that each score belongs to a revision: git commit, then run this again."
        )
