"""How far the difference between two arms of runs may be from the truth: items resampled, seeds drawn.

In: values of two arms [..., seeds, items] on the same items. Out: the difference, and its deviations by chance. Items
are resampled with replacement, the same for both arms (paired bootstrap: Efron and Tibshirani 1993). Seeds are too few
to resample (the variance of three is a third too small): their part is drawn from the variance between runs, itself
uncertain (scaled inverse chi-square), as in a t-test, minus what the items have counted already: in a crossed design,
both contain the residual variance once (Owen 2007).
"""

from dataclasses import dataclass

import numpy as np

AT_ONCE = 1 << 24  # numbers in a block of resampling counts


@dataclass(frozen=True)
class Variances:
    """Estimated, of the difference between two arms; [...]. What seeds add is `seeds` - `rest`, where positive."""

    items: np.ndarray  # due to the choice of items, the rest included
    seeds: np.ndarray  # due to the choice of runs, the rest included; 0 where each arm has one run
    rest: np.ndarray  # what neither items nor seeds explain: an item's luck in one run
    per_seed: np.ndarray  # variance of one run's score about its arm's mean
    freedom: int  # of `seeds`, degrees of freedom


def scores(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each run's score, [..., seeds, items] -> [..., seeds]."""
    return values.sum(-1) / weights.sum()


def difference(baseline: np.ndarray, variant: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean score of the variant's runs minus that of the baseline's, [...]."""
    return scores(variant, weights).mean(-1) - scores(baseline, weights).mean(-1)


def variances(baseline: np.ndarray, variant: np.ndarray, weights: np.ndarray) -> Variances:
    """The variance of each part. Needs at least two items."""
    count, total = len(weights), weights.sum()
    by_item = variant.mean(-2) - baseline.mean(-2)
    rests = by_item - difference(baseline, variant, weights)[..., None] * weights
    items = count / (count - 1) * (rests**2).sum(-1) / total**2
    runs = [baseline.shape[-2], variant.shape[-2]]
    freedom = sum(runs) - 2
    if freedom == 0:
        nothing = np.zeros_like(items)
        return Variances(items, nothing, nothing, nothing, 0)
    per_seed = (_between(scores(baseline, weights)) + _between(scores(variant, weights))) / freedom
    rest = (_unexplained(baseline, weights) + _unexplained(variant, weights)) / freedom
    share = sum(1 / number for number in runs)
    return Variances(items, per_seed * share, rest * share, per_seed, freedom)


def item_deviations(
    baseline: np.ndarray, variant: np.ndarray, weights: np.ndarray, number: int, random: np.random.Generator
) -> np.ndarray:
    """Deviations of the difference over `number` resamples of the items, [number, ...]."""
    by_item = variant.mean(-2) - baseline.mean(-2)
    count = len(weights)
    columns = by_item.reshape(-1, count).T
    at_once = max(1, AT_ONCE // count)
    blocks = []
    for size in (min(at_once, number - first) for first in range(0, number, at_once)):
        drawn = random.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)
        blocks.append((counts @ columns) / (counts @ weights)[:, None])
    resampled = np.concatenate(blocks).reshape(number, *by_item.shape[:-1])
    return resampled - difference(baseline, variant, weights)


def seed_deviations(known: Variances, number: int, random: np.random.Generator) -> np.ndarray:
    """What the runs' seeds add, drawn `number` times, [number, ...]; 0 where items explain the runs."""
    shape = (number, *np.shape(known.seeds))
    if known.freedom == 0:
        return np.zeros(shape)
    drawn = known.seeds * known.freedom / random.chisquare(known.freedom, shape)
    extra = np.where(known.seeds > known.rest, np.maximum(drawn - known.rest, 0), 0)
    return random.standard_normal(shape) * np.sqrt(extra)


def interval(point: np.ndarray, deviations: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """The interval that holds the truth with probability `level` (basic bootstrap: deviations are turned round)."""
    low, high = np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return point - high, point - low


def p_value(point: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """How often chance alone gives a difference at least as large, either way."""
    beyond = (np.abs(deviations) >= np.abs(point)).sum(axis=0)
    return (1 + beyond) / (1 + len(deviations))


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected for the number of tests (Holm 1979), [tests]."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def _between(of_runs: np.ndarray) -> np.ndarray:
    return ((of_runs - of_runs.mean(-1, keepdims=True)) ** 2).sum(-1)


def _unexplained(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over runs of the variance of a run's score that comes from its items' luck in it alone, times its freedom."""
    of_runs = scores(values, weights)
    expected = values.mean(-2, keepdims=True) + (of_runs - of_runs.mean(-1, keepdims=True))[..., None] * weights
    count = len(weights)
    return ((values - expected) ** 2).sum((-2, -1)) * count / (count - 1) / weights.sum() ** 2
