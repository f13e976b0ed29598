"""Other thresholds for the quality stage's stored statistics. In: `key=value` changes. Out: the parameters with them,
and documents and bytes by verdict, now and then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.curate.quality import BY_NAME, measured
from lab.curate.quality.params import FilterParams, QualityParams, merged
from lab.curate.quality.thresholds import changes_text
from lab.documents import read_table, shards
from lab.errors import ParameterError, did_you_mean
from lab.experiments import overrides
from lab.params_yaml import check


@dataclass
class Outcome:
    """Documents of one verdict, and the bytes of their text as the filters leave it."""

    documents_now: int = 0
    documents_then: int = 0
    bytes_now: int = 0
    bytes_then: int = 0


def changed(params: QualityParams, changes: Iterable[str]) -> QualityParams:
    """The parameters with the changes, `quality.gopher.min_words=30`, in them.

    ParameterError if a change is malformed, its value can't be used, or the statistics can't answer it.
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
    then = check(values, "what-if").quality
    _check_filters(params, then)
    return then


def answerable(filters: FilterParams) -> list[str]:
    """The keys that statistics measured with `filters` can answer for: `quality.gopher.min_words`."""
    thresholds = [f"quality.{name}.{rule.parameter}" for name, rules in filters.rules.items() for rule in rules]
    return [*thresholds, "quality.filters"] if thresholds else []


def _check_filters(now: QualityParams, then: QualityParams) -> None:
    """ParameterError where filters of `then` were not measured with `now`, or would measure another text."""
    for code in (None, *then.languages):
        before, after = ((params.of(code) if code else params).filters for params in (now, then))
        key = f"quality.languages.{code}.filters" if code else "quality.filters"
        changing = [name for name in before if changes_text(BY_NAME[name])]
        kept = [name for name in before if name in after or name in changing]
        if off := [name for name in after if name not in before]:
            problem = f"{', '.join(off)} was off, so that nothing of it was measured"
        elif after != kept:
            stay = "".join(f", and {BY_NAME[name].TITLE}, which changes the text that is measured" for name in changing)
            problem = f"the order has to stay{stay}: [{','.join(kept)}]"
        else:
            continue
        raise ParameterError(f"what-if: {key}: {problem}; {_only_a_run(key, now)}")


def _addressed(key: str, params: QualityParams) -> tuple[FilterParams, str]:
    """The filters that a key changes, and the same key for all languages: quality.languages.de.x -> quality.x.

    A language needs no entry in `params`: its documents were measured with the common parameters.
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
    """Reason (None: kept) -> documents with it in the output `folder` of the quality stage, and with `params`.

    Kept first, then the most frequent.
    """
    by_reason: dict[str | None, Outcome] = {None: Outcome()}
    for path in shards(folder / measured.FOLDER):
        table = read_table(path)
        sizes, now = table["bytes"].to_pylist(), table["reason"].to_pylist()
        for size, before, after in zip(sizes, now, measured.reasons(table, params), strict=True):
            outcome = by_reason.setdefault(before, Outcome())
            outcome.documents_now += 1
            outcome.bytes_now += size
            outcome = by_reason.setdefault(after, Outcome())
            outcome.documents_then += 1
            outcome.bytes_then += size

    def rank(reason: str | None) -> tuple:
        outcome = by_reason[reason]
        return reason is not None, -outcome.documents_now, -outcome.documents_then, reason

    return {reason: by_reason[reason] for reason in sorted(by_reason, key=rank)}


def _read(change: str, value: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(value)
    except YAMLError:
        raise ParameterError(f"what-if: '{change}': the value is not YAML.") from None


def _why_not(key: str, params: QualityParams) -> str:
    """Why the statistics can't answer a key, and what can."""
    filters, common = _addressed(key, params)
    answered = answerable(filters)
    known = overrides.flatten({"quality": filters.model_dump(mode="json")})
    if not answered:
        return f"{key}: every filter was off, so that nothing was measured; only a run tells."
    if not key.startswith("quality."):
        return f"'{key}': statistics answer for thresholds of the section quality alone, such as {answered[0]}."
    section, _, last = common.rpartition(".")
    if last == "enabled":
        return f"{key}: there is no such key; write the filters that run: quality.filters=[{','.join(filters.filters)}]"
    if common in known:
        name = next((name for name in BY_NAME if f".{name}." in common), "")
        if name not in filters.filters:
            problem = "that filter was off, so that nothing of it was measured"
        elif changes_text(BY_NAME[name]):
            problem = f"it decides how {BY_NAME[name].TITLE} changes the text that is measured"
        else:
            problem = "it changes what is measured"
        return f"{key}: {problem}; {_only_a_run(key, params)}"
    if last.isdecimal() and f"{section}." in "".join(answered):
        return f"{key}: n-grams of {last} words were not measured; {_only_a_run(key, params)}"
    before = key.removesuffix(common.removeprefix("quality."))  # quality. or quality.languages.de.
    meant = did_you_mean(common, answered, 1).replace("'quality.", f"'{before}")
    hint = meant.strip() or f"there are {', '.join(answered)}."
    return f"{key}: there is no such threshold; {hint}"


def _only_a_run(key: str, params: QualityParams) -> str:
    """The command that sets a key: DVC refuses one that params.yaml lacks, unless a + says that it is new."""
    known = overrides.flatten({"quality": params.model_dump(mode="json")})
    argument = f"{key}=..." if key in known else f"'+{key}=...'"
    return f"only a run tells: `dvc exp run -S {argument}`."
