"""What a revision of the project left.

In: `workspace`, a git revision or the name of a DVC experiment; with `:MODEL`, what another model scored there. Out:
its metrics, parameters and evaluation items.
Metrics and parameters are in git itself; the items are an output that DVC keeps, so they can be had only as long as its
cache (or a remote) holds them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.cli.project import Project
from lab.errors import InputError
from lab.evaluate.per_item import Items, read_items
from lab.experiments.repository import Repository
from lab.files import parse_yaml
from lab.report.run.collect import objects
from lab.report.run.reproduce import Parameter, parameters

WORKSPACE = "workspace"
METRICS = ("evaluate", "train")
SHORT = 7  # characters of a commit


@dataclass(frozen=True)
class Revision:
    """One column of a comparison. `items`: what it scored on each item, by task; empty where that can't be had."""

    name: str
    commit: str | None  # None: the working tree
    metrics: dict[str, dict]  # of evaluate and, where it is there, train
    parameters: dict[str, str]  # section.key -> value as text
    items: dict[str, Items] = field(repr=False, default_factory=dict)
    model: str | None = None  # one of evaluate.models instead of the project's own


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
    folder = "data/evaluate"
    if model:
        metrics = {"evaluate": _of_model(name, model, metrics["evaluate"])}
        folder += f"/models/{model.replace('/', '--')}"
    texts = _items_here(project.root / folder) if commit is None else _items_of(project, commit, folder)
    # Not splitlines: JSON may hold U+2028.
    read = {task: read_items(objects(text.split("\n"))) for task, text in texts}
    items = {task: found for task, found in read.items() if found is not None}
    return Revision(name, commit, metrics, flat(values), items, model or None)


def flat(values: dict[str, Any]) -> dict[str, str]:
    """{"dedup": {"minhash": True}} -> {"dedup.minhash": "true"}."""
    found: list[Parameter] = parameters(values, {})
    return {f"{parameter.section}.{parameter.key}".rstrip("."): parameter.value for parameter in found}


def differing(revisions: list[Revision]) -> dict[str, list[str | None]]:
    """The parameters that are not the same in all revisions: key -> value in each, None where it has no such key."""
    keys = dict.fromkeys(key for revision in revisions for key in revision.parameters)
    rows = {key: [revision.parameters.get(key) for revision in revisions] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _of_model(name: str, model: str, evaluated: dict) -> dict:
    """What the stage measured of another model. InputError, with the models that there are, where it has none such."""
    known = evaluated.get("models")
    known = known if isinstance(known, dict) else {}
    if not isinstance(known.get(model), dict):
        there = ", ".join(known) or "none"
        raise InputError(f"{name}: no model '{model}' was scored there (there are: {there}). See evaluate.models.")
    return known[model]


def _items_here(folder: Path) -> Iterator[tuple[str, str]]:
    """Tasks and the JSON lines of their items."""
    for path in sorted(folder.glob("*.jsonl")):
        yield path.stem, path.read_text("utf-8", errors="replace")


def _items_of(project: Project, commit: str, folder: str) -> Iterator[tuple[str, str]]:
    """From DVC's cache or remote; nothing where they are in neither."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError

    try:
        files = DVCFileSystem(str(project.root), rev=commit)
        for path in sorted(files.find(folder, maxdepth=1)):
            if path.endswith(".jsonl"):
                yield Path(path).stem, files.read_bytes(path).decode("utf-8", "replace")
    except (DvcException, DataIndexDirError, OSError):
        return


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
