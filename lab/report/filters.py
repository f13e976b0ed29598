"""The quality filters' statistics: in, data/quality/statistics/; out, a histogram of each with its thresholds.

Languages may have thresholds of their own: shown are the documents of those that go by the most frequent one's.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup

from lab.curate import rules, statistics
from lab.curate.languages import for_language
from lab.documents import read_table, shards
from lab.report import words
from lab.report.histogram import cut_off, histogram, picture

NAMES = {"repetition": "Gopher repetition", "gopher": "Gopher quality", "c4": "C4", "fineweb": "FineWeb"}


@dataclass(frozen=True)
class Statistic:
    """One histogram and what it says of its thresholds, such as "min_words 50 cuts off 12 %"."""

    name: str
    caption: str
    drawing: Markup


@dataclass(frozen=True)
class Filters:
    """Histograms by filter, of so many documents; those of other thresholds, left out, by language."""

    documents: int
    groups: dict[str, list[Statistic]]
    left_out: dict[str, int]


def read_filters(folder: Path) -> Filters | None:
    """What the quality stage's output `folder` holds of statistics; None where it holds none.

    One statistic at a time is held in memory. InputError for a broken shard.
    """
    if not any((folder / statistics.FOLDER).glob("*.parquet")):
        return None
    paths = shards(folder / statistics.FOLDER)
    params = statistics.read_params(folder)
    languages: Counter[str | None] = Counter()
    for path in paths:
        languages.update(read_table(path, ["language"])["language"].to_pylist())
    if not languages:
        return None
    limits = {language: rules.enabled(for_language(params, language)) for language in languages}
    chosen = min(languages, key=lambda language: (-languages[language], language or ""))
    alike = {language for language in languages if limits[language] == limits[chosen]}
    groups = {
        name: [made for of in _by_statistic(found) if (made := _statistic(paths, name, of, alike))]
        for name, found in limits[chosen].items()
    }
    others = {language or "unknown": count for language, count in languages.items() if language not in alike}
    return Filters(sum(languages[language] for language in alike), groups, dict(sorted(others.items())))


def _by_statistic(found: list[rules.Rule]) -> list[list[rules.Rule]]:
    """The rules, those of one statistic together."""
    groups: dict[str, list[rules.Rule]] = {}
    for rule in found:
        groups.setdefault(rule.statistic, []).append(rule)
    return list(groups.values())


def _statistic(paths: list[Path], name: str, of: list[rules.Rule], alike: set[str | None]) -> Statistic | None:
    values = np.concatenate([_values(path, f"{name}.{of[0].statistic}", alike) for path in paths])
    if not len(values):
        return None
    limits = [float(rule.limit) for rule in of if rule.limit is not None]
    caption = "; ".join(
        f"{rule.parameter} {words.short(rule.limit)} cuts off {words.percent(cut_off(values, rule))}"
        for rule in of
        if rule.limit is not None
    )
    label = _label(of[0].statistic)
    drawing = picture(f"{NAMES[name]}: {label}. {caption or 'No threshold'}", histogram(values, limits), of)
    return Statistic(label, caption or "no threshold", drawing)


def _label(statistic: str) -> str:
    """top_ngram_share.2 -> top 2-gram share."""
    name, _, n = statistic.partition(".")
    return words.label(name.replace("ngram", f"{n}-gram"))


def _values(path: Path, column: str, alike: set[str | None]) -> np.ndarray:
    """What was measured [documents], float32, in the languages of `alike`."""
    table = read_table(path, ["language", column])
    wanted = np.array([language in alike for language in table["language"].to_pylist()], bool)
    values = pc.cast(table[column], "float32").to_numpy()
    return values[wanted & ~np.isnan(values)]
