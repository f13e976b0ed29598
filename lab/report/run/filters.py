"""What filters measured: in, data/language and data/quality/statistics/; out, a histogram of each with its thresholds.

Languages may have thresholds of their own: documents with the same thresholds are shown together. Heights are
logarithmic: few documents lie near a threshold, and a linear scale would not show them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from lab.curate.quality import BY_NAME, measured
from lab.curate.quality.params import QualityParams, for_language
from lab.curate.quality.thresholds import Rule
from lab.documents import read_table, shards
from lab.formatting import count, label, percent, short
from lab.params import LanguageParams
from lab.report.axes import Axes, Axis, ticks
from lab.report.svg import NARROW

SHOWN = 6  # sets of thresholds
BINS = 36
WIDE_RANGE = 50  # a maximum this many times the median (of counts or lengths) asks for bins that grow
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
        by_statistic: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            by_statistic[rule.statistic].append(rule)
        pictures = []
        for statistic, limits in by_statistic.items():
            values = [_values(path, mask, f"{name}.{statistic}") for path, mask in zip(paths, masks, strict=True)]
            pictures.append(_statistic(TITLES[name], limits, values))
        filters[name] = [statistic for statistic in pictures if statistic]
    return Alike({language or UNKNOWN: n for language, n in languages.items()}, filters)


def _statistic(title: str, rules: list[Rule], by_shard: list[np.ndarray]) -> Statistic | None:
    """The histogram of one statistic, of the values of all shards; None where nothing was measured."""
    values = np.concatenate(by_shard) if by_shard else np.empty(0, np.float32)
    if not len(values):
        return None
    limits = {rule: rule.limit for rule in rules if rule.limit is not None}
    caption = "; ".join(
        f"{rule.parameter} {short(limit)} cuts off {percent(cut_off(values, rule))}" for rule, limit in limits.items()
    )
    name, _, n = rules[0].statistic.partition(".")
    name = label(name.replace("ngram", f"{n}-gram"))  # top_ngram_share.2 -> top 2-gram share
    drawing = picture(f"{title}: {name}. {caption or 'No threshold'}", histogram(values, [*limits.values()]), rules)
    return Statistic(name, caption or "no threshold", drawing)


def _among(path: Path, languages: Iterable[str | None]) -> np.ndarray:
    """Whether a document is in one of the languages, bool [documents]."""
    return pc.is_in(read_table(path, ["language"])["language"], pa.array(list(languages), pa.string())).to_numpy()


def _values(path: Path, mask: np.ndarray, column: str) -> np.ndarray:
    """What was measured of the documents in `mask`, float32."""
    values = pc.cast(read_table(path, [column])[column], "float32").to_numpy()
    return values[mask & ~np.isnan(values)]


@dataclass(frozen=True)
class Histogram:
    """Documents by bin: `counts` [bins], between `edges` [bins + 1]; `logarithmic`: bins of equal ratios."""

    counts: list[int]
    edges: list[float]
    logarithmic: bool


def histogram(values: np.ndarray, limits: list[float]) -> Histogram:
    """Of float32 `values` [documents, at least one], over a range that includes the limits."""
    low, high = (float(f([f(values), *limits])) for f in (np.min, np.max))
    median = float(np.median(values))
    logarithmic = high > 20 and median > 0 and high > WIDE_RANGE * median
    whole = bool((values == np.round(values)).all())
    if logarithmic:
        low = max(low, 1.0 if whole else 0.1)
        edges = np.geomspace(low, high * (1 + 1e-6), BINS + 1)
    elif whole and high - low < BINS:
        edges = np.arange(math.floor(low), math.floor(high) + 2, dtype=float)
    else:
        edges = np.linspace(min(low, 0.0), high if high > min(low, 0.0) else low + 1, BINS + 1)
    counts, _ = np.histogram(np.clip(values.astype(np.float64), edges[0], edges[-1]), edges)
    return Histogram(counts.tolist(), edges.tolist(), logarithmic)


def cut_off(values: np.ndarray, rule: Rule) -> float:
    """The share of the values that a rule refuses, other rules aside."""
    if rule.limit is None or not len(values):
        return 0.0
    limit = np.float32(rule.limit)
    return float(np.mean(values < limit if rule.least else values > limit))


def picture(title: str, bins: Histogram, rules: list[Rule]) -> Markup:
    """The histogram; what a rule cuts off is shaded."""
    low, high, most = bins.edges[0], bins.edges[-1], max(bins.counts)
    if bins.logarithmic:
        marks = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    else:
        marks = [tick for tick in ticks(low, high) if low <= tick <= high]
    across = Axis("", low, high, marks, place=math.log if bins.logarithmic else float, grid=False)
    down = Axis("documents", 0, most, [10**power for power in range(len(str(most)))], place=math.log1p)
    axes = Axes(NARROW, 130.0, across, down, left=46.0, right=10.0)
    limits = [(rule, rule.limit) for rule in rules if rule.limit is not None]
    for rule, limit in limits:
        axes.band(low if rule.least else limit, limit if rule.least else high, "cut")
    for number, start, end in zip(bins.counts, bins.edges, bins.edges[1:], strict=False):
        if number:
            tip = f"{short(float(f'{start:.3g}'))} to {short(float(f'{end:.3g}'))}: {count(number)} documents"
            axes.bar((start, end), (0, number), "f1", tip, gap=0.5)
    for rule, limit in limits:
        axes.line([(limit, 0), (limit, most)], "mark", f"{rule.parameter}: {short(limit)}")
    return Markup('<div class="narrow">{}</div>').format(axes.picture(title))
