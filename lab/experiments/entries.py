"""Experiments as data: a YAML file of entries, checked against data classes with errors that name the place.

In: a file such as ablations.yaml or scaling.yaml. Out: its entries as data classes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from lab.errors import InputError, ParameterError
from lab.files import parse_yaml
from lab.params import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9+][A-Za-z0-9+_-]*(\.[A-Za-z0-9+_-]+)*$")]
Overrides = dict[str, Any]  # section.key -> value; sections may be nested instead
Entry = TypeVar("Entry", bound=Section)


def read(path: Path, holds: str) -> dict[str, Any]:
    """The mapping in a YAML file, empty if the file is. `holds`: what it should contain, for the InputError."""
    try:
        values = parse_yaml(path.read_text("utf-8"), str(path), holds)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. It holds {holds}.") from None
    return {str(name): value for name, value in values.items()}


def check(path: Path, name: str, raw: Any, model: type[Entry]) -> Entry:
    """An entry as its data class. ParameterError names the key and the problem."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = (_explain(name, problem, model) for problem in error.errors())
        raise ParameterError(f"{path}: " + "; ".join(problems)) from None


def find(path: Path, kind: str, known: Mapping[str, Entry], name: str) -> Entry:
    """The entry of that name. ParameterError, with the known names, if there is none."""
    if name not in known:
        raise ParameterError(f"{path}: there is no {kind} '{name}'; there are {', '.join(known) or 'none'}.")
    return known[name]


def _explain(name: str, problem: Any, model: type[Section]) -> str:
    where = ".".join([name, *(str(part) for part in problem["loc"] if part != "[key]")])
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}"
    if problem["type"] == "extra_forbidden":
        known = f"; known keys: {', '.join(model.model_fields)}" if len(problem["loc"]) == 1 else ""
        return f"{where}: there is no such key{known}"
    if problem["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {problem['input']!r} can't be used: {problem['msg'].removeprefix('Input ')}"
