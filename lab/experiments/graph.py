"""The graph in dvc.yaml: what each stage reads, and which experiments share a stage.

In: dvc.yaml and parameters. Out: a key for each stage, equal in two experiments if the stage and all stages before it
have equal parameters: DVC's run cache then runs it once.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import InputError
from lab.files import read_yaml


@dataclass(frozen=True)
class DvcStage:
    """A stage of dvc.yaml. `before`: the stages whose outputs it reads; `code`: dependencies that no stage makes."""

    params: tuple[str, ...]
    before: tuple[str, ...]
    code: tuple[str, ...]


def read_stages(path: Path) -> dict[str, DvcStage]:
    """The stages of a dvc.yaml, each after those that it reads from. InputError for a missing file or a circle."""
    raw = read_yaml(path, "a pipeline of DVC").get("stages", {})
    makers = {out: name for name, stage in raw.items() for out in _outs(stage)}
    stages = {name: _stage(stage, makers) for name, stage in raw.items()}
    try:
        order = list(TopologicalSorter({name: stage.before for name, stage in stages.items()}).static_order())
    except CycleError as error:
        raise InputError(f"{path}: these stages wait for one another: {', '.join(error.args[1])}.") from None
    return {name: stages[name] for name in order}


def needed(stages: Mapping[str, DvcStage], targets: list[str]) -> dict[str, DvcStage]:
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
    return {name: stage for name, stage in stages.items() if name in names}


def keys(stages: Mapping[str, DvcStage], params: Mapping[str, Any]) -> dict[str, str]:
    """A key for each stage: a hash of its parameters and of the keys of the stages before it."""
    hashes: dict[str, str] = {}
    for name, stage in stages.items():
        parts = [name, {key: _value(params, key) for key in stage.params}, [hashes[other] for other in stage.before]]
        text = json.dumps(parts, sort_keys=True, default=str)
        hashes[name] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return hashes


def maker_of(path: str, makers: Mapping[str, str]) -> str | None:
    """The stage that makes a path or a folder above it; None if no stage does. `makers`: output -> stage."""
    place = PurePosixPath(path)
    return next((makers[str(above)] for above in (place, *place.parents) if str(above) in makers), None)


def _stage(raw: dict, makers: Mapping[str, str]) -> DvcStage:
    params = tuple(key for key in raw.get("params", ()) if isinstance(key, str))
    made_by = {dep: maker_of(dep, makers) for dep in raw.get("deps", ())}
    before = tuple(sorted({maker for maker in made_by.values() if maker}))
    return DvcStage(params, before, code=tuple(dep for dep, maker in made_by.items() if not maker))


def _outs(raw: dict) -> list[str]:
    outs = [out for kind in ("outs", "metrics", "plots") for out in raw.get(kind, ())]
    return [next(iter(out)) if isinstance(out, dict) else out for out in outs]


def _value(params: Mapping[str, Any], key: str) -> Any:
    value: Any = params
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
