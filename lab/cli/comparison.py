"""What revisions of the project left, and each against the first.

In: `workspace`, a git revision or the name of a DVC experiment; with `:MODEL`, what another model scored there. Out:
Revisions, and Judged: a Comparison and how each task was compared. Metrics and parameters are in git itself; answers to
evaluation items are an output of DVC's, available as long as its cache holds them.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.errors import InputError, LabError
from lab.evaluate import resampling
from lab.evaluate.answers import Items, read_run, task_files
from lab.evaluate.compare import FEWEST_ITEMS, Z_DETECTED, Z_LEVEL, Comparison, Difference, compare
from lab.evaluate.scores import Score, compared_scores, higher_is_better, read_scores
from lab.experiments.overrides import flatten
from lab.experiments.repository import Repository
from lab.files import parse_yaml

WORKSPACE = "workspace"
SHORT = 7  # characters of a commit


@dataclass(frozen=True)
class Revision:
    """One column of a comparison."""

    name: str
    commit: str | None  # None: the working tree
    metrics: dict[str, dict]  # of evaluate and, where it has run, train
    parameters: dict[str, str]  # section.key -> value as text
    items: dict[str, Items] = field(repr=False, default_factory=dict)  # by task; empty where they are not available
    model: str | None = None  # one of evaluate.models instead of the project's own

    @property
    def scores(self) -> dict[str, Score]:
        """The score of each task that comparisons use. InputError where there is none."""
        scores = compared_scores(read_scores(self.metrics["evaluate"].get("scores")))
        if not scores:
            raise InputError(f"{self.name}: reports/evaluate.json holds no scores. Run `dvc repro -f evaluate`.")
        return scores

    @property
    def title(self) -> str:
        """The name with its commit."""
        if self.commit is None:
            return f"{WORKSPACE} (what lies in the folder)"
        return f"{self.name} ({self.commit[:SHORT]})"


@dataclass(frozen=True)
class Judged:
    """A revision against the baseline."""

    comparison: Comparison
    apart: dict[str, str]  # tasks that are not compared item by item -> why


def read_revision(root: Path, name: str) -> Revision:
    """LabError where there is no such revision, InputError where it has no scores."""
    revision, _, model = name.partition(":")
    repository = Repository(root)
    commit = None if revision == WORKSPACE else repository.revision(revision)
    metrics = {
        stage: _metrics(name, stage, text)
        for stage in ("evaluate", "train")
        if (text := _text(repository, commit, f"reports/{stage}.json")) is not None
    }
    if "evaluate" not in metrics:
        raise InputError(
            f"{name}: it has no reports/evaluate.json. Run `dvc repro`, then commit reports/ and dvc.lock."
            if commit is None
            else f"{name}: there is no reports/evaluate.json in it: it was committed before it was scored. "
            f"`git add reports dvc.lock && git commit` after `dvc repro` keeps the scores of a revision."
        )
    values = parse_yaml(_text(repository, commit, "params.yaml") or "", f"{name}: params.yaml", "sections")
    if model:
        metrics = {"evaluate": _of_model(name, model, metrics["evaluate"])}
    items = read_run(task_files(_answers(repository, commit), model))
    return Revision(name, commit, metrics, flat(values), items, model or None)


def flat(values: dict[str, Any]) -> dict[str, str]:
    """{"dedup": {"minhash": True}} -> {"dedup.minhash": "true"}."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in flatten(values).items()
    }


