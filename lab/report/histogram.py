"""Histograms with thresholds. In: the values of one statistic and its limits; out, a small picture and what is cut off.

Heights are logarithmic: few documents lie near a threshold, and a linear scale would not show them.
"""

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.curate.quality.thresholds import Rule
from lab.formatting import count, short
from lab.report.axes import Axes, Axis, ticks
from lab.report.svg import NARROW

BINS = 36
_WIDE_RANGE = 50  # a maximum this many times the median (of counts or lengths) asks for bins that grow


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
    logarithmic = high > 20 and median > 0 and high > _WIDE_RANGE * median
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
