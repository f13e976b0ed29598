"""Other thresholds for the quality stage's stored statistics. In: `key=value` changes. Out: the parameters with them,
and documents and bytes by verdict, now and then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.curate.quality import measured as statistics
from lab.curate.quality import thresholds as rules
from lab.documents import read_table, shards
from lab.errors import ParameterError, did_you_mean
from lab.experiments import overrides
from lab.params import FilterParams, QualityParams, check, merged

_SWITCHES = ("repetition", "gopher", "fineweb")  # C4 changes the text: without it the others would measure another


@dataclass
class Outcome:
    """Documents of one verdict, and the bytes of their text after C4's cleaning."""

    documents_now: int = 0
    documents_then: int = 0
    bytes_now: int = 0
    bytes_then: int = 0


def changed(params: QualityParams, changes: Iterable[str]) -> QualityParams:
    """The parameters with the changes, `quality.gopher.min_words=30`, in them.

    ParameterError for what is no such change, a value that can't be used, or a key that the statistics can't answer.
    """
    values = {"quality": params.model_dump(mode="json")}
    for change in changes:
        key, equals, value = change.partition("=")
        if not (key and equals and value):
            raise ParameterError(f"what-if: '{change}' is no change; write key=value: quality.gopher.min_words=30.")
        filters, common = _addressed(key, params)
        if common not in answerable(filters):
            raise ParameterError(f"what-if: {_why_not(key, params)}")
        values = merged(values, _nested(key, _read(change, value)))
    return check(values, "what-if").quality


def answerable(filters: FilterParams) -> list[str]:
    """The keys that statistics measured with `filters` can answer for: `quality.gopher.min_words`."""
    found = rules.enabled(filters)
    thresholds = [f"quality.{name}.{rule.parameter}" for name, known in found.items() for rule in known]
    return thresholds + [f"quality.{name}.enabled" for name in _SWITCHES if name in found]


def _addressed(key: str, params: QualityParams) -> tuple[FilterParams, str]:
    """The filters that a key changes, and what it would be called if it changed those of all languages.

    A language needs no entry in `params`: its documents were measured all the same, with what holds for all.
    """
    parts = key.split(".", 3)
    if parts[:2] == ["quality", "languages"] and len(parts) == 4:
        return params.of(parts[2]), f"quality.{parts[3]}"
    return params, key


def _nested(key: str, value: Any) -> dict[str, Any]:
    """a.b and 1 -> {a: {b: 1}}."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def outcomes(folder: Path, params: QualityParams) -> dict[str | None, Outcome]:
    """Reason (None: kept) -> what has it in the output `folder` of the quality stage, and would have it with `params`.

    Kept first, then the most frequent.
    """
    found: dict[str | None, Outcome] = {None: Outcome()}
    for path in shards(folder / statistics.FOLDER):
        table = read_table(path)
        sizes, now = table["bytes"].to_pylist(), table["reason"].to_pylist()
        for size, before, after in zip(sizes, now, statistics.reasons(table, params), strict=True):
            outcome = found.setdefault(before, Outcome())
            outcome.documents_now += 1
            outcome.bytes_now += size
            outcome = found.setdefault(after, Outcome())
            outcome.documents_then += 1
            outcome.bytes_then += size
    order = sorted(
        found,
        key=lambda reason: (reason is not None, -found[reason].documents_now, -found[reason].documents_then, reason),
    )
    return {reason: found[reason] for reason in order}


def _read(change: str, value: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(value)
    except YAMLError:
        raise ParameterError(f"what-if: '{change}': the value is not YAML.") from None


def _why_not(key: str, params: QualityParams) -> str:
    """Why no statistics answer for a key, and what does."""
    filters, common = _addressed(key, params)
    answered = answerable(filters)
    known = overrides.flatten({"quality": filters.model_dump(mode="json")})
    run = f"only a run tells: `dvc exp run -S {_set_by_dvc(key, params)}`."
    if not answered:
        return f"{key}: every filter was off, so that nothing was measured; only a run tells."
    if not key.startswith("quality."):
        return f"'{key}': statistics answer for thresholds of the section quality alone, such as {answered[0]}."
    if common in known:
        name = next((name for name in rules.FILTERS if f".{name}." in common), None)
        if not known.get(f"quality.{name}.enabled", True):
            return f"{key}: that filter was off, so that nothing of it was measured; {run}"
        if name == "c4":
            return f"{key}: C4's rules for lines change the text that is measured; {run}"
        return f"{key}: it changes what is measured; {run}"
    section, _, last = common.rpartition(".")
    if last.isdecimal() and f"{section}." in "".join(answered):
        return f"{key}: n-grams of {last} words were not measured; {run}"
    before = key.removesuffix(common.removeprefix("quality."))  # quality. or quality.languages.de.
    meant = did_you_mean(common, answered, 1).replace("'quality.", f"'{before}")
    hint = meant.strip() or f"there are {', '.join(answered)}."
    return f"{key}: there is no such threshold; {hint}"


def _set_by_dvc(key: str, params: QualityParams) -> str:
    """The argument that sets a key: DVC refuses one that params.yaml lacks, unless a + says that it is new."""
    return f"{key}=..." if key in overrides.flatten({"quality": params.model_dump(mode="json")}) else f"'+{key}=...'"
