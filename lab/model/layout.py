"""How a model lies in a folder: what its config.json says, and which of their weights hold which of ours."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InputError
from lab.model.config import ModelConfig


@dataclass(frozen=True)
class Weight:
    """One weight of ours, and those of theirs whose rows, one below the other, make it."""

    ours: str | None  # None: theirs has it, ours is without (a bias that is zero)
    theirs: tuple[str, ...]
    rows: tuple[int, ...] = ()  # of each of theirs, where there are several; or the size of a missing one
    transposed: bool = False


@dataclass(frozen=True)
class Layout:
    """One way to keep a model. `misfit` names the first field that it has no room for; None where a model fits."""

    model_type: str
    class_name: str
    misfit: Callable[[ModelConfig], str | None]
    describe: Callable[[ModelConfig], dict]  # -> config.json
    understand: Callable[[dict], ModelConfig]  # config.json ->; KeyError, InputError or ParameterError where it can't
    weights: Callable[[ModelConfig], list[Weight]]


def first_misfit(config: ModelConfig, wanted: dict) -> str | None:
    """The first field whose value is not the wanted one, or one of them, in words."""
    for field, value in wanted.items():
        found = getattr(config, field)
        if found not in (value if isinstance(value, tuple) else (value,)):
            return f"model.{field} {found!r}"
    return None


def refuse(values: dict, field: str, allowed: tuple, default: object) -> None:
    """InputError where a field of a config.json says what our model can't be."""
    if values.get(field, default) not in allowed:
        shown = " or ".join(repr(value) for value in allowed)
        raise InputError(f"'{field}' is {values[field]!r}, and we have {shown} only")
