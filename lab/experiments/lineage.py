"""Where a score came from: from any file of a run back to the WARC files.

In: a file, and dvc.lock (here or at a revision). Out: a tree of steps: each stage with its parameters, the hashes of
its inputs, and the commit whose code it ran, which is the one whose files have the hashes in dvc.lock.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from lab.errors import InputError, LabError
from lab.experiments.graph import maker_of
from lab.experiments.repository import Repository

MAX_COMMITS = 200  # that changed a stage's code, the newest first


@dataclass(frozen=True)
class LockedPath:
    """A file or folder in dvc.lock, with its hash there."""

    path: str
    md5: str


@dataclass(frozen=True)
class WarcFile:
    """A WARC file in the crawl's manifest."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Step:
    """One stage as it was run. `commit`: the newest with the code that it ran, None if that was never committed;
    `sources`: the crawl's WARC files, None if its manifest is no longer in DVC's cache."""

    stage: str
    command: str
    outs: list[LockedPath]
    parameters: dict[str, Any]
    code: list[LockedPath]
    commit: str | None
    sources: list[WarcFile] | None = None
    before: "list[Step]" = field(default_factory=list)


@dataclass(frozen=True)
class Lineage:
    """`changed`: the file differs from what the stage wrote."""

    path: str
    changed: bool
    step: Step


def trace(project: Repository, path: str, revision: str | None = None) -> Lineage:
    """The lineage of a file, given relative to the project's root; `revision` None: of the working tree.

    InputError if there is no dvc.lock, or no stage in it made the file.
    """
    stages = project.lock(None if revision is None else project.revision(revision))
    makers = {out["path"]: name for name, stage in stages.items() for out in stage.get("outs", ())}
    maker = maker_of(path, makers)
    if maker is None:
        known = ", ".join(out for out in makers if out.startswith("reports/"))
        raise InputError(f"{path}: no stage in dvc.lock made it. Reports that stages made: {known or 'none'}.")
    commit = project.revision(revision or "HEAD")
    start = next((ref.baseline for ref in project.experiments() if ref.commit == commit), commit)

    @cache
    def step_of(name: str) -> Step:
        stage = stages[name]
        outs, inputs = _locked(stage.get("outs", ())), _locked(stage.get("deps", ()))
        made_by = {dep: maker_of(dep.path, makers) for dep in inputs}
        code = [dep for dep in inputs if made_by[dep] is None]
        return Step(
            stage=name,
            command=stage.get("cmd", ""),
            outs=outs,
            parameters={key: value for of_file in stage.get("params", {}).values() for key, value in of_file.items()},
            code=code,
            commit=code_commit(project, code, start),
            sources=_sources(project, outs) if name == "crawl" else [],
            before=[step_of(other) for other in sorted({*made_by.values()} - {None, name})],
        )

    step = step_of(maker)
    return Lineage(path, revision is None and _is_changed(project, path, step), step)


def as_dict(step: Step) -> dict:
    """A step and all before it, for JSON: stage -> its values, with `before` as names."""
    return {
        each.stage: asdict(replace(each, before=[])) | {"before": [earlier.stage for earlier in each.before]}
        for each in steps(step)
    }


def steps(step: Step) -> list[Step]:
    """The step and all before it, each once, the nearest first."""
    by_stage: dict[str, Step] = {}
    waiting = [step]
    while waiting:
        nearest = waiting.pop(0)
        if nearest.stage not in by_stage:
            by_stage[nearest.stage] = nearest
            waiting += nearest.before
    return list(by_stage.values())


def _locked(paths: Iterable[dict]) -> list[LockedPath]:
    return [LockedPath(path["path"], path.get("md5", "")) for path in paths]


def code_commit(project: Repository, code: list[LockedPath], start: str) -> str | None:
    """The newest commit, from `start` back, in which all paths have the hashes of dvc.lock; None if there is none."""
    if not code:
        return None
    paths = [dep.path for dep in code]
    commits = project.git("rev-list", f"--max-count={MAX_COMMITS}", start, "--", *paths).split()
    for commit in dict.fromkeys([start, *commits]):
        if all(_tree_hash(project, commit, dep) == dep.md5 for dep in code):
            return commit
    return None


def _tree_hash(project: Repository, commit: str, dep: LockedPath) -> str | None:
    """DVC's hash of a path in a commit: the MD5 of a file, or of the JSON list of a folder's files."""
    files = project.md5s(commit, dep.path)
    if not dep.md5.endswith(".dir"):
        return files.get("")
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _sources(project: Repository, outs: list[LockedPath]) -> list[WarcFile] | None:
    """The WARC files of the crawl's manifest."""
    try:
        folder = next(out for out in outs if out.path.startswith("data/"))
        manifest = json.loads(project.cached(folder.md5, folder.path)["manifest.json"].read_text("utf-8"))
        return [WarcFile(file["path"], file["bytes"], file["sha256"]) for file in manifest["files"]]
    except (LabError, OSError, StopIteration, KeyError, ValueError):
        return None


def _is_changed(project: Repository, path: str, step: Step) -> bool:
    """Whether a file, or one of a folder, is gone or not as its stage wrote it. InputError if it wrote none such."""
    out = next(out for out in step.outs if Path(path).is_relative_to(out.path))
    if not out.md5.endswith(".dir"):
        return _differs(project.root / path, out.md5)
    if out.path == path:
        return not (project.root / path).is_dir()
    try:
        cached = project.cached(out.md5, out.path)
    except LabError:
        return False
    inside = Path(path).relative_to(out.path)
    files = {name: file for name, file in cached.items() if Path(name).is_relative_to(inside)}
    if not files:
        raise InputError(f"{path}: no such file or folder in {out.path} when its stage had written it.")
    return any(_differs(project.root / out.path / name, file.parent.name + file.name) for name, file in files.items())


def _differs(file: Path, md5: str) -> bool:
    return not file.is_file() or hashlib.md5(file.read_bytes()).hexdigest() != md5
