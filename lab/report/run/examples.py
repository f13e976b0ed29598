"""Documents to look at: in, a stage's output folder and its removed/; out, a few kept ones and a few of each reason.

Which ones is decided by the hash of stage and record, so the same corpus always shows the same documents, whatever
the number of workers, and no document is favoured. Two passes: names first, then the text of the chosen only.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from lab import formatting as words
from lab.documents import read_rows, text_digest
from lab.report.run.collect import open_shard

KEPT = "kept"
CHANGED = "changed"
MAX_BYTES = 420_000  # of all examples on the page
_BEFORE_CHANGE = 120  # characters shown before the first one that differs
_FACTS = ("status", "mime", "language", "language_score")


@dataclass(frozen=True)
class Example:
    """A document and its verdict. Texts are excerpts, cleaned but not escaped; empty where the stage has no text."""

    url: str
    detail: str  # what was measured, against which limit
    facts: str  # what else the stage knows: status, MIME type, language
    text: str
    characters: int  # of the whole text
    before: str = ""  # of a changed document: the same passage as it came in

    @property
    def size(self) -> int:
        """Bytes on the page, roughly."""
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
    """Examples of a stage's output, `number` of each verdict; None where the stage has written nothing.

    With `before`, the folder of the stage before, kept documents whose text has changed are a verdict of their own.
    """
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
    rows = _read({place[1:] for heap in chosen.values() for place in heap})
    groups = {}
    for verdict in sorted(totals, key=lambda name: (name != KEPT, name != CHANGED, -totals[name], name)):
        found = [(path, rows[path, row]) for _, path, row in sorted(chosen[verdict], reverse=True)]
        origin = before if verdict == CHANGED else None
        groups[verdict] = [_example(row, characters, origin and origin / Path(path).name) for path, row in found]
    return Gallery(stage, groups, {verdict: totals[verdict] for verdict in groups})


def fit(make: Callable[[int], list[Gallery]], number: int) -> tuple[list[Gallery], int]:
    """What `make(n)` gives with n examples a verdict, n as large as the page has room for, at most `number`."""
    while True:
        galleries = make(number)
        size = sum(gallery.size for gallery in galleries)
        if number <= 1 or size <= MAX_BYTES:
            return galleries, number
        number = max(1, min(number - 1, number * MAX_BYTES // size))


def _verdicts(folder: Path, before: Path | None) -> Iterator[tuple[Path, int, str, str]]:
    """Path, row, identity and verdict of everything that the stage kept or removed."""
    for path in sorted(folder.glob("*.parquet")):
        came_in = dict(_texts(before / path.name)) if before and (before / path.name).exists() else {}
        texts = (text for _, text in _texts(path)) if came_in else repeat(None)
        for row, ((identity, _), text) in enumerate(zip(_columns(path), texts, strict=False)):
            changed = text is not None and came_in.get(identity, text) != text
            yield path, row, identity, CHANGED if changed else KEPT
    for path in sorted((folder / "removed").glob("*.parquet")):
        for row, (identity, reason) in enumerate(_columns(path)):
            yield path, row, identity, reason or "unknown"


def _columns(path: Path) -> Iterator[tuple[str, str | None]]:
    """Identity (record and URL) and reason of each row."""
    for row in read_rows(path, ["id", "record_id", "url", "reason"]):
        reason = row.pop("reason", None)
        yield "\n".join(str(value) for value in row.values()), reason


def _texts(path: Path) -> Iterator[tuple[str, int]]:
    """Identity and a hash of the text of each row."""
    for row in read_rows(path, ["id", "url", "text"]):
        if "text" not in row:
            return
        yield f"{row['id']}\n{row['url']}", _hash(row["text"] or "")


def _read(places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict]:
    """The rows at (path, row), reading only the row groups that hold them."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for path, row in places:
        wanted[path].append(row)
    found = {}
    for path, rows in wanted.items():
        with open_shard(Path(path)) as file:
            first = 0
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                inside = [row for row in rows if first <= row < last]
                if inside:
                    table = file.read_row_group(group)
                    found.update({(path, row): table.slice(row - first, 1).to_pylist()[0] for row in inside})
                first = last
    return found


def _example(row: dict, characters: int, origin: Path | None) -> Example:
    text = row.get("text") or ""
    start, before = 0, ""
    if origin:
        came_in = next((old["text"] for old in read_rows(origin, ["id", "text"]) if old["id"] == row["id"]), "") or ""
        same = next((i for i, (a, b) in enumerate(zip(text, came_in, strict=False)) if a != b), len(text))
        start = max(0, same - _BEFORE_CHANGE)
        before = ("… " if start else "") + words.excerpt(came_in[start:], characters)
    facts = [f"{words.label(name)} {_fact(row[name])}" for name in _FACTS if row.get(name) is not None]
    return Example(
        url=words.excerpt(row.get("url"), 300),
        detail=words.excerpt(row.get("detail"), 300),
        facts=words.clean(", ".join(facts)),
        text=("… " if start else "") + words.excerpt(text[start:], characters),
        characters=len(text),
        before=before,
    )


def _fact(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _hash(text: str) -> int:
    return int.from_bytes(text_digest(text))
