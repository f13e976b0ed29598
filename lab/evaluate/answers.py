"""What a model answered to each item of each task, and which items several models have in common.

In: rows of data/evaluate/<task>.jsonl, as lab.evaluate.results writes them. Out: Answer (one item: choices, the right
one, the chosen one), Items (a task's numbers, for comparisons) and tables for people.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lab.evaluate.scores import BITS, COMPARED, LN2, higher_is_better, item_metrics, number
from lab.files import read_json_lines

TABLE_ROWS = 200  # of a task
TABLE_CHARACTERS = 600  # of a text, its last ones
_MUTUAL = "acc_mutual_info"  # asks for each choice twice: first with the context, then without


@dataclass(frozen=True)
class Answer:
    """One item and what the model answered."""

    context: str | None  # what all choices follow; None where it differs, and is part of the choices
    choices: list[str]
    likelihoods: list[float | None]  # log-likelihood of each choice, nats; None where the answer is a text
    right: int | None  # place in `choices`
    chosen: int | None  # the most likely of several choices


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


@dataclass(frozen=True)
class Matched:
    """The items that all runs of two arms answered: values [seeds, items] of each."""

    metric: str
    baseline: np.ndarray
    variant: np.ndarray
    weights: np.ndarray
    chance: float | None


def model_folder(label: str) -> str:
    """The name of the folder with another model's answers, by the model's label."""
    return label.replace("/", "--")


def task_files(output: Path | Mapping[str, Path], model: str | None = None) -> dict[str, Path]:
    """task -> file of answers of one of evaluate.models, or of the project's own model.

    `output`: the folder that the stage left, or {relative path: file} where DVC's cache has it.
    """
    if isinstance(output, Path):
        output = {path.relative_to(output).as_posix(): path for path in output.rglob("*.jsonl")}
    folder = f"models/{model_folder(model)}" if model else "."
    files = {PurePosixPath(name): path for name, path in sorted(output.items()) if name.endswith(".jsonl")}
    return {name.stem: path for name, path in files.items() if str(name.parent) == folder}


def once(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each item once: lm-eval logs an item for each of a task's filters, and the first counts."""
    return [row for row in rows if row.get("filter") == rows[0].get("filter")]


