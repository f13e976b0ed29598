"""What a model scored on each item of each task, and which items two models have in common.

In: rows of data/evaluate/<task>.jsonl. Out: numbers, the same items in the same order for every model. Of a task's
metrics one is compared: accuracy where it has one, else bits per byte (which, unlike perplexity, does not depend on
the tokenizer).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.errors import InputError
from lab.files import read_json_lines

RIGHT = ("acc", "exact_match", "acc_norm", "f1")  # in the order of preference
BITS = "bits_per_byte"
_IN_BITS = ("bits_per_byte", "byte_perplexity")  # items of both are (log-likelihood, bytes)


@dataclass(frozen=True)
class Items:
    """One model's answers to one task: score = sum of values / sum of weights.

    Accuracy: right (1) or wrong (0), and 1. Bits per byte: a text's bits, and its bytes.
    """

    metric: str
    keys: tuple[tuple[str, int], ...]  # an item's hash, and which of those with the same hash
    values: np.ndarray  # [items]
    weights: np.ndarray  # [items]
    chance: float | None  # score of guessing; None where there is nothing to choose from

    @property
    def higher_is_better(self) -> bool:
        return self.metric != BITS


@dataclass(frozen=True)
class Matched:
    """The items that all runs of two arms answered: values [seeds, items] of each."""

    metric: str
    baseline: np.ndarray
    variant: np.ndarray
    weights: np.ndarray
    chance: float | None
    unmatched: int  # items that some run has and some has not

    @property
    def higher_is_better(self) -> bool:
        return self.metric != BITS


def read_run(folder: Path) -> dict[str, Items]:
    """task -> items, of a folder as the stage `evaluate` leaves it. InputError where there are none."""
    found = {}
    for path in sorted(Path(folder).glob("*.jsonl")):
        items = read_items(read_json_lines(path))
        if items is not None:
            found[path.stem] = items
    if not found:
        raise InputError(f"{folder}: no items (*.jsonl) with a metric here. Run `dvc repro evaluate`.")
    return found


def read_items(rows: Iterable[Mapping[str, Any]]) -> Items | None:
    """The items of one task; None where its rows have no metric that can be compared item by item."""
    rows = [row for row in rows if isinstance(row, dict) and "doc_hash" in row]
    first_filter = rows[0].get("filter") if rows else None
    rows = [row for row in rows if row.get("filter") == first_filter]
    metric = _metric(rows)
    if metric is None:
        return None
    seen: Counter[str] = Counter()
    keys, values, weights = [], [], []
    for row in rows:
        value, weight = _value(row[metric])
        item = str(row["doc_hash"])
        keys.append((item, seen[item]))
        seen[item] += 1
        values.append(value)
        weights.append(weight)
    name = BITS if metric in _IN_BITS else metric
    return Items(name, tuple(keys), np.array(values), np.array(weights), _chance(rows) if name != BITS else None)


def match(baseline: Sequence[Items], variant: Sequence[Items]) -> Matched | None:
    """The items that all have in common, in the first run's order; None where the runs measured different things."""
    runs = [*baseline, *variant]
    if len({run.metric for run in runs}) > 1:
        return None
    places = [{key: place for place, key in enumerate(run.keys)} for run in runs]
    common = [key for key in runs[0].keys if all(key in place for place in places)]
    every = set().union(*places)
    values = np.array(
        [[run.values[place[key]] for key in common] for run, place in zip(runs, places, strict=True)]
    ).reshape(len(runs), len(common))
    weights = np.array([runs[0].weights[places[0][key]] for key in common])
    arms = values[: len(baseline)], values[len(baseline) :]
    return Matched(runs[0].metric, *arms, weights, runs[0].chance, len(every) - len(common))


def _metric(rows: Sequence[Mapping[str, Any]]) -> str | None:
    for name in (*RIGHT, *_IN_BITS):
        if rows and all(name in row and _value(row[name]) is not None for row in rows):
            return name
    return None


def _value(raw: Any) -> tuple[float, float] | None:
    """(value, weight): a plain number counts once; (log-likelihood, bytes) become bits and bytes."""
    numbers = raw if isinstance(raw, list) else [raw]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        return None
    if not isinstance(raw, list):
        return float(raw), 1.0
    if len(raw) == 2 and raw[1]:
        return -float(raw[0]) / math.log(2), float(raw[1])
    return None


def _chance(rows: Sequence[Mapping[str, Any]]) -> float | None:
    sizes = [len(row.get("arguments") or ()) for row in rows]
    return sum(1 / size for size in sizes) / len(sizes) if sizes and min(sizes) > 1 else None
