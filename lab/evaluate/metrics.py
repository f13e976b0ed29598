"""A task's metric over any choice of its items. In: rows as lab.evaluate.scores.item_row writes them. Out: the value
that lm-eval gives over all of them, with its standard error.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NOT_METRICS = {"doc_id", "doc_hash", "target", "arguments", "filtered_resps", "filter", "text"}
RATIOS = {"bits_per_byte", "byte_perplexity", "word_perplexity"}  # items are (log-likelihood, bytes or words)
PERPLEXITY = "perplexity"  # items are log-likelihoods of answers (LAMBADA)
LN2 = math.log(2)


@dataclass(frozen=True)
class Score:
    """A metric's value and one standard error; None where a single item gives none."""

    value: float
    error: float | None


def metrics_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics that items carry: numbers, or (log-likelihood, bytes or words) pairs.

    Left out are those that are neither a mean nor a ratio over the items, such as Matthews's correlation.
    """
    first = rows[0] if rows else {}
    return [name for name, value in first.items() if name not in NOT_METRICS and _measured(name, value)]


def score(metric: str, rows: Sequence[Mapping[str, Any]]) -> Score | None:
    """The metric over these items; None over none.

    A pair is a ratio of sums: bits per byte where the metric says so, else a perplexity. Its standard error is the
    linearised one of a ratio (Cochran 1977, section 6.4), that of a perplexity by the delta method.
    """
    values = [row[metric] for row in rows]
    if not values:
        return None
    if isinstance(values[0], list):
        return _ratio_score(metric, np.asarray(values, np.float64))
    numbers = np.asarray(values, np.float64)
    mean = float(numbers.mean())
    error = float(numbers.std(ddof=1) / math.sqrt(len(numbers))) if len(numbers) > 1 else None
    if metric == PERPLEXITY:
        return Score(math.exp(-mean), error and error * math.exp(-mean))
    return Score(mean, error)


def _ratio_score(metric: str, pairs: np.ndarray) -> Score:
    """`pairs` float64 [items, 2]."""
    above, below = pairs.T
    value = float(above.sum() / below.sum())
    rests = above - value * below
    error = float(math.sqrt(len(above) / (len(above) - 1) * (rests**2).sum()) / below.sum()) if len(above) > 1 else None
    if metric == "bits_per_byte":
        return Score(-value / LN2, error and error / LN2)
    return Score(math.exp(-value), error and error * math.exp(-value))


def _measured(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return name in RATIOS and len(value) == 2 and all(isinstance(part, int | float) for part in value)
    return isinstance(value, bool | int | float)
