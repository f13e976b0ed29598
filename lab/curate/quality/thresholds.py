"""What a filter is made of: parameters that limit what is measured of a text, and the verdict by them.

A filter is a module of this folder that holds

- `TITLE`, as people call it;
- `Params`, its section of params.yaml: `Thresholds` with a field `min_x` or `max_x` for each limit of a statistic `x`;
- `statistics(text, params) -> {x: value}`, without those that the text is too short for;
- or, if it changes the text, `assess(text, params) -> Assessment` instead.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import ClassVar, NamedTuple, Self

from pydantic import model_validator

from lab.curate.text.text import Text
from lab.documents import Reason
from lab.params import Section


class Rule(NamedTuple):
    """A threshold: its parameter within the filter, and the limit that is still allowed (None: none)."""

    parameter: str
    limit: float | None

    @property
    def statistic(self) -> str:
        return self.parameter[4:]

    @property
    def least(self) -> bool:
        """Whether less than the limit is refused, and not more."""
        return self.parameter.startswith("min_")


class Thresholds(Section):
    """A filter's parameters. A field that is a dict, {2: 0.2}, limits the statistics `x.2`. None: no limit."""

    of_parts: ClassVar[tuple[str, ...]] = ()  # fields min_x and max_x that limit lines or words, not the document
    unlimited: ClassVar[tuple[str, ...]] = ()  # statistics that are stored though nothing limits them

    def rules(self) -> list[Rule]:
        """In the order of the fields, in which they are tried."""
        rules: list[Rule] = []
        for name in _limits(type(self)):
            limit = getattr(self, name)
            if isinstance(limit, dict):
                rules += [Rule(f"{name}.{key}", limit[key]) for key in sorted(limit)]
            else:
                rules.append(Rule(name, limit))
        return rules

    def in_language(self, language: str, differing: Container[str]) -> Self:
        """The parameters for a language other than English, for which params.yaml sets the fields `differing`."""
        return self

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in _limits(type(self)):
            least, most = (getattr(self, f"{bound}_{name[4:]}", None) for bound in ("min", "max"))
            if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
                raise ValueError(
                    f"min_{name[4:]} is {least}: more than max_{name[4:]}, {most}, so that no document would be kept"
                )
        return self


@cache
def _limits(params: type[Thresholds]) -> tuple[str, ...]:
    """The fields that limit a statistic of the document."""
    return tuple(
        name for name in params.model_fields if name.startswith(("min_", "max_")) and name not in params.of_parts
    )


@dataclass
class Assessment:
    """What a filter finds: the text as it leaves it, what it measured, why it refuses the text (or None).

    `changed`: how many parts of the text went, by parameter. `refused`: the reason is no threshold's, and neither this
    filter nor a later one has a text to measure.
    """

    text: Text
    statistics: dict[str, float] = field(default_factory=dict)
    reason: Reason | None = None
    changed: dict[str, int] = field(default_factory=dict)
    refused: bool = False


def changes_text(module: ModuleType) -> bool:
    """Whether later filters measure another text than this filter gets."""
    return hasattr(module, "assess")


def assess(module: ModuleType, text: Text, params: Thresholds) -> Assessment:
    """What a filter finds of a text."""
    if changes_text(module):
        return module.assess(text, params)
    statistics = module.statistics(text, params)
    return Assessment(text, statistics, first_broken(statistics, params.rules()))


def first_broken(statistics: Mapping[str, float], rules: Sequence[Rule]) -> Reason | None:
    """Why a document with these statistics is refused, or None.

    A missing statistic could not be measured, for lack of words or lines: the reason is "empty".
    """
    for rule in rules:
        value = statistics.get(rule.statistic)
        if value is None:
            return Reason("empty")
        if rule.limit is not None and (value < rule.limit if rule.least else value > rule.limit):
            return Reason(rule.parameter, value, "<" if rule.least else ">", rule.limit)
    return None
