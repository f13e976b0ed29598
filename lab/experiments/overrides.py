"""Overrides of params.yaml: section.key -> value.

In: nested or dotted mappings. Out: DVC's `-S` arguments, and the values of params.yaml as a run will see them.
"""

import json
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from lab.errors import ParameterError

_BEFORE_QUOTE = re.compile(r'(\\*)(")')


def flatten(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys.

    >>> flatten({"quality": {"gopher": {"min_words": 30}}, "train.seed": 2})
    {'quality.gopher.min_words': 30, 'train.seed': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return flat


def apply(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The values of params.yaml with the overrides applied. ParameterError for a key that does not exist."""
    changed = deepcopy(dict(values))
    for key, value in overrides.items():
        *sections, last = key.split(".")
        parent: Any = changed
        for section in sections:
            parent = parent.get(section) if isinstance(parent, dict) else None
        if not isinstance(parent, dict) or last not in parent:
            raise ParameterError(f"{key}: there is no such key in params.yaml; only keys that stand there can vary.")
        parent[last] = value
    return changed


def arguments(overrides: Mapping[str, Any]) -> list[str]:
    """`-S key=value` for `dvc exp run`, in the order given."""
    return [part for key, value in overrides.items() for part in ("-S", f"{key}={_written(value)}")]


def differences(values: Mapping[str, Any], base: Mapping[str, Any], before: str = "") -> list[str]:
    """The overrides that turn `base` into `values`, in the form of `-S`.

    >>> differences({"train": {"seed": 2, "note": "new"}}, {"train": {"seed": 1, "old": {}}})
    ['train.seed=2', '+train.note="new"', '~train.old']
    """
    changes = []
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            changes += differences(value, base[key] if isinstance(base.get(key), Mapping) else {}, f"{name}.")
        elif key not in base or value != base[key]:
            changes.append(f"{'' if key in base else '+'}{name}={_written(value)}")
    return changes + [f"~{before}{key}" for key in base if key not in values]


def outside_paths(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Overrides with absolute paths for those that lead out of the project: from a clone they would lead elsewhere.

    >>> outside_paths({"crawl": {"paths": ["../web.warc.gz"]}}, Path("/work/lab"))
    {'crawl.paths': ['/work/web.warc.gz']}
    """

    def absolute(value: Any) -> Any:
        return os.path.normpath(root / value) if isinstance(value, str) and value.startswith("../") else value

    flat = flatten(values)
    moved = {
        key: list(map(absolute, value)) if isinstance(value, list) else absolute(value) for key, value in flat.items()
    }
    return {key: value for key, value in moved.items() if value != flat[key]}


def _written(value: Any) -> str:
    """A value in Hydra's grammar: JSON, except that a backslash in a string is literal unless a quote follows."""
    if isinstance(value, str):
        return '"' + _BEFORE_QUOTE.sub(r"\1\1\\\2", value + '"')[:-2] + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value)
