"""What a model answered, item by item, as a table that a person can look through.

In: rows of data/evaluate/<task>.jsonl, as lab.evaluate.scores.item_row writes them. Out: columns and rows, bounded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.evaluate.metrics import metrics_of

MOST_ROWS = 200  # of a task
MOST_CHARACTERS = 600  # of a text, its last ones


@dataclass(frozen=True)
class ItemTable:
    columns: list[str]
    rows: list[list[Any]]


def item_tables(folder: Path) -> dict[str, ItemTable]:
    """task -> its first items, of a folder as the stage `evaluate` leaves it."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows = []
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file:
                rows.append(json.loads(line))
                if len(rows) == MOST_ROWS:
                    break
        if rows:
            metrics = metrics_of(rows)
            found[path.stem] = ItemTable(
                ["item", "asked", "right", "answered", *metrics], [_row(row, metrics) for row in rows]
            )
    return found


def _row(row: Mapping[str, Any], metrics: list[str]) -> list[Any]:
    pairs, answers = row.get("arguments") or [["", ""]], row.get("filtered_resps") or [None]
    contexts = {pair[0] for pair in pairs}
    # Where the choices share no context, what differs is the whole: minimal pairs, say.
    choices = [pair[-1] if len(contexts) == 1 else "".join(pair) for pair in pairs]
    right, answered = row.get("target"), answers[0]
    if len(pairs) > 1 and len(answers) >= len(pairs):
        likelihoods = [answer[0] for answer in answers[: len(pairs)]]
        answered = choices[likelihoods.index(max(likelihoods))]
        right = choices[right] if isinstance(right, int) and right < len(choices) else right
    asked = pairs[0][0] if len(contexts) == 1 else ""
    return [
        row.get("doc_id"),
        _shown(asked),
        _shown(right),
        _shown(answered),
        *(_number(row[name]) for name in metrics),
    ]


def _number(value: Any) -> float:
    """A metric of one item; of a log-likelihood and its units, their ratio."""
    if isinstance(value, list):
        return round(value[0] / value[1], 6) if value[1] else 0.0
    return float(value)


def _shown(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"…{text[-MOST_CHARACTERS:]}"
