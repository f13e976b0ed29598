"""Other thresholds for the quality stage's stored statistics. In: `key=value` changes. Out: the parameters with them,
and a table of documents and bytes by verdict, now and then.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab import formatting as words
from lab.cli.terminal import Table
from lab.curate.quality import BY_NAME, measured
from lab.curate.quality.params import FilterParams, QualityParams, merged
from lab.curate.quality.thresholds import changes_text
from lab.documents import read_table, shards
from lab.errors import InputError, ParameterError, did_you_mean
from lab.experiments import overrides
from lab.files import read_json
from lab.params_yaml import check


def changed(params: QualityParams, changes: Iterable[str]) -> QualityParams:
    """The parameters with changes such as `quality.gopher.min_words=30`. ParameterError if one can't be answered."""
    values = {"quality": params.model_dump(mode="json")}
    for change in changes:
        key, equals, text = change.partition("=")
        if not (key and equals and text):
            raise ParameterError(f"what-if: '{change}' is no change; write key=value: quality.gopher.min_words=30.")
        filters, common = _addressed(key, params)
        if common not in answerable(filters):
            raise ParameterError(f"what-if: {_why_not(key, params)}")
        try:
            nested = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            raise ParameterError(f"what-if: '{change}': the value is not YAML.") from None
        for part in reversed(key.split(".")):
            nested = {part: nested}
        values = merged(values, nested)
    then = check(values, "what-if").quality
    _check_filters(params, then)
    return then


def outcomes(folder: Path, params: QualityParams, title: str, bytes_per_token: float | None) -> Table:
    """Documents and tokens (bytes where `bytes_per_token` is None) by verdict, kept first, then the most frequent.

    Now: in the output `folder` of the quality stage; what if: with `params`. Tokens are those of the filtered texts.
    """
    now, then, bytes_now, bytes_then = Counter(), Counter(), Counter(), Counter()  # by reason; None: kept
    for path in shards(folder / measured.FOLDER):
        table = read_table(path)
        reasons = table["reason"].to_pylist(), measured.reasons(table, params)
        for size, before, after in zip(table["bytes"].to_pylist(), *reasons, strict=True):
            now[before] += 1
            then[after] += 1
            bytes_now[before] += size
            bytes_then[after] += size

    def text(size: int) -> str:
        return words.short(round(size / bytes_per_token)) if bytes_per_token else words.size(size)

    rows = [
        (
            reason or "kept",
            words.count(now[reason]),
            words.count(then[reason]),
            f"{then[reason] - now[reason]:+,}" if then[reason] != now[reason] else "0",
            text(bytes_now[reason]),
            text(bytes_then[reason]),
        )
        for reason in sorted({None, *now, *then}, key=lambda name: (name is not None, -now[name], -then[name], name))
    ]
    kind = "tokens (estimated)" if bytes_per_token else "text"
    return Table(title, ("verdict", "documents now", "what if", "change", f"{kind} now", "what if"), tuple(rows))


def bytes_per_token(root: Path) -> float | None:
    """Of held-out text, as the tokenizer stage measured it; None before it has run."""
    try:
        metrics = read_json(root / "reports" / "tokenizer.json")
    except InputError:
        return None
    return words.number(metrics.get("bytes_per_token")) if isinstance(metrics, dict) else None


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
