"""What a revision of the project left.

In: `workspace`, a git revision or the name of a DVC experiment; with `:MODEL`, what another model scored there. Out:
its metrics, parameters and evaluation items.
Metrics and parameters are in git itself; the items are an output that DVC keeps, so they can be had only as long as its
cache (or a remote) holds them.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.cli.project import Project
from lab.errors import InputError, LabError
from lab.evaluate.per_item import Items, read_items
from lab.report.collect import objects
from lab.report.reproduce import Parameter, parameters

WORKSPACE = "workspace"
METRICS = ("evaluate", "train")
NAMED_AT_MOST = 12  # experiments in an error
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
    commit = None if revision == WORKSPACE else resolve(project.root, revision)
    reports = {stage: _text(project.root, commit, f"reports/{stage}.json") for stage in METRICS}
    metrics = {stage: _json(name, stage, text) for stage, text in reports.items() if text is not None}
    if "evaluate" not in metrics:
        raise InputError(
            f"{name}: it has no reports/evaluate.json. Run `dvc repro`, then commit reports/ and dvc.lock."
            if commit is None
            else f"{name}: there is no reports/evaluate.json in it: it was committed before it was scored. "
            f"`git add reports dvc.lock && git commit` after `dvc repro` keeps the scores of a revision."
        )
    values = _yaml(name, _text(project.root, commit, "params.yaml"))
    folder = "data/evaluate"
    if model:
        metrics = {"evaluate": _of_model(name, model, metrics["evaluate"])}
        folder += f"/models/{model.replace('/', '--')}"
    texts = _items_here(project.root / folder) if commit is None else _items_of(project, commit, folder)
    # Not splitlines: JSON may hold U+2028.
    read = {task: read_items(objects(text.split("\n"))) for task, text in texts}
    items = {task: found for task, found in read.items() if found is not None}
    return Revision(name, commit, metrics, flat(values), items, model or None)


def resolve(root: Path, name: str) -> str:
    """The commit of a git revision or DVC experiment. LabError, with the experiments that there are, without one."""
    if commit := _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"):
        return commit.strip()
    found = list(experiments(root))
    matching = [(commit, baseline) for known, commit, baseline in found if known == name]
    head = (_git(root, "rev-parse", "HEAD") or "").strip()
    here = [commit for commit, baseline in matching if baseline == head]
    commits = here or [commit for commit, _ in matching]
    if len(commits) == 1:
        return commits[0]
    if commits:
        shown = ", ".join(commit[:SHORT] for commit in commits)
        raise LabError(f"'{name}' is the name of several experiments; give one's commit: {shown}.")
    names = sorted({known for known, _, _ in found})
    more = ", ..." if len(names) > NAMED_AT_MOST else ""
    known = f"experiments: {', '.join(names[:NAMED_AT_MOST])}{more}" if names else "there are no experiments"
    raise LabError(f"'{name}' is neither '{WORKSPACE}', a git revision nor an experiment of `dvc exp show`; {known}.")


def experiments(root: Path) -> Iterator[tuple[str, str, str]]:
    """Name, commit and baseline commit of DVC's experiments, which are refs/exps/<2>/<38 of the baseline>/<name>."""
    for line in (_git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or "").splitlines():
        commit, _, ref = line.partition(" ")
        parts = ref.split("/")
        if len(parts) == 5 and len(parts[2]) == 2 and len(parts[3]) == 38:
            yield parts[4], commit, parts[2] + parts[3]


def flat(values: dict[str, Any]) -> dict[str, str]:
    """{"quality": {"c4": {"enabled": True}}} -> {"quality.c4.enabled": "true"}."""
    found: list[Parameter] = parameters(values, {})
    return {f"{parameter.section}.{parameter.key}".rstrip("."): parameter.value for parameter in found}


def differing(revisions: list[Revision]) -> dict[str, list[str | None]]:
    """The parameters that are not the same in all revisions: key -> value in each, None where it has no such key."""
    keys = dict.fromkeys(key for revision in revisions for key in revision.parameters)
    rows = {key: [revision.parameters.get(key) for revision in revisions] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _of_model(name: str, model: str, evaluated: dict) -> dict:
    """What the stage measured of another model. InputError, with the models that there are, where it has none such."""
    known = evaluated.get("models") or {}
    if model not in known:
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


def _text(root: Path, commit: str | None, path: str) -> str | None:
    if commit is None:
        file = root / path
        return file.read_text("utf-8") if file.is_file() else None
    return _git(root, "show", f"{commit}:./{path}")


def _json(name: str, stage: str, text: str) -> dict:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: reports/{stage}.json is not JSON ({error}). Run `dvc repro -f {stage}`.") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: reports/{stage}.json holds no metrics. Run `dvc repro -f {stage}`.")
    return value


def _yaml(name: str, text: str | None) -> dict:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text or "") or {}
    except YAMLError as error:
        raise InputError(f"{name}: params.yaml is not YAML: {' '.join(str(error).split())}") from None


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
