"""What a revision of the project left.

In: `workspace`, a git revision or the name of a DVC experiment; with `:MODEL`, what another model scored there. Out:
its metrics, parameters and answers to evaluation items. Metrics and parameters are in git itself; the answers are an
output of DVC's, available as long as its cache holds them.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from lab.cli.project import Project
from lab.errors import InputError, LabError
from lab.evaluate.answers import Items, read_run, task_files
from lab.evaluate.scores import Score, compared_scores, read_scores
from lab.experiments.repository import Repository
from lab.files import parse_yaml
from lab.report.run.reproduce import flat

WORKSPACE = "workspace"
METRICS = ("evaluate", "train")
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
        commit = "what lies in the folder" if self.commit is None else self.commit[:SHORT]
        return f"{WORKSPACE if self.commit is None else self.name} ({commit})"


def read_revision(project: Project, name: str) -> Revision:
    """LabError where there is no such revision, InputError where it has no scores."""
    revision, _, model = name.partition(":")
    repository = Repository(project.root)
    commit = None if revision == WORKSPACE else repository.revision(revision)
    reports = {stage: _text(repository, commit, f"reports/{stage}.json") for stage in METRICS}
    metrics = {stage: _json(name, stage, text) for stage, text in reports.items() if text is not None}
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


def differing(revisions: list[Revision]) -> dict[str, list[str | None]]:
    """The parameters that are not the same in all revisions: key -> value in each, None where it has no such key."""
    keys = dict.fromkeys(key for revision in revisions for key in revision.parameters)
    rows = {key: [revision.parameters.get(key) for revision in revisions] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _of_model(name: str, model: str, evaluated: dict) -> dict:
    """The metrics of another model. InputError, with the models that were scored, where it is not among them."""
    known = evaluated.get("models")
    known = known if isinstance(known, dict) else {}
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


def _json(name: str, stage: str, text: str) -> dict:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: reports/{stage}.json is not JSON ({error}). Run `dvc repro -f {stage}`.") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: reports/{stage}.json holds no metrics. Run `dvc repro -f {stage}`.")
    return value
