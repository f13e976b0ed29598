"""What a stage kept and removed, row by row.

In: data/<stage>/*.parquet and data/<stage>/removed/*.parquet (the dataset's splits: data/dataset/<split>/*.parquet).
Out: Rows in the order of the crawl, a sample of them, or their statistics.

Nothing is read before it is asked for: memory holds one batch of each of two shards.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lab.documents import read_rows, text_bytes, text_digest
from lab.errors import InputError
from lab.report.run.collect import CURATION

STAGES = (*CURATION, "dataset")
KEPT = "kept"
NO_REASON = "unknown"


@dataclass(frozen=True)
class Row:
    """A document or, before extraction, a record of the index. `reason`: why it was removed; None where it was kept."""

    url: str
    text: str | None  # None: the stage has no texts yet
    reason: str | None
    detail: str  # what was measured, against which limit
    facts: dict[str, object]  # whatever else the stage knows, by column
    split: str | None  # of the dataset

    def has(self, wanted: re.Pattern) -> bool:
        """Whether URL or text hold it."""
        return bool(wanted.search(self.url) or wanted.search(self.text or ""))


@dataclass(frozen=True)
class Verdict:
    """All rows that were kept, or removed for one reason. Sizes in characters; None where the stage has no texts."""

    name: str
    rows: int
    bytes: int
    median_characters: float | None


def shard_pairs(folder: Path, *, kept: bool, removed: bool) -> list[tuple[Path | None, Path | None]]:
    """The shards that hold what was kept and what was removed of the same input. InputError where there are none."""
    places = [folder] if any(folder.glob("*.parquet")) else sorted(folder.glob("*/"))
    pairs: list[tuple[Path | None, Path | None]] = []
    for place in places:
        if place.name == "removed":
            continue
        ours = {path.name: path for path in place.glob("*.parquet")} if kept else {}
        theirs = {path.name: path for path in (place / "removed").glob("*.parquet")} if removed else {}
        pairs += [(ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})]
    if not pairs and not any(folder.rglob("*.parquet")):
        raise InputError(f"{folder}: the stage has not run. Run `dvc repro {folder.name}`.")
    return pairs


def read_stage(folder: Path, *, kept: bool = True, removed: bool = True) -> Iterator[Row]:
    """All rows, in the order of the crawl within a shard. InputError where the stage has not run."""
    for ours, theirs in shard_pairs(folder, kept=kept, removed=removed):
        streams = [_read(path, folder) for path in (ours, theirs) if path is not None]
        yield from heapq.merge(*streams, key=_place)


def select(rows: Iterable[Row], reason: str | None, wanted: re.Pattern | None) -> Iterator[Row]:
    """The rows that were removed for a reason (or one below it: `gopher` has `gopher:min_words`) and hold a text."""
    for row in rows:
        if (reason is None or _is(row.reason, reason)) and (wanted is None or row.has(wanted)):
            yield row


def require_reason(folder: Path, wanted: str) -> None:
    """InputError, with the reasons that there are, where the stage removed nothing for `wanted`."""
    found: set[str] = set()
    for _, path in shard_pairs(folder, kept=False, removed=True):
        assert path is not None
        found.update(row["reason"] for row in read_rows(path, ["reason"]))
    names = sorted(name or NO_REASON for name in found)
    if not any(_is(name, wanted) for name in names):
        known = f"it removed for: {', '.join(names)}" if names else "it removed nothing"
        raise InputError(f"{folder.name}: nothing was removed for '{wanted}'; {known}.")


def sample(rows: Iterable[Row], number: int, seed: int) -> list[Row]:
    """`number` of the rows, chosen and ordered by the hash of seed and row: the same whatever the shards."""
    keyed = (
        (text_digest(f"{seed}\n{row.url}\n{row.facts.get('file')}\n{row.facts.get('offset')}"), n, row)
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
    found = [
        Verdict(name, number, size, median(lengths[name]) if name in lengths else None)
        for name, (number, size) in counts.items()
    ]
    return sorted(found, key=lambda verdict: (not verdict.name.startswith(KEPT), -verdict.rows, verdict.name))


def _read(path: Path, stage: Path) -> Iterator[Row]:
    removed = path.parent.name == "removed"
    place = path.parent.parent if removed else path.parent
    split = place.name if place != stage else None
    for values in read_rows(path):
        reason = values.pop("reason", None)
        yield Row(
            url=values.pop("url", None) or "",
            text=(values.pop("text") or "") if "text" in values else None,
            reason=(reason or NO_REASON) if removed else None,
            detail=values.pop("detail", None) or "",
            facts=values,
            split=split,
        )


def _place(row: Row) -> tuple[str, int]:
    return str(row.facts.get("file") or ""), int(row.facts.get("offset") or 0)  # type: ignore[call-overload]


def _is(reason: str | None, wanted: str) -> bool:
    return reason is not None and (reason == wanted or reason.startswith(f"{wanted}:"))
