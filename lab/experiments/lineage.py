"""Where a score came from: from any file of a run back to the WARC files.

In: a file, and dvc.lock (here or at a revision). Out: a tree of steps: each stage with its parameters, the hashes of
what it read, and the commit whose code it ran, found by comparing dvc.lock's hashes of the code with git's files.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import InputError, LabError
from lab.experiments.repository import Repository

COMMITS_SEARCHED = 200  # that touched a stage's code, the newest first


@dataclass(frozen=True)
class Input:
    """A file or folder that a stage read: `md5` as dvc.lock has it."""

    path: str
    md5: str


@dataclass(frozen=True)
class Source:
    """A WARC file as the crawl's manifest names it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Step:
    """One stage as it was run. `commit`: the newest whose code is what it ran, None where there is none (it was never
    committed); `sources` are the crawl's, None where its manifest is no longer in DVC's cache."""

    stage: str
    command: str
    outs: list[Input]
    parameters: dict[str, Any]
    code: list[Input]
    commit: str | None
    sources: list[Source] | None = None
    before: "list[Step]" = field(default_factory=list)


@dataclass(frozen=True)
class Lineage:
    """`changed`: the file is no longer what the stage wrote."""

    path: str
    changed: bool
    step: Step


def trace(project: Repository, path: str, revision: str | None = None) -> Lineage:
    """The lineage of a file, relative to the project's root; `revision` None: of the working tree.

    Raises InputError where there is no dvc.lock, or no stage in it made the file.
    """
    stages = project.lock(None if revision is None else project.revision(revision))
    makers = {out["path"]: name for name, stage in stages.items() for out in stage.get("outs", ())}
    place = _made_place(path, makers)
    if place is None:
        known = ", ".join(out for out in makers if out.startswith("reports/"))
        raise InputError(f"{path}: no stage in dvc.lock made it. Metrics that stages made: {known or 'none'}.")
    start = project.baseline(project.revision(revision or "HEAD"))
    step = _step(project, start, makers[place], stages, makers, {})
    return Lineage(path, revision is None and _is_changed(project, place, path, step), step)


def as_dict(step: Step) -> dict:
    """A step and those before it, for JSON: each stage in full once, by its name, `before` as names."""
    found: dict[str, dict] = {}
    for each in steps(step):
        own = {key: value for key, value in vars(each).items() if key not in ("before", "outs", "code", "sources")}
        lists = {key: [vars(item) for item in getattr(each, key)] for key in ("outs", "code")}
        sources = None if each.sources is None else [vars(source) for source in each.sources]
        found[each.stage] = {**own, **lists, "sources": sources, "before": [other.stage for other in each.before]}
    return found


def steps(step: Step) -> list[Step]:
    """The step and all before it, each once, the nearest first."""
    found: dict[str, Step] = {}
    waiting = [step]
    while waiting:
        each = waiting.pop(0)
        if each.stage not in found:
            found[each.stage] = each
            waiting += each.before
    return list(found.values())


def _made_place(path: str, makers: dict[str, str]) -> str | None:
    """The output that a path is, or lies in; None where no stage made it."""
    place = PurePosixPath(path)
    return next((str(each) for each in (place, *place.parents) if str(each) in makers), None)


def _step(
    project: Repository, start: str, name: str, stages: dict, makers: dict[str, str], done: dict[str, Step]
) -> Step:
    if name in done:
        return done[name]
    stage = stages[name]
    inputs = [Input(dep["path"], dep.get("md5", "")) for dep in stage.get("deps", ())]
    places = [_made_place(dep.path, makers) for dep in inputs]
    code = [dep for dep, place in zip(inputs, places, strict=True) if place is None]
    before = sorted({makers[place] for place in places if place is not None} - {name})
    outs = [Input(out["path"], out.get("md5", "")) for out in stage.get("outs", ())]
    done[name] = Step(
        stage=name,
        command=stage.get("cmd", ""),
        outs=outs,
        parameters={key: value for of_file in stage.get("params", {}).values() for key, value in of_file.items()},
        code=code,
        commit=code_commit(project, code, start),
        sources=_sources(project, outs) if name == "crawl" else [],
        before=[_step(project, start, other, stages, makers, done) for other in before],
    )
    return done[name]


def code_commit(project: Repository, code: list[Input], start: str) -> str | None:
    """The newest commit, from `start` back, in which all these files and folders have the hashes of dvc.lock."""
    if not code:
        return None
    paths = [dep.path for dep in code]
    commits = project.git("rev-list", f"--max-count={COMMITS_SEARCHED}", start, "--", *paths).split()
    for commit in dict.fromkeys([start, *commits]):
        if all(_tree_hash(project, commit, dep) == dep.md5 for dep in code):
            return commit
    return None


def _tree_hash(project: Repository, commit: str, dep: Input) -> str | None:
    """What DVC would compute for a path of a commit: the MD5 of a file, or of the JSON list of a folder's files."""
    listed = project.git("ls-tree", "-r", "--name-only", "-z", commit, "--", dep.path).split("\0")[:-1]
    if not dep.md5.endswith(".dir"):
        return project.blob_md5(commit, dep.path) if listed == [dep.path] else None
    entries = [
        {"md5": project.blob_md5(commit, path), "relpath": path.removeprefix(dep.path.rstrip("/") + "/")}
        for path in listed
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _sources(project: Repository, outs: list[Input]) -> list[Source] | None:
    """The WARC files of the crawl's manifest."""
    try:
        folder = next(out for out in outs if out.path.startswith("data/"))
        manifest = json.loads(project.cached(folder.md5, folder.path)["manifest.json"].read_text("utf-8"))
        return [Source(file["path"], file["bytes"], file["sha256"]) for file in manifest["files"]]
    except (LabError, OSError, StopIteration, KeyError, ValueError):
        return None


def _is_changed(project: Repository, place: str, path: str, step: Step) -> bool:
    """Whether a file, or one in a folder, is missing or has other bytes than when the stage wrote it.

    InputError for what the stage did not write.
    """
    md5 = next(out.md5 for out in step.outs if out.path == place)
    if not md5.endswith(".dir"):
        return _differs(project.root / path, md5)
    if place == path:
        return not (project.root / path).is_dir()
    try:
        cached = project.cached(md5, place)
    except LabError:
        return False
    wanted = Path(path).relative_to(place)
    asked = {name: file for name, file in cached.items() if Path(name).is_relative_to(wanted)}
    if not asked:
        raise InputError(f"{path}: no such file or folder in {place} when its stage had written it.")
    return any(_differs(project.root / place / name, file.parent.name + file.name) for name, file in asked.items())


def _differs(file: Path, md5: str) -> bool:
    return not file.is_file() or hashlib.md5(file.read_bytes()).hexdigest() != md5
