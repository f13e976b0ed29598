"""How a model is kept in a folder: the fields of its config.json, and which of its tensors hold which of ours."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InputError
from lab.model.config import ModelConfig


@dataclass(frozen=True)
class Weight:
    """One of our tensors, and the Hugging Face tensors that are concatenated by rows to make it."""

    ours: str | None  # None: only theirs has it (a bias that is zero)
    theirs: tuple[str, ...]
    rows: tuple[int, ...] = ()  # of each of theirs, where there are several; or the size of a missing bias
    transposed: bool = False


@dataclass(frozen=True)
class Layout:
    """One way to keep a model. `misfit` names the first field that it can't hold; None where a model fits."""

    model_type: str
    class_name: str
    misfit: Callable[[ModelConfig], str | None]
    describe: Callable[[ModelConfig], dict]  # -> config.json
    understand: Callable[[dict], ModelConfig]  # config.json ->; raises KeyError, InputError or ParameterError
    weights: Callable[[ModelConfig], list[Weight]]


def first_misfit(config: ModelConfig, allowed: dict) -> str | None:
    """The first field whose value is not the allowed one, or one of a tuple of them, and its value."""
    for field, values in allowed.items():
        value = getattr(config, field)
        if value not in (values if isinstance(values, tuple) else (values,)):
            return f"model.{field} {value!r}"
    return None


def refuse(values: dict, field: str, allowed: tuple, default: object) -> None:
    """Raise InputError where a field of a config.json has a value that our model does not support."""
    if values.get(field, default) not in allowed:
        supported = " or ".join(repr(value) for value in allowed)
        raise InputError(f"'{field}' is {values[field]!r}, and only {supported} is supported")
