"""`python -m stages.params`: write params.yaml from the data classes: every key with its default and its description.

Values that stand in params.yaml already stay. The text is as DVC itself writes YAML: `dvc exp run -S` changes no other
line than the value's.
"""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from lab import params_yaml
from lab.files import write_text
from lab.params_yaml import Params

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 80  # where ruamel.yaml, which DVC writes with, breaks lines
HEAD = """\
# Every decision from the crawl to the score. A section belongs to the stage of its name; change one here or with
# `dvc exp run -S section.key=value`, and only that stage and those after it run again. Keys, defaults and comments come
# from the data classes that check this file (lab/params.py, lab/curate/quality): `python -m stages.params` writes them
# anew and keeps the values that stand here.
"""


def render(params: Params) -> str:
    """The text of a params.yaml with these values."""
    values = params.model_dump(mode="json")
    sections = ("\n".join(_section(name, values[name], type(getattr(params, name)), "")) for name in values)
    return HEAD + "".join(f"\n{section}\n" for section in sections)


def _section(name: str, values: dict[str, Any], model: type[BaseModel], indent: str) -> Iterator[str]:
    """The lines of a section: its keys in the data class's order, nested sections below their key."""
    yield f"{indent}{name}:"
    for key, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _section(key, values[key], kind, indent + "  ")
        else:
            lines, comment = _dumped(key, values[key], indent + "  "), _comment(field)
            if comment and len(lines) > 1:  # behind the key of a list DVC would write `[]` into it
                lines.insert(0, f"{indent}  # {comment}")
            elif comment:
                lines[0] += f" # {comment}"
            yield from lines


def _comment(field: FieldInfo) -> str:
    """The values that a key can have, if they are few and its description does not name them, and that description."""
    description = field.description or ""
    kinds = [field.annotation, *get_args(field.annotation)]
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    named = all(re.search(rf"\b{choice}\b", description) for choice in choices if choice != field.default)
    listed = "" if named else f"{', '.join(choices[:-1])} or {choices[-1]}"
    return "; ".join(filter(None, [listed, description]))


def _dumped(key: str, value: Any, indent: str) -> list[str]:
    """The lines of `key: value` in YAML, in block style."""
    stream = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = WIDTH - len(indent)
    yaml.dump({key: value}, stream)
    return [indent + line for line in stream.getvalue().splitlines()]


if __name__ == "__main__":
    path = ROOT / "params.yaml"
    write_text(path, render(params_yaml.load(path) if path.exists() else Params()))
