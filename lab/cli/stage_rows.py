"""What a stage kept and removed, row by row.

In: data/<stage>/*.parquet and data/<stage>/removed/*.parquet (the dataset's splits: data/dataset/<split>/*.parquet).
Out: Rows in the order of the crawl, a sample of them, or their statistics. Rows are read as they are taken: memory
holds one batch of each of two shards.
"""

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lab.documents import BATCH_ROWS, text_bytes
from lab.errors import InputError
from lab.report.run.collect import CURATION, open_shard

STAGES = (*CURATION, "dataset")
KEPT = "kept"
NO_REASON = "unknown"


@dataclass(frozen=True)
class Row:
    """A document or, before extraction, a record of the index. `reason`: why it was removed; None if it was kept."""

    url: str
    text: str | None  # None: the stage has no texts
    reason: str | None
    detail: str  # the measured value and the limit
    facts: dict[str, object]  # the other columns
    split: str | None  # of the dataset

    def matches(self, pattern: re.Pattern) -> bool:
        """Whether the URL or the text contains the pattern."""
        return bool(pattern.search(self.url) or pattern.search(self.text or ""))


@dataclass(frozen=True)
class Verdict:
    """The rows that were kept, or removed for one reason. `median_characters`: None if the stage has no texts."""

    name: str
    rows: int
    bytes: int
    median_characters: float | None


def shard_pairs(folder: Path, *, kept: bool, removed: bool) -> list[tuple[Path | None, Path | None]]:
    """(kept, removed) shards of the same input; None if absent or not asked for. InputError if the folder has none."""
    splits = [folder] if any(folder.glob("*.parquet")) else sorted(folder.glob("*/"))
    pairs: list[tuple[Path | None, Path | None]] = []
    for split in splits:
        if split.name == "removed":
            continue
        kept_shards = {path.name: path for path in split.glob("*.parquet")} if kept else {}
        removed_shards = {path.name: path for path in (split / "removed").glob("*.parquet")} if removed else {}
        names = sorted({*kept_shards, *removed_shards})
        pairs += [(kept_shards.get(name), removed_shards.get(name)) for name in names]
    if not pairs and not any(folder.rglob("*.parquet")):
        raise InputError(f"{folder}: the stage has not run. Run `dvc repro {folder.name}`.")
    return pairs


def read_stage(folder: Path, *, kept: bool = True, removed: bool = True) -> Iterator[Row]:
    """All rows, in the order of the crawl within a shard. InputError if the stage has not run."""
    for pair in shard_pairs(folder, kept=kept, removed=removed):
        streams = [_read(path, folder) for path in pair if path is not None]
        yield from heapq.merge(*streams, key=_position)


def select(rows: Iterable[Row], reason: str | None, pattern: re.Pattern | None) -> Iterator[Row]:
    """The rows that were removed for a reason or family (`gopher` includes `gopher:min_words`) and match a pattern."""
    for row in rows:
        if (reason is None or _is(row.reason, reason)) and (pattern is None or row.matches(pattern)):
            yield row


def require_reason(folder: Path, reason: str) -> None:
    """InputError, with the stage's reasons, if it removed nothing for `reason`."""
    reasons: set[str] = set()
    for _, path in shard_pairs(folder, kept=False, removed=True):
        assert path is not None
        with open_shard(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["reason"]):
                reasons.update(batch.column(0).unique().to_pylist())
    names = sorted(name or NO_REASON for name in reasons)
    if not any(_is(name, reason) for name in names):
        known = f"it removed for: {', '.join(names)}" if names else "it removed nothing"
        raise InputError(f"{folder.name}: nothing was removed for '{reason}'; {known}.")


def sample(rows: Iterable[Row], number: int, seed: int) -> list[Row]:
    """`number` of the rows, chosen and ordered by the hash of seed and row: the same whatever the shards."""
    keyed = (
        (_hash(f"{seed}\n{row.url}\n{row.facts.get('file')}\n{row.facts.get('offset')}"), n, row)
        for n, row in enumerate(rows)
    )
    return [row for _, _, row in heapq.nsmallest(number, keyed)]


def statistics(rows: Iterable[Row]) -> list[Verdict]:
    """Verdicts: kept (by split), then reasons, the most frequent first."""
    lengths: dict[str, list[int]] = {}
    counts: dict[str, list[int]] = {}
    for row in rows:
        name = row.reason or (f"{KEPT} ({row.split})" if row.split else KEPT)
        count = counts.setdefault(name, [0, 0])
        count[0] += 1
        if row.text is not None:
            count[1] += text_bytes(row.text)
            lengths.setdefault(name, []).append(len(row.text))
    verdicts = [
        Verdict(name, number, size, median(lengths[name]) if name in lengths else None)
        for name, (number, size) in counts.items()
    ]
    return sorted(verdicts, key=lambda verdict: (not verdict.name.startswith(KEPT), -verdict.rows, verdict.name))


def _read(path: Path, stage: Path) -> Iterator[Row]:
    removed = path.parent.name == "removed"
    folder = path.parent.parent if removed else path.parent
    split = folder.name if folder != stage else None
    with open_shard(path) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            for values in batch.to_pylist():
                reason = values.pop("reason", None)
                yield Row(
                    url=values.pop("url", None) or "",
                    text=(values.pop("text") or "") if "text" in values else None,
                    reason=(reason or NO_REASON) if removed else None,
                    detail=values.pop("detail", None) or "",
                    facts=values,
                    split=split,
                )


def _position(row: Row) -> tuple[str, int]:
    return str(row.facts.get("file") or ""), int(row.facts.get("offset") or 0)  # type: ignore[call-overload]


def _is(reason: str | None, family: str) -> bool:
    return reason is not None and (reason == family or reason.startswith(f"{family}:"))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