def chance_level(items: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of right answers that guessing gives, for rows or lm-eval's samples; None without choices."""
    sizes = [len(_choices(item)) for item in items]
    return sum(1 / size for size in sizes) / len(sizes) if sizes and min(sizes) > 1 else None


def read_answer(row: Mapping[str, Any]) -> Answer:
    """A row as a person reads it."""
    pairs = _choices(row)
    shared = len({pair[0] for pair in pairs}) == 1
    choices = ["".join(pair[1:] if shared else pair) for pair in pairs]
    responses = [*(row.get("filtered_resps") or []), *[None] * len(pairs)][: len(pairs)]
    likelihoods = [number(answer[0]) if isinstance(answer, list) and answer else None for answer in responses]
    known = [value for value in likelihoods if value is not None]
    chosen = likelihoods.index(max(known)) if len(known) == len(pairs) > 1 else None
    return Answer(pairs[0][0] if shared else None, choices, likelihoods, _right(row, len(pairs)), chosen)


def item_text(row: Mapping[str, Any]) -> str:
    """What a model would have to have seen to know an item: its question with the right answer, or a passage's text.

    It stands in `text` where the arguments do not show it (lab.evaluate.results).
    """
    return row["text"] if "text" in row else "".join(row["arguments"][_right(row, len(row["arguments"])) or 0])


def read_run(files: Mapping[str, Path]) -> dict[str, Items]:
    """task -> Items, of the files of one run (`task_files`). InputError names a broken file and its line."""
    runs = ((task, read_items(read_json_lines(path))) for task, path in files.items())
    return {task: items for task, items in runs if items is not None}


def read_items(rows: Iterable[Mapping[str, Any]]) -> Items | None:
    """The items of one task; None where its rows have no metric that can be compared item by item."""
    rows = once([row for row in rows if isinstance(row, dict) and "doc_hash" in row])
    counts: Counter[str] = Counter()
    keys = []
    for item in (str(row["doc_hash"]) for row in rows):
        keys.append((item, counts[item]))
        counts[item] += 1
    for metric in (*COMPARED, "byte_perplexity"):
        values = _values(rows, metric)
        if values is not None and values.ndim == 2:  # (log-likelihood, bytes): bits, or a perplexity, per byte
            return Items(BITS, tuple(keys), -values[:, 0] / LN2, values[:, 1], None)
        if values is not None:
            chance = chance_level(rows) if higher_is_better(metric) else None
            return Items(metric, tuple(keys), values, np.ones(len(values)), chance)
    return None


def match(baseline: Sequence[Items], variant: Sequence[Items]) -> Matched | None:
    """The items that all have in common, in the first run's order; None where the runs measured different things."""
    runs = [*baseline, *variant]
    if len({run.metric for run in runs}) > 1:
        return None
    places = [{key: place for place, key in enumerate(run.keys)} for run in runs]
    common = [key for key in runs[0].keys if all(key in place for place in places)]
    orders = [np.array([place[key] for key in common], np.int64) for place in places]
    values = np.array([run.values[order] for run, order in zip(runs, orders, strict=True)])
    arms = values[: len(baseline)], values[len(baseline) :]
    return Matched(runs[0].metric, *arms, runs[0].weights[orders[0]], runs[0].chance)


def item_tables(files: Mapping[str, Path]) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """task -> its first answers as columns and rows, for a person to look through."""
    tables = {}
    for task, path in files.items():
        with open(path, encoding="utf-8", newline="\n") as file:
            rows = once([json.loads(line) for line, _ in zip(file, range(TABLE_ROWS), strict=False)])
        metrics = item_metrics(rows)
        if rows:
            columns = ["item", "asked", "right", "answered", *metrics]
            tables[task] = columns, [_table_row(row, metrics) for row in rows]
    return tables


def _table_row(row: Mapping[str, Any], metrics: Sequence[str]) -> list[Any]:
    answer = read_answer(row)
    several = len(answer.choices) > 1
    right = answer.choices[answer.right] if several and answer.right is not None else row.get("target")
    response = next(iter(row.get("filtered_resps") or ()), None)
    answered = response if answer.chosen is None else answer.choices[answer.chosen]
    texts = ["" if value is None else str(value) for value in (answer.context, right, answered)]
    endings = [text if len(text) <= TABLE_CHARACTERS else f"…{text[-TABLE_CHARACTERS:]}" for text in texts]
    return [row.get("doc_id"), *endings, *(_item_value(row[name]) for name in metrics)]


def _item_value(value: Any) -> float:
    """A metric of one item; of a log-likelihood and its units, their ratio."""
    if isinstance(value, list):
        return round(value[0] / value[1], 6) if value[1] else 0.0
    return float(value)


def _choices(item: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """The (context, continuation) of each choice."""
    arguments = item.get("arguments") or []
    return arguments[: len(arguments) // 2] if _MUTUAL in item else arguments


def _right(row: Mapping[str, Any], choices: int) -> int | None:
    """Which choice is right, where the target says so: a number, or one as text."""
    target = row.get("target")
    if isinstance(target, str) and target.strip().isdecimal():
        target = int(target)
    known = isinstance(target, int) and not isinstance(target, bool) and 0 <= target < choices
    return target if known else None


def _values(rows: Sequence[Mapping[str, Any]], metric: str) -> np.ndarray | None:
    """A metric's numbers [items], or pairs [items, 2]; None unless each item has one that can be added up."""
    try:
        values = np.array([row[metric] for row in rows], np.float64)
    except (KeyError, TypeError, ValueError):
        return None
    pairs = values.ndim == 2 and values.shape[1] == 2 and values[:, 1].all()
    return values if len(values) and np.isfinite(values).all() and (values.ndim == 1 or pairs) else None
