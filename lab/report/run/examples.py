"""Documents to look at. In: a stage's output folder and its removed/; out, a few kept ones and a few of each reason.

The hash of stage and record decides which: the same corpus always shows the same documents, whatever the number of
workers. Two passes: identities first, then the texts of the chosen rows only.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lab.documents import read_rows, text_digest
from lab.formatting import clean, excerpt, label

KEPT = "kept"
CHANGED = "changed"
MAX_BYTES = 420_000  # of all examples on the page
_BEFORE_CHANGE = 120  # characters shown before the first difference
_FACTS = ("status", "mime", "language", "language_score")


@dataclass(frozen=True)
class Example:
    """A document and its verdict. Texts are excerpts, cleaned but not escaped; empty if the stage has no text."""

    url: str
    detail: str  # what was measured, against which limit
    facts: str  # status, MIME type, language
    text: str
    characters: int  # of the whole text
    before: str = ""  # of a changed document: the same passage before the stage

    @property
    def size(self) -> int:
        """Approximate bytes on the page."""
        return len(f"{self.url}{self.detail}{self.facts}{self.text}{self.before}".encode("utf-8", "replace")) + 250


@dataclass(frozen=True)
class Gallery:
    """The examples of one stage by verdict: kept, changed, then reasons by frequency. `totals`: documents of each."""

    stage: str
    groups: dict[str, list[Example]]
    totals: dict[str, int]

    @property
    def size(self) -> int:
        return sum(example.size for group in self.groups.values() for example in group)


def gallery(stage: str, folder: Path, number: int, characters: int, before: Path | None = None) -> Gallery | None:
    """Examples of a stage's output, `number` per verdict; None if the stage has written nothing.

    With `before`, the folder of the previous stage, kept documents whose text has changed are a verdict of their own.
    """
    # First pass: count verdicts; for each, a heap keeps the `number` rows of the smallest hashes.
    # Second pass: read those rows, and make excerpts; of changed documents, also from the shard of the previous stage.
    totals: Counter[str] = Counter()
    chosen: dict[str, list[tuple[int, str, int]]] = defaultdict(list)  # verdict -> heap of (-hash, path, row)
    for path, row, identity, verdict in _verdicts(folder, before):
        totals[verdict] += 1
        place = (-_hash(f"{stage}\n{identity}"), str(path), row)
        if len(chosen[verdict]) < number:
            heapq.heappush(chosen[verdict], place)
        elif number and place > chosen[verdict][0]:
            heapq.heapreplace(chosen[verdict], place)
    if not totals:
        return None
    rows = _read_places({place[1:] for heap in chosen.values() for place in heap})
    groups = {}
    for verdict in sorted(totals, key=lambda name: (name != KEPT, name != CHANGED, -totals[name], name)):
        origin = before if verdict == CHANGED else None
        groups[verdict] = [
            _example(rows[path, row], characters, origin and origin / Path(path).name)
            for _, path, row in sorted(chosen[verdict], reverse=True)
        ]
    return Gallery(stage, groups, {verdict: totals[verdict] for verdict in groups})


def fit(make: Callable[[int], list[Gallery]], number: int) -> tuple[list[Gallery], int]:
    """`make(n)` and n: the examples per verdict, at most `number`, so many that all take at most MAX_BYTES."""
    while True:
        galleries = make(number)
        size = sum(gallery.size for gallery in galleries)
        if number <= 1 or size <= MAX_BYTES:
            return galleries, number
        number = max(1, min(number - 1, number * MAX_BYTES // size))


def _verdicts(folder: Path, before: Path | None) -> Iterator[tuple[Path, int, str, str]]:
    """Path, row, identity and verdict of everything that the stage kept or removed."""
    for path in sorted(folder.glob("*.parquet")):
        origin = before / path.name if before else None
        originals = dict(_rows(origin, "text")) if origin and origin.exists() else {}
        for row, (identity, text) in enumerate(_rows(path, "text" if originals else None)):
            yield path, row, identity, KEPT if originals.get(identity, text) == text else CHANGED
    for path in sorted((folder / "removed").glob("*.parquet")):
        for row, (identity, reason) in enumerate(_rows(path, "reason")):
            yield path, row, identity, reason or "unknown"


def _rows(path: Path, column: str | None) -> Iterator[tuple[str, Any]]:
    """Identity (record and URL) of each row, and a column; of a text, its hash."""
    for row in read_rows(path, ["id", "record_id", "url", *([column] if column else [])]):
        value = row.pop(column, None)
        yield "\n".join(map(str, row.values())), _hash(value or "") if column == "text" else value


def _read_places(places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict]:
    """The rows at (path, row), reading only the row groups that hold them."""
    by_path: dict[str, list[int]] = defaultdict(list)
    for path, row in places:
        by_path[path].append(row)
    contents: dict[tuple[str, int], dict] = {}
    for path, rows in by_path.items():
        with pq.ParquetFile(path) as file:
            first = 0
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                inside = [row for row in rows if first <= row < last]
                if inside:
                    table = file.read_row_group(group)
                    contents |= {(path, row): table.slice(row - first, 1).to_pylist()[0] for row in inside}
                first = last
    return contents


def _example(row: dict, characters: int, origin: Path | None) -> Example:
    """`origin`: of a changed document, the shard of the previous stage."""
    text = row.get("text") or ""
    start, before = 0, ""
    if origin:
        originals = (document["text"] for document in read_rows(origin, ["id", "text"]) if document["id"] == row["id"])
        original = next(originals, "") or ""
        same = next((i for i, (a, b) in enumerate(zip(text, original, strict=False)) if a != b), len(text))
        start = max(0, same - _BEFORE_CHANGE)
        before = ("… " if start else "") + excerpt(original[start:], characters)
    known = [(label(name), row[name]) for name in _FACTS if row.get(name) is not None]
    facts = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in known]
    return Example(
        url=excerpt(row.get("url"), 300),
        detail=excerpt(row.get("detail"), 300),
        facts=clean(", ".join(facts)),
        text=("… " if start else "") + excerpt(text[start:], characters),
        characters=len(text),
        before=before,
    )


def _hash(text: str) -> int:
    return int.from_bytes(text_digest(text))
