"""Experiments, checked, and which of them are finished; those of an ablation with equal budgets.

In: an ablation, or experiments, and the project as HEAD has it. Out: a Queue, which the schedule works off. A finished
experiment is one of that name whose parameters and code are the same as they would be now: it is never run again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import params_yaml
from lab.errors import LabError, ParameterError
from lab.experiments import items, overrides, pipeline
from lab.experiments.budget import equal_budget
from lab.experiments.plan import Ablation, Experiment, plan
from lab.experiments.repository import Repository

TARGETS = ("evaluate", "contamination")  # the page of each run is left out: the ablation has its own


@dataclass(frozen=True)
class Queue:
    """Experiments in the order in which they are to be run. `values`: params.yaml of each; `keys`: of its stages."""

    name: str
    project: Repository
    targets: list[str]
    experiments: list[Experiment]
    values: dict[str, dict[str, Any]]
    keys: dict[str, dict[str, str]]
    code: list[str]
    items: Path | None = None  # the folder of the baseline's items that all are asked about
    baseline: Experiment | None = None  # whose items those are

    def finished(self, only: str | None = None) -> dict[str, str]:
        """The commits of the experiments, or of one alone, that need not be run again, by experiment."""
        made: dict[str, list[str]] = {}
        for each in self.project.experiments():
            made.setdefault(each.name, []).append(each.commit)
        head = self.project.revision()
        found = {}
        for experiment in self.experiments:
            if only is not None and experiment.name != only:
                continue
            for commit in reversed(made.get(experiment.name, [])):
                if self._is_current(experiment, commit, head):
                    found[experiment.name] = commit
                    break
        return found

    def part(self, number: int, of: int) -> "Queue":
        """Every `of`-th experiment, from the `number`-th (from 1): one machine's share to run."""
        return replace(self, experiments=self.experiments[number - 1 :: of])

    def log(self, experiment: Experiment) -> Path:
        return self.folder / f"{experiment.name}.log"

    @property
    def folder(self) -> Path:
        return self.project.root / ".lab" / "ablations" / self.name

    def _is_current(self, experiment: Experiment, commit: str, head: str) -> bool:
        return (
            self.project.yaml(commit, "params.yaml") == self.values[experiment.name]
            and self.targets_made(commit)
            and (commit == head or self.project.same(commit, head, self.code))
        )

    def targets_made(self, commit: str) -> bool:
        try:
            return set(self.targets) <= self.project.lock(commit).keys()
        except LabError:
            return False


def make_queue(name: str, ablation: Ablation, project: Repository, targets: list[str] | None = None) -> Queue:
    """All experiments of an ablation, checked before any runs.

    Raises ParameterError for overrides that can't be used or budgets that can't be made equal.
    """
    head = _Head.of(project, targets)
    baselines: dict[int, params_yaml.Params] = {}

    def equal(experiment: Experiment, checked: params_yaml.Params) -> dict[str, Any]:
        baseline = baselines.setdefault(experiment.seed, checked)  # a seed's first is its baseline
        return equal_budget(ablation.budget, checked, baseline)

    experiments = head.checked(f"ablations.yaml: {name}", plan(name, ablation), equal)
    first = overrides.apply(head.base, experiments[0].overrides)
    common, folder = _common_items(project, ablation, head.stages, first, head.revision)
    asked = [replace(each, overrides=each.overrides | common) for each in experiments]
    return replace(head.queue(name, asked), items=folder, baseline=asked[0])


def make_plain_queue(
    name: str, experiments: list[Experiment], project: Repository, targets: list[str], *, file: str, settle: "Settle"
) -> Queue:
    """Experiments as they are, checked before any runs; `settle` adds what follows from an experiment's parameters.

    Raises ParameterError, with the `file` that they come from, for overrides that can't be used.
    """
    head = _Head.of(project, targets)
    return head.queue(name, head.checked(f"{file}: {name}", experiments, settle))


Settle = Callable[[Experiment, params_yaml.Params], dict[str, Any]]


@dataclass(frozen=True)
class _Head:
    """The project's last commit: the stages that lead to the targets, and params.yaml (`base`)."""

    project: Repository
    revision: str
    targets: list[str]
    stages: dict[str, pipeline.Stage]
    base: dict[str, Any]

    @classmethod
    def of(cls, project: Repository, targets: list[str] | None) -> "_Head":
        stages = pipeline.read_stages(project.root / "dvc.yaml")
        wanted = targets or [target for target in TARGETS if target in stages]
        used = {stage: stages[stage] for stage in pipeline.needed(stages, wanted)}
        revision = project.revision()
        return cls(project, revision, wanted, used, project.yaml(revision, "params.yaml"))

    def checked(self, place: str, experiments: list[Experiment], settle: Settle) -> list[Experiment]:
        """With all that they override; ParameterError names the place and the variant."""
        outside = overrides.outside_paths(self.base, self.project.root)
        found = []
        for experiment in experiments:
            where = f"{place}: {experiment.variant}"
            own = overrides.outside_paths(experiment.overrides, self.project.root)
            changes = outside | experiment.overrides | own
            try:
                checked = params_yaml.check(overrides.apply(self.base, changes), where)
                changes |= settle(experiment, checked)
            except ParameterError as error:
                raise ParameterError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None
            found.append(replace(experiment, overrides=changes))
        return found

    def queue(self, name: str, experiments: list[Experiment]) -> Queue:
        values = {each.name: overrides.apply(self.base, each.overrides) for each in experiments}
        return Queue(
            name=name,
            project=self.project,
            targets=self.targets,
            experiments=experiments,
            values=values,
            keys={key: pipeline.keys(self.stages, value) for key, value in values.items()},
            code=sorted({"dvc.yaml"} | {dep for stage in self.stages.values() for dep in stage.code}),
        )


def _common_items(
    project: Repository, ablation: Ablation, stages: dict, baseline: dict[str, Any], head: str
) -> tuple[dict[str, Any], Path | None]:
    """The override that asks all variants the baseline's questions, and the folder where they are."""
    if ablation.items == "own" or items.STAGE not in stages:
        return {}, None
    folder = items.folder_of(project, stages, baseline, head)
    suites = items.suites(baseline, folder)
    return ({"evaluate.suites": suites}, folder) if suites else ({}, None)


def require_committed(queue: Queue) -> None:
    """LabError where what the experiments are made of is not committed: they run what HEAD has."""
    changed = queue.project.changed(["params.yaml", *queue.code])
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise LabError(
            f"{', '.join(changed[:3])}{more}: changed since the last commit. Experiments run what is committed, so "
            "that each score belongs to a revision: git commit, then run this again."
        )
