"""What the stages of a run wrote. In: reports/*.json, reports/train/curve.csv and shards; out, data for the sections.

A missing or broken report is no error: it becomes a line in `problems`.
"""

import csv
import json
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from lab.documents import Counts
from lab.errors import InputError
from lab.files import read_json
from lab.formatting import number, whole
from lab.pipeline import NAMES


@dataclass
class Run:
    """The folders of a run, and the metrics that its stages wrote."""

    data: Path
    reports: Path
    metrics: dict[str, dict] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def get(self, stage: str, *names: str) -> Any:
        """The first of the named metrics that the stage wrote, at its top level or one below; None if there is none."""
        levels = self._levels(stage)
        return next((level[name] for name in names for level in levels if level.get(name) is not None), None)

    def counts(self, stage: str) -> Counts | None:
        """The documents that went in and out of a stage; None if its metrics have no counts."""
        level = next((level for level in self._levels(stage) if "documents_in" in level), None)
        if level is None:
            return None
        sizes = ("documents_in", "documents_out", "bytes_in", "bytes_out")
        sums = {name: whole(level.get(name)) or 0 for name in sizes}
        return Counts(
            **sums, removed=_whole_numbers(level.get("removed")), changed=_whole_numbers(level.get("changed"))
        )

    def _levels(self, stage: str) -> list[dict]:
        metrics = self.metrics.get(stage, {})
        return [metrics, *(value for value in metrics.values() if isinstance(value, dict))]


@dataclass(frozen=True)
class Curve:
    """One training run: (tokens, value) points."""

    loss: list[tuple[float, float]]
    validation_loss: list[tuple[float, float]]
    learning_rate: list[tuple[float, float]]


def collect(data: Path, reports: Path) -> Run:
    """Read the metrics of every stage before the report."""
    run = Run(data, reports)
    for stage in NAMES[: NAMES.index("report")]:
        path = reports / f"{stage}.json"
        try:
            metrics = read_json(path) if path.exists() else None
        except InputError as error:
            run.problems.append(f"{stage}: {error}")
            continue
        if isinstance(metrics, dict):
            run.metrics[stage] = metrics
        else:
            lacks = "holds no metrics" if path.exists() else "is missing: the stage has not run"
            run.problems.append(f"{stage}: {path.name} {lacks}.")
    return run


def read_curve(path: Path) -> Curve:
    """The training curve: rows of step, tokens, loss, validation_loss, learning_rate; blank where not measured."""
    curve = Curve([], [], [])
    if path.exists():
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                tokens = _float(row.get("tokens"))
                for name, points in vars(curve).items():
                    value = _float(row.get(name))
                    if tokens is not None and value is not None:
                        points.append((tokens, value))
    return curve


def read_lines(path: Path, limit: int | None = None) -> list[dict]:
    """At most `limit` objects of a JSON-lines file; empty if there is no file.

    Broken lines are skipped, unlike by lab.files: a file that is still being written may end in half a line.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        return list(islice(filter(None, map(_object, file)), limit))


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _float(text: str | None) -> float | None:
    try:
        return number(float(text or ""))
    except ValueError:
        return None


def _whole_numbers(values: Any) -> dict[str, int]:
    known = {str(key): whole(value) for key, value in values.items()} if isinstance(values, dict) else {}
    return {key: value for key, value in known.items() if value is not None}
