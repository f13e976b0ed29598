"""What filters measured: in, data/language and data/quality/statistics/; out, a histogram of each with its thresholds.

Languages may have thresholds of their own: documents with the same thresholds are shown together.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from lab import formatting as words
from lab.curate.quality import BY_NAME, measured
from lab.curate.quality.params import QualityParams, for_language
from lab.curate.quality.thresholds import Rule
from lab.documents import read_table, shards
from lab.params import LanguageParams
from lab.report.histogram import cut_off, histogram, picture

SHOWN = 6  # sets of thresholds
UNKNOWN = "unknown"
TITLES = {name: module.TITLE for name, module in BY_NAME.items()}


@dataclass(frozen=True)
class Statistic:
    """One histogram, with a caption such as "min_words 50 cuts off 12 %"."""

    name: str
    caption: str
    drawing: Markup


@dataclass(frozen=True)
class Alike:
    """Documents with the same thresholds: how many of each language, and histograms by filter."""

    languages: dict[str, int]
    filters: dict[str, list[Statistic]]

    @property
    def documents(self) -> int:
        return sum(self.languages.values())


@dataclass(frozen=True)
class Filters:
    """Groups of documents, the largest first; `left_out`: documents by language of the groups that are not shown."""

    groups: list[Alike]
    left_out: dict[str, int]


def read_language(folder: Path, params: LanguageParams) -> Statistic | None:
    """How sure the model was of the documents in the kept languages; None where the output `folder` has none."""
    paths = [*folder.glob("*.parquet"), *(folder / "removed").glob("*.parquet")]
    scores = [_values(path, _among(path, params.keep), "language_score") for path in sorted(paths)]
    return _statistic("Language", [Rule("min_score", params.min_score)], scores)


def read_filters(folder: Path) -> Filters | None:
    """Histograms of the statistics in the quality stage's output `folder`; None if it has none.

    One statistic at a time is held in memory. InputError for a broken shard.
    """
    if not any((folder / measured.FOLDER).glob("*.parquet")):
        return None
    paths = shards(folder / measured.FOLDER)
    params = measured.read_params(folder)
    languages: Counter[str | None] = Counter()
    for path in paths:
        languages.update(read_table(path, ["language"])["language"].to_pylist())
    if not languages:
        return None
    by_limits: dict[str, list[str | None]] = {}
    for language in sorted(languages, key=lambda language: (-languages[language], language or "")):
        by_limits.setdefault(repr(for_language(params, language).rules), []).append(language)
    groups = sorted(by_limits.values(), key=lambda alike: -sum(languages[language] for language in alike))
    largest = [_alike(paths, params, {language: languages[language] for language in alike}) for alike in groups[:SHOWN]]
    others = [language for alike in groups[SHOWN:] for language in alike]
    return Filters(largest, {language or UNKNOWN: languages[language] for language in others})


def _alike(paths: list[Path], params: QualityParams, languages: dict[str | None, int]) -> Alike:
    """Languages, most documents first, that have the thresholds of the first."""
    filters, masks = {}, [_among(path, languages) for path in paths]
    for name, rules in for_language(params, next(iter(languages))).rules.items():
        values = (
            (group, [_values(*shard, f"{name}.{group[0].statistic}") for shard in zip(paths, masks, strict=True)])
            for group in _by_statistic(rules)
        )
        pictures = (_statistic(TITLES[name], group, by_shard) for group, by_shard in values)
        filters[name] = [statistic for statistic in pictures if statistic]
    return Alike({language or UNKNOWN: count for language, count in languages.items()}, filters)


def _by_statistic(rules: list[Rule]) -> list[list[Rule]]:
    """The rules, those of one statistic together."""
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.statistic, []).append(rule)
    return list(groups.values())


def _statistic(title: str, rules: list[Rule], by_shard: list[np.ndarray]) -> Statistic | None:
    """The histogram of one statistic, of the values of all shards; None where nothing was measured."""
    values = np.concatenate(by_shard) if by_shard else np.empty(0, np.float32)
    if not len(values):
        return None
    limiting = [rule for rule in rules if rule.limit is not None]
    limits = [float(rule.limit) for rule in limiting]
    caption = "; ".join(
        f"{rule.parameter} {words.short(rule.limit)} cuts off {words.percent(cut_off(values, rule))}"
        for rule in limiting
    )
    label = _label(rules[0].statistic)
    drawing = picture(f"{title}: {label}. {caption or 'No threshold'}", histogram(values, limits), rules)
    return Statistic(label, caption or "no threshold", drawing)


def _label(statistic: str) -> str:
    """top_ngram_share.2 -> top 2-gram share."""
    name, _, n = statistic.partition(".")
    return words.label(name.replace("ngram", f"{n}-gram"))


def _among(path: Path, languages: Iterable[str | None]) -> np.ndarray:
    """Whether a document is in one of the languages, bool [documents]."""
    return pc.is_in(read_table(path, ["language"])["language"], pa.array(list(languages), pa.string())).to_numpy()


def _values(path: Path, mask: np.ndarray, column: str) -> np.ndarray:
    """What was measured of the documents in `mask`, float32."""
    values = pc.cast(read_table(path, [column])[column], "float32").to_numpy()
    return values[mask & ~np.isnan(values)]
