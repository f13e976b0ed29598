"""Histograms with thresholds: in, the values of one statistic and its limits; out, a small picture and what is cut off.

Heights are on a logarithmic scale: a threshold stands where few documents are, which a plain one would not show.
"""

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab import formatting as words
from lab.curate.quality.thresholds import Rule
from lab.report import svg
from lab.report.charts import NARROW

BINS = 36
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 180.0, 46.0, 8.0, 24.0, 26.0  # pixels
_WIDE_RANGE = 50  # a maximum so many times the median, of counts or lengths, asks for bins that grow


@dataclass(frozen=True)
class Histogram:
    """Documents by bin: `counts` [bins], between `edges` [bins + 1], which grow by a factor where `logarithmic`."""

    counts: list[int]
    edges: list[float]
    logarithmic: bool


def histogram(values: np.ndarray, limits: list[float]) -> Histogram:
    """Of float32 `values` [documents, at least one], over a range that has the limits in it."""
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
    """The share of the values that a rule refuses, whatever other rules say."""
    if rule.limit is None or not len(values):
        return 0.0
    limit = np.float32(rule.limit)
    return float(np.mean(values < limit if rule.least else values > limit))


def picture(title: str, shown: Histogram, rules: list[Rule]) -> Markup:
    """The histogram; what a rule cuts off is shaded."""
    place = np.log if shown.logarithmic else np.asarray
    start, end = float(place(shown.edges[0])), float(place(shown.edges[-1]))
    bottom, right, most = HEIGHT - BOTTOM, NARROW - RIGHT, max(shown.counts)

    def across(value: float) -> float:
        share = (float(place(max(value, shown.edges[0]))) - start) / (end - start)
        return LEFT + min(share, 1.0) * (right - LEFT)

    def down(count: float) -> float:
        return bottom - math.log1p(count) / math.log1p(most) * (bottom - TOP)

    marks = [svg.text(0, 12, "documents", "axis")]
    for tick in (10**power for power in range(len(str(most)))):
        marks.append(svg.element("path", d=svg.path([(LEFT, down(tick)), (right, down(tick))]), class_="grid"))
        marks.append(svg.text(LEFT - 6, down(tick) + 4, words.short(tick), "tick", "end"))
    limits = [rule for rule in rules if rule.limit is not None]
    for rule in limits:
        ends = (LEFT, across(rule.limit)) if rule.least else (across(rule.limit), right)
        size = {"x": ends[0], "y": TOP, "width": ends[1] - ends[0], "height": bottom - TOP}
        marks.append(svg.element("rect", **size, class_="cut"))
    for count, low, high in zip(shown.counts, shown.edges, shown.edges[1:], strict=False):
        if count:
            width = max(1.0, across(high) - across(low) - 1)
            size = {"x": across(low), "y": down(count), "width": width, "height": bottom - down(count)}
            tip = f"{words.short(_three(low))} to {words.short(_three(high))}: {words.count(count)} documents"
            marks.append(svg.element("rect", **size, class_="f1", data_tip=tip))
    for rule in limits:
        ends = [(across(rule.limit), TOP - 4), (across(rule.limit), bottom)]
        tip = f"{rule.parameter}: {words.short(rule.limit)}"
        marks.append(svg.element("path", d=svg.path(ends), class_="mark", data_tip=tip))
    for tick in _ticks(shown):
        marks.append(svg.text(across(tick), bottom + 17, words.short(tick), "tick", "middle"))
    return Markup('<div class="narrow">{}</div>').format(svg.picture(title, NARROW, HEIGHT, *marks, class_="chart"))


def _ticks(shown: Histogram) -> list[float]:
    low, high = shown.edges[0], shown.edges[-1]
    if not shown.logarithmic:
        return [tick for tick in svg.ticks(low, high, 5) if low <= tick <= high]
    return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def _three(value: float) -> float:
    """Three significant digits, as a tip needs."""
    return float(f"{value:.3g}")
