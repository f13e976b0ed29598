"""Recipes: known training runs as overrides of params.yaml, one NAME.yaml each in this folder.

In: a name. Out: section.key -> value, for `dvc exp run -S` (lab.experiments.overrides) or a plan (lab.recipes.plan).
A file's head says what the run costs and whose numbers it follows. Keys that it does not name stay as in params.yaml.
"""

from pathlib import Path
from typing import Any

from lab.errors import ParameterError, did_you_mean
from lab.experiments.overrides import apply, flatten
from lab.files import parse_yaml
from lab.params_yaml import Params, check

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """All recipes, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> dict[str, Any]:
    """A recipe's overrides, dotted. ParameterError, with the nearest names, if there is no recipe of that name."""
    return flatten(parse_yaml(_text(name), f"recipe {name}"))


def title(name: str) -> str:
    """What a recipe is, from the first line of its file."""
    return _text(name).partition("\n")[0].removeprefix("#").strip()


def applied(name: str, values: dict[str, Any]) -> Params:
    """The values of a params.yaml with a recipe applied, checked."""
    return check(apply(values, load(name)), f"recipe {name}")


def _text(name: str) -> str:
    if name not in names():
        raise ParameterError(f"recipe: there is no '{name}'; {did_you_mean(name, names())}known: {', '.join(names())}.")
    return (FOLDER / f"{name}.yaml").read_text("utf-8")
