"""What a run left behind, as data classes: in, reports/*.json and reports/train/curve.csv; out, what sections show.

Nothing here fails on what is missing: a stage that has not run, or a broken file, becomes a line in `problems`.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lab import formatting as words
from lab.documents import Counts
from lab.errors import InputError
from lab.files import read_json

CURATION = ("index", "url_filter", "extract", "language", "quality", "dedup", "pii")
MODELLING = ("dataset", "tokenizer", "tokenize", "train", "export", "evaluate", "contamination")
STAGES = ("crawl", *CURATION, *MODELLING, "report")


@dataclass
class Run:
    """Where a run's files lie, and the metrics that its stages wrote."""

    data: Path
    reports: Path
    metrics: dict[str, dict] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def get(self, stage: str, *names: str) -> Any:
        """The first of the named metrics that the stage wrote, at its top level or one below; None without."""
        found = self.metrics.get(stage, {})
        levels = [found, *(value for value in found.values() if isinstance(value, dict))]
        return next((level[name] for name in names for level in levels if level.get(name) is not None), None)

    def counts(self, stage: str) -> Counts | None:
        """The documents that went in and out of a stage, where its metrics tell."""
        found = self.metrics.get(stage, {})
        nested = (value for value in found.values() if isinstance(value, dict))
        level = next((level for level in (found, *nested) if "documents_in" in level), None)
        if level is None:
            return None
        return Counts(
            documents_in=_whole(level.get("documents_in")),
            documents_out=_whole(level.get("documents_out")),
            bytes_in=_whole(level.get("bytes_in")),
            bytes_out=_whole(level.get("bytes_out")),
            removed=_whole_numbers(level.get("removed")),
            changed=_whole_numbers(level.get("changed")),
        )

    def documents(self, stage: str) -> int | None:
        """Documents that came out of a stage."""
        known = self.counts(stage)
        return known.documents_out if known else None


@dataclass(frozen=True)
class Curve:
    """One training run: (tokens, value) points."""

    loss: list[tuple[float, float]]
    validation_loss: list[tuple[float, float]]
    learning_rate: list[tuple[float, float]]

    @property
    def empty(self) -> bool:
        return not (self.loss or self.validation_loss)


def collect(data: Path, reports: Path) -> Run:
    """Read every stage's metrics."""
    run = Run(data, reports)
    for stage in STAGES[:-1]:
        path = reports / f"{stage}.json"
        if not path.exists():
            run.problems.append(f"{stage}: {path.name} is not there: the stage has not run.")
            continue
        try:
            found = read_json(path)
        except InputError as error:
            run.problems.append(f"{stage}: {error}")
            continue
        if isinstance(found, dict):
            run.metrics[stage] = found
        else:
            run.problems.append(f"{stage}: {path.name} holds no metrics.")
    return run


def read_curve(path: Path) -> Curve:
    """The training curve: rows of step, tokens, loss, validation_loss, learning_rate; blanks where not measured."""
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


def objects(lines: Iterable[str]) -> Iterator[dict]:
    """The objects of JSON lines, broken lines left out."""
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def read_lines(path: Path, limit: int | None = None) -> list[dict]:
    """The objects of a JSON-lines file, broken lines left out; at most `limit`."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        return list(islice(objects(file), limit))


def open_shard(path: Path) -> pq.ParquetFile:
    """A shard to read, with only the columns that its schema has. InputError where it is broken."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable shard ({error}).") from error


def _float(value: Any) -> float | None:
    try:
        return words.number(float(value))
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int:
    return int(words.number(value) or 0)


def _whole_numbers(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {str(key): int(found) for key, raw in value.items() if (found := words.number(raw)) is not None}
