"""The graph in dvc.yaml: what each stage reads, and which experiments share a stage.

In: dvc.yaml and parameters. Out: for each stage a key, the same in two experiments where all its parameters and
those of the stages before it are the same: DVC's run cache then runs it once.
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
class Stage:
    """A stage of dvc.yaml. `before`: the stages whose outputs it reads; `code`: dependencies that no stage makes."""

    name: str
    params: tuple[str, ...]
    before: tuple[str, ...]
    code: tuple[str, ...]
    outs: tuple[str, ...]


def read_stages(path: Path) -> dict[str, Stage]:
    """The stages of a dvc.yaml, in an order in which each stands behind those that it reads from."""
    try:
        raw = parse_yaml(path.read_text("utf-8"), str(path), "a pipeline of DVC").get("stages", {})
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository root.") from None
    makers = {out: name for name, stage in raw.items() for out in _outs(stage)}
    found: dict[str, Stage] = {}
    waiting = dict(raw)
    while waiting:
        ready = [name for name, stage in waiting.items() if _before(stage, makers) <= found.keys()]
        if not ready:
            raise InputError(f"{path}: these stages wait for one another: {', '.join(waiting)}.")
        for name in ready:
            found[name] = _stage(name, waiting.pop(name), makers)
    return found


def needed(stages: Mapping[str, Stage], targets: list[str]) -> list[str]:
    """The targets and all stages before them, in order. InputError for a target that is no stage."""
    missing = [target for target in targets if target not in stages]
    if missing:
        raise InputError(f"dvc.yaml: there is no stage '{missing[0]}'; there are {', '.join(stages)}.")
    wanted: set[str] = set()
    queue = list(targets)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += stages[name].before
    return [name for name in stages if name in wanted]


def keys(stages: Mapping[str, Stage], params: Mapping[str, Any]) -> dict[str, str]:
    """A key for each stage, of its parameters and of the stages before it."""
    found: dict[str, str] = {}
    for name, stage in stages.items():
        own = [name, {key: _value(params, key) for key in stage.params}, [found[other] for other in stage.before]]
        found[name] = hashlib.blake2b(json.dumps(own, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
    return found


def _stage(name: str, raw: dict, makers: dict[str, str]) -> Stage:
    code = tuple(dep for dep in raw.get("deps", ()) if _maker(dep, makers) is None)
    params = tuple(key for key in raw.get("params", ()) if isinstance(key, str))
    return Stage(name, params, tuple(sorted(_before(raw, makers))), code, tuple(_outs(raw)))


def _before(raw: dict, makers: dict[str, str]) -> set[str]:
    return {maker for dep in raw.get("deps", ()) if (maker := _maker(dep, makers)) is not None}


def _maker(dep: str, makers: dict[str, str]) -> str | None:
    """The stage that makes a file, or the folder that holds it."""
    path = PurePosixPath(dep)
    return next((makers[str(place)] for place in (path, *path.parents) if str(place) in makers), None)


def _outs(raw: dict) -> list[str]:
    listed = [out for kind in ("outs", "metrics", "plots") for out in raw.get(kind, ())]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


def _value(params: Mapping[str, Any], key: str) -> Any:
    value: Any = params
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
