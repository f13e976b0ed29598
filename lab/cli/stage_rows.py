"""What a stage kept and removed, row by row: read as it is taken, so that memory holds a batch of two shards at most.

In: data/<stage>/*.parquet and data/<stage>/removed/*.parquet (the dataset's splits: data/dataset/<split>/*.parquet).
Out: Rows in the order of the crawl, a sample of them, their statistics, and documents for a terminal.
"""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from lab import formatting as words
from lab.cli.terminal import Table, harmless
from lab.documents import read_rows, text_bytes, text_digest
from lab.errors import InputError
from lab.pipeline import FILTERING

STAGES = (*FILTERING, "dataset")
KEPT = "kept"
NO_REASON = "unknown"
FACTS = ("status", "mime", "language", "language_score")  # shown of a document
NAME = attrgetter("name")  # of a path


@dataclass(frozen=True)
class Row:
    """A document or, before extraction, a record of the index. `reason`: why it was removed; None if it was kept."""

    url: str
    text: str | None  # None: the stage has no texts
    reason: str | None
    detail: str  # the measured value and the limit
    facts: dict[str, object]  # the other columns
    split: str | None  # of the dataset


def shards(folder: Path, *, kept: bool, removed: bool) -> list[list[Path]]:
    """For each input its shard of kept rows, of removed rows, or both. InputError if the folder has no shard at all."""
    splits = [folder] if any(folder.glob("*.parquet")) else sorted(folder.glob("*/"))
    groups = []
    for split in splits:
        if split.name != "removed":
            paths = [*split.glob("*.parquet")] if kept else []
            paths += (split / "removed").glob("*.parquet") if removed else []
            groups += [list(group) for _, group in groupby(sorted(paths, key=NAME), key=NAME)]
    if not groups and not any(folder.rglob("*.parquet")):
        raise InputError(f"{folder}: the stage has not run. Run `dvc repro {folder.name}`.")
    return groups


def read_stage(folder: Path, *, kept: bool = True, removed: bool = True) -> Iterator[Row]:
    """All rows, in the order of the crawl within a shard. InputError if the stage has not run."""
    for paths in shards(folder, kept=kept, removed=removed):
        yield from heapq.merge(*(_read(path, folder) for path in paths), key=_position)


def select(rows: Iterable[Row], reason: str | None, pattern: re.Pattern | None) -> Iterator[Row]:
    """The rows that were removed for a reason or family (`gopher` includes `gopher:min_words`) and match a pattern."""
    for row in rows:
        hit = pattern is None or pattern.search(row.url) or pattern.search(row.text or "")
        if hit and (reason is None or _is(row.reason, reason)):
            yield row


def require_reason(folder: Path, reason: str) -> None:
    """InputError, with the stage's reasons, if it removed nothing for `reason`."""
    paths = (path for group in shards(folder, kept=False, removed=True) for path in group)
    reasons = {row["reason"] or NO_REASON for path in paths for row in read_rows(path, ["reason"])}
    if not any(_is(name, reason) for name in reasons):
        known = f"it removed for: {', '.join(sorted(reasons))}" if reasons else "it removed nothing"
        raise InputError(f"{folder.name}: nothing was removed for '{reason}'; {known}.")


def sample(rows: Iterable[Row], number: int, seed: int) -> list[Row]:
    """`number` of the rows, chosen and ordered by the hash of seed and row: the same whatever the shards."""
    keyed = (
        (text_digest(f"{seed}\n{row.url}\n{row.facts.get('file')}\n{row.facts.get('offset')}"), n, row)
        for n, row in enumerate(rows)
    )
    return [row for _, _, row in heapq.nsmallest(number, keyed)]


def statistics(rows: Iterable[Row]) -> Table:
    """Number and length of the documents of each verdict: kept (by split), then reasons, the most frequent first."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    characters: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        name = row.reason or (f"{KEPT} ({row.split})" if row.split else KEPT)
        counts[name] += 1
        if row.text is not None:
            sizes[name] += text_bytes(row.text)
            characters[name].append(len(row.text))
    cells = [
        (
            name,
            words.count(counts[name]),
            words.share(counts[name], counts.total()),
            words.size(sizes[name]),
            words.count(median(characters[name]) if name in characters else None),
        )
        for name in sorted(counts, key=lambda name: (not name.startswith(KEPT), -counts[name], name))
    ]
    cells.append(("all", words.count(counts.total()), "", words.size(sizes.total()), ""))
    return Table("", ("verdict", "documents", "share", "text", "median characters"), tuple(cells))


def documents(rows: Iterable[Row], characters: int | None, pattern: re.Pattern | None) -> Iterator[RenderableType]:
    """The rows for a terminal: at most this number of characters of each text, with a hit of the pattern in view."""
    number = 0
    for number, row in enumerate(rows, 1):
        yield _document(number, row, characters, pattern)
    if not number:
        yield "No such documents."


def _read(path: Path, stage: Path) -> Iterator[Row]:
    removed = path.parent.name == "removed"
    place = path.parent.parent if removed else path.parent
    for values in read_rows(path):
        reason = values.pop("reason", None)
        yield Row(
            url=values.pop("url", None) or "",
            text=(values.pop("text") or "") if "text" in values else None,
            reason=(reason or NO_REASON) if removed else None,
            detail=values.pop("detail", None) or "",
            facts=values,
            split=place.name if place != stage else None,
        )


def _position(row: Row) -> tuple[str, int]:
    return str(row.facts.get("file") or ""), int(row.facts.get("offset") or 0)  # type: ignore[call-overload]


def _is(reason: str | None, family: str) -> bool:
    return reason is not None and (reason == family or reason.startswith(f"{family}:"))


def _document(number: int, row: Row, characters: int | None, pattern: re.Pattern | None) -> Group:
    """A document: number and verdict, URL, facts, measured value, and the text."""
    verdict = Text(f"{number}. ", "bold")
    if row.reason is None:
        verdict.append("kept" + (f" ({row.split})" if row.split else ""), "bold green")
    else:
        verdict.append("removed: ", "bold red").append_text(harmless(row.reason, "bold red"))
        if row.detail:
            verdict.append("  ").append_text(harmless(row.detail, "yellow"))
    known = {name.replace("_", " "): row.facts[name] for name in FACTS if row.facts.get(name) is not None}
    facts = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in known.items()]
    parts = []
    if row.text is not None:
        facts.append(f"{len(row.text):,} characters")
        start = _start(row.text, pattern, characters)
        end = None if characters is None else start + characters
        text = harmless(("… " if start else "") + row.text[start:end])
        if end is not None and end < len(row.text):
            text.append(" …", "dim")
        if pattern:
            text.highlight_regex(pattern, "reverse")
        parts = [Text(), text]
    return Group(verdict, harmless(row.url, "cyan"), harmless(", ".join(facts), "dim"), *parts, Text())


def _start(text: str, pattern: re.Pattern | None, characters: int | None) -> int:
    """Where the excerpt begins: at the start, or a little before a hit that lies beyond the excerpt."""
    hit = pattern.search(text) if pattern and characters else None
    return max(0, hit.start() - characters // 4) if hit and hit.end() > characters else 0