def differing(revisions: Sequence[Revision]) -> dict[str, list[str | None]]:
    """The parameters that are not the same in all revisions: key -> value in each, None where it has no such key."""
    keys = dict.fromkeys(key for revision in revisions for key in revision.parameters)
    rows = {key: [revision.parameters.get(key) for revision in revisions] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def judge(baseline: Revision, variant: Revision, seed: int = 0) -> Judged:
    """Compare on every task that both have a score of the same metric for. InputError where there is none.

    Items that both answered are paired (lab.evaluate.compare). Elsewhere (no answers, other items, groups of tasks) the
    stored standard errors are taken as independent: wider intervals than pairing gives for the same items.
    """
    ours, theirs = baseline.scores, variant.scores
    common = [task for task in ours if task in theirs and ours[task].metric == theirs[task].metric]
    if not common:
        raise InputError(f"{variant.name}: it has no task in common with {baseline.name}.")
    left_out = {
        task: "they have different metrics for it" if task in ours and task in theirs else "only one of them has it"
        for task in [*ours, *theirs]
        if task not in common
    }
    answered = [
        task
        for task in common
        if all(task in run.items and run.items[task].metric == ours[task].metric for run in (baseline, variant))
    ]
    apart = {task: "items can't be had" for task in common if task not in answered}
    paired, means = {}, ()
    if answered:
        items = [{task: run.items[task] for task in answered} for run in (baseline, variant)]
        try:
            comparison = compare(variant.name, items[:1], items[1:], seed=seed)
            paired, means = {row.task: row for row in comparison.tasks}, comparison.means
            apart |= comparison.left_out
        except InputError:
            apart |= dict.fromkeys(answered, "too few items in common")
    rows = [paired[task] if task in paired else _independent(ours[task], theirs[task]) for task in common]
    return Judged(Comparison(variant.name, tuple(_corrected(rows)), means, left_out), apart)


def _corrected(rows: list[Difference]) -> list[Difference]:
    """p-values corrected for all tasks together, however each was compared."""
    known = [row for row in rows if not math.isnan(row.low)]
    corrected = iter(resampling.holm(np.array([row.p for row in known])).tolist())
    return [replace(row, corrected=next(corrected)) if row in known else row for row in rows]


def _independent(ours: Score, theirs: Score) -> Difference:
    """By two standard errors, as if the items were different; the interval is NaN where an error is unknown."""
    error = math.hypot(_error(ours), _error(theirs))
    point = theirs.value - ours.value
    p = 1.0 if math.isnan(error) else math.erfc(abs(point) / error / math.sqrt(2))  # two-sided, normal
    return Difference(
        task=ours.task,
        metric=ours.metric,
        baseline=ours.value,
        variant=theirs.value,
        low=point - Z_LEVEL * error,
        high=point + Z_LEVEL * error,
        p=p,
        corrected=p,
        detectable=(Z_LEVEL + Z_DETECTED) * error,
        seeds_needed=None,
        items=min(ours.items or 0, theirs.items or 0),
        seeds=(1, 1),
    )


def _error(score: Score) -> float:
    """The standard error of a score; NaN where it is unknown, or there are too few items to tell."""
    if score.items and score.items < FEWEST_ITEMS:  # a group's number is not known
        return math.nan
    if score.error == 0 and score.items and higher_is_better(score.metric):
        # All right, or all wrong: add two of each (Agresti and Coull 1998).
        share = (score.value * score.items + 2) / (score.items + 4)
        return math.sqrt(share * (1 - share) / (score.items + 4))
    return score.error or math.nan


def _of_model(name: str, model: str, evaluated: dict) -> dict:
    """The metrics of another model. InputError, with the models that were scored, where it is not among them."""
    known = evaluated["models"] if isinstance(evaluated.get("models"), dict) else {}
    if not isinstance(known.get(model), dict):
        raise InputError(
            f"{name}: no model '{model}' was scored there (there are: {', '.join(known) or 'none'}). "
            "See evaluate.models."
        )
    return known[model]


def _answers(repository: Repository, commit: str | None) -> Path | dict[str, Path]:
    """data/evaluate in the folder, or its files in DVC's cache; empty where the cache does not have them."""
    if commit is None:
        return repository.root / "data/evaluate"
    try:
        files = repository.output(commit, "data/evaluate")
    except LabError:
        return {}
    return {name: path for name, path in files.items() if path.exists()}


def _text(repository: Repository, commit: str | None, path: str) -> str | None:
    """A file of a commit or of the working tree; None where there is none."""
    file = repository.root / path
    if commit is None:
        return file.read_text("utf-8", "replace") if file.is_file() else None
    try:
        return repository.text(commit, path)
    except InputError:
        return None


def _metrics(name: str, stage: str, text: str) -> dict:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: reports/{stage}.json is not JSON ({error}). Run `dvc repro -f {stage}`.") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: reports/{stage}.json holds no metrics. Run `dvc repro -f {stage}`.")
    return value
