"""The graph in dvc.yaml: what each stage reads, and which experiments share a stage.

In: dvc.yaml and parameters. Out: a key for each stage, equal in two experiments if the stage and all stages before it
have equal parameters: DVC's run cache then runs it once.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import InputError
from lab.files import parse_yaml


@dataclass(frozen=True)
class DvcStage:
    """A stage of dvc.yaml. `before`: the stages whose outputs it reads; `code`: dependencies that no stage makes."""

    name: str
    params: tuple[str, ...]
    before: tuple[str, ...]
    code: tuple[str, ...]
    outs: tuple[str, ...]


def read_stages(path: Path) -> dict[str, DvcStage]:
    """The stages of a dvc.yaml, each after those that it reads from. InputError for a missing file or a circle."""
    try:
        raw = parse_yaml(path.read_text("utf-8"), str(path), "a pipeline of DVC").get("stages", {})
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository root.") from None
    makers = {out: name for name, stage in raw.items() for out in _outs(stage)}
    stages: dict[str, DvcStage] = {}
    waiting = dict(raw)
    while waiting:
        ready = [name for name, stage in waiting.items() if _before(stage, makers) <= stages.keys()]
        if not ready:
            raise InputError(f"{path}: these stages wait for one another: {', '.join(waiting)}.")
        for name in ready:
            stages[name] = _stage(name, waiting.pop(name), makers)
    return stages


def needed(stages: Mapping[str, DvcStage], targets: list[str]) -> list[str]:
    """The targets and all stages before them, in order. InputError for a target that is no stage."""
    missing = [target for target in targets if target not in stages]
    if missing:
        raise InputError(f"dvc.yaml: there is no stage '{missing[0]}'; there are {', '.join(stages)}.")
    names: set[str] = set()
    queue = list(targets)
    while queue:
        name = queue.pop()
        if name not in names:
            names.add(name)
            queue += stages[name].before
    return [name for name in stages if name in names]


def keys(stages: Mapping[str, DvcStage], params: Mapping[str, Any]) -> dict[str, str]:
    """A key for each stage: a hash of its parameters and of the keys of the stages before it."""
    hashes: dict[str, str] = {}
    for name, stage in stages.items():
        parts = [name, {key: _value(params, key) for key in stage.params}, [hashes[other] for other in stage.before]]
        text = json.dumps(parts, sort_keys=True, default=str)
        hashes[name] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return hashes


def _stage(name: str, raw: dict, makers: dict[str, str]) -> DvcStage:
    code = tuple(dep for dep in raw.get("deps", ()) if _maker(dep, makers) is None)
    params = tuple(key for key in raw.get("params", ()) if isinstance(key, str))
    return DvcStage(name, params, tuple(sorted(_before(raw, makers))), code, tuple(_outs(raw)))


def _before(raw: dict, makers: dict[str, str]) -> set[str]:
    return {maker for dep in raw.get("deps", ()) if (maker := _maker(dep, makers)) is not None}


def _maker(dep: str, makers: dict[str, str]) -> str | None:
    """The stage that makes a path, or a folder above it."""
    path = PurePosixPath(dep)
    return next((makers[str(place)] for place in (path, *path.parents) if str(place) in makers), None)


def _outs(raw: dict) -> list[str]:
    outs = [out for kind in ("outs", "metrics", "plots") for out in raw.get(kind, ())]
    return [next(iter(out)) if isinstance(out, dict) else out for out in outs]


def _value(params: Mapping[str, Any], key: str) -> Any:
    value: Any = params
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
