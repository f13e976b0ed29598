"""How to make a run again: in, its parameters and what it left; out, revision, hashes, versions, commands."""

import hashlib
import json
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from lab.engine import code_version
from lab.experiments.overrides import differences, flatten

PACKAGE = "pretraining-lab"
HASHED_BYTES = 4_000_000_000  # an output larger than this is not read again for the report


@dataclass(frozen=True)
class Parameter:
    """One key of params.yaml."""

    section: str
    key: str
    value: str
    default: str | None  # None: there is no such key by default

    @property
    def changed(self) -> bool:
        return self.value != self.default


def parameters(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Parameter]:
    """Every parameter as text, beside its default, in the order of the sections."""
    known = {(section, key): value for section, key, value in _flat(defaults)}
    return [Parameter(section, key, value, known.get((section, key))) for section, key, value in _flat(values)]


def command(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The command that makes this run from the defaults."""
    changed = [f"-S {shlex.quote(text)}" for text in differences(values, defaults)]
    return " ".join(["dvc exp run", *changed]) if changed else "dvc repro"


def hashes(data: Path) -> dict[str, str]:
    """SHA-256 of what a run is made of and of what it made; a line of words where that can't be had."""
    return {
        "crawl manifest": _hash([data / "crawl" / "manifest.json"]),
        "dataset, train": _hash(sorted((data / "dataset" / "train").glob("*.parquet"))),
        "dataset, validation": _hash(sorted((data / "dataset" / "validation").glob("*.parquet"))),
        "tokenizer": _hash([data / "tokenizer" / "ranks.tiktoken"]),
        "model": _hash([data / "train" / "model.safetensors"]),
        "code of the lab": code_version(),
    }


def versions() -> dict[str, str]:
    """Python and the packages that the project asks for, as installed here."""
    try:
        wanted = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        wanted = []
    names = sorted({re.split(r"[^\w.-]", line)[0] for line in wanted if "extra ==" not in line}, key=str.lower)
    found = {"Python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for section, content in values.items():
        keys = flatten(content) if isinstance(content, Mapping) and content else {"": content}
        for key, value in keys.items():
            yield section, key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hash(paths: list[Path]) -> str:
    """Of one file: its SHA-256. Of several: that of their hashes, one a line."""
    found = [path for path in paths if path.is_file()]
    if not found:
        return "not there"
    if sum(path.stat().st_size for path in found) > HASHED_BYTES:
        return "large: see dvc.lock"
    digests = []
    for path in found:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
