"""How to make a run again. In: its parameters and outputs; out, hashes, versions, commands."""

import hashlib
import json
import platform
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from lab.engine import code_version
from lab.experiments.overrides import differences, flatten
from lab.git import read_revision
from lab.params_yaml import Params

PACKAGE = "pretraining-lab"
HASHED_BYTES = 4_000_000_000  # a larger output is not hashed for the report


def settings(params: Params, root: Path) -> dict[str, Any]:
    """What the page says of parameters, revision and versions: no output of the run is needed."""
    values, defaults = (each.model_dump(mode="json", exclude={"engine"}) for each in (params, Params()))
    return {
        "revision": read_revision(root),
        "command": command(values, defaults),
        "versions": versions(),
        "parameters": flat(values),
        "defaults": flat(defaults),
    }


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """{"dedup": {"minhash": True}} -> {"dedup.minhash": "true"}."""
    pairs = flatten(values).items()
    return {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in pairs}


def command(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The command that makes this run from the defaults."""
    changed = [f"-S {shlex.quote(text)}" for text in differences(values, defaults)]
    return " ".join(["dvc exp run", *changed]) if changed else "dvc repro"


def hashes(data: Path) -> dict[str, str]:
    """SHA-256 of a run's inputs and outputs by name; a note instead if a file is missing or large."""
    return {
        "crawl manifest": _hash([data / "crawl" / "manifest.json"]),
        "dataset, train": _hash(sorted((data / "dataset" / "train").glob("*.parquet"))),
        "dataset, validation": _hash(sorted((data / "dataset" / "validation").glob("*.parquet"))),
        "tokenizer": _hash([data / "tokenizer" / "ranks.tiktoken"]),
        "model": _hash([data / "train" / "model.safetensors"]),
        "code of the lab": code_version(),
    }


def versions() -> dict[str, str]:
    """Installed versions of Python and of the packages that the project requires."""
    installed, requirements = {"Python": platform.python_version()}, []
    with suppress(metadata.PackageNotFoundError):
        requirements = metadata.requires(PACKAGE) or []
    names = {re.split(r"[^\w.-]", line)[0] for line in requirements if "extra ==" not in line}
    for name in sorted(names, key=str.lower):
        with suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


def _hash(paths: list[Path]) -> str:
    """Of one file, its SHA-256; of several, the SHA-256 of their hashes, one per line."""
    files = [path for path in paths if path.is_file()]
    if not files:
        return "missing"
    if sum(path.stat().st_size for path in files) > HASHED_BYTES:
        return "large: see dvc.lock"
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
