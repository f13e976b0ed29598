"""Planted cases: in, data/crawl/truth.parquet (what must happen to which page) and the stages' outputs; out, what did.

The sample crawl writes the truth. A page's fate is looked up in every stage's removed/ and in the last stage's output,
by URL. The promise for near-duplicates is MinHash's: similarity s is caught with probability 1 - (1 - s^rows)^bands.
"""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lab.documents import BATCH_ROWS, read_rows
from lab.report.run.collect import CURATION, open_shard

KEEP, SCRUB, DEDUP = "keep", "scrub", "dedup"
INSTEAD = "its original was removed instead"
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_IP = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


@dataclass(frozen=True)
class Fate:
    """What became of one record: the stage that removed it, or `keep`."""

    stage: str
    reason: str = ""
    detail: str = ""
    text: str = ""  # of a kept page


@dataclass(frozen=True)
class Case:
    """A planted page, what was expected of the pipeline and what it did."""

    kind: str
    url: str
    expected: str
    expected_reason: str
    certain: bool
    similarity: float | None
    fate: Fate
    right: bool
    note: str = ""
    caught: bool | None = None  # of a pair of near-duplicates: whether dedup removed one; None if it never saw both


@dataclass
class Kind:
    """All cases of a kind: a row of the confusion table."""

    kind: str
    cases: list[Case] = field(default_factory=list)

    @property
    def expected(self) -> str:
        return ", ".join(sorted({_verdict(c.expected, c.expected_reason) for c in self.cases}))

    @property
    def certain(self) -> bool:
        return all(case.certain for case in self.cases)

    @property
    def right(self) -> int:
        return sum(case.right for case in self.cases)

    @property
    def actual(self) -> list[tuple[str, int]]:
        """Verdicts with their counts, the most frequent first."""
        counts: dict[str, int] = defaultdict(int)
        for case in self.cases:
            shown = _verdict(case.fate.stage, case.fate.reason)
            counts[INSTEAD if case.note == INSTEAD else shown] += 1
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def wrong(self) -> list[Case]:
        return [case for case in self.cases if not case.right]

    def as_dict(self) -> dict:
        return {"expected": self.expected, "certain": self.certain, "n": len(self.cases), "right": self.right}


def confusion(data: Path) -> list[Kind]:
    """The planted cases by kind, in alphabetical order; empty where the crawl has planted none.

    Where a page doubles another, it is right that either was removed by the expected stage. A page that is to be kept
    must hold the text that the truth names; one that is to be scrubbed must have lost its addresses.
    """
    path = data / "crawl" / "truth.parquet"
    if not path.exists():
        return []
    rows = list(read_rows(path))
    fates = _fates(data, {row[name] for row in rows for name in ("url", "original") if row.get(name)})
    left = {url: list(found) for url, found in fates.items()}  # an address may be planted more than once
    before = _texts(data / "dedup", {row["url"] for row in rows if row["expected"] == SCRUB})
    kinds: dict[str, Kind] = {}
    for row in rows:
        kind = kinds.setdefault(row["kind"], Kind(row["kind"]))
        kind.cases.append(_case(row, _take(left, row), fates, before))
    return [kinds[name] for name in sorted(kinds)]


def as_metrics(kinds: list[Kind]) -> dict[str, dict]:
    """The confusion table for reports/report.json: kind -> expected, certain, n, right."""
    return {kind.kind: kind.as_dict() for kind in kinds}


@dataclass(frozen=True)
class Promise:
    """How many of a kind's near-duplicate pairs were caught, and how many MinHash promises."""

    kind: str
    n: int
    similarity: float  # mean
    caught: int
    promised: float  # share
    error: float  # of the promised share: one standard deviation for n pairs

    @property
    def kept(self) -> bool:
        """Caught as promised: within two standard deviations (and half a pair), or better."""
        return self.caught / self.n >= self.promised - 2 * self.error - 0.5 / self.n


def promises(kinds: list[Kind], rows: int, bands: int) -> list[Promise]:
    """Near-duplicate kinds against 1 - (1 - s^rows)^bands, by similarity."""
    found = []
    for kind in kinds:
        pairs = [(c.similarity, c.caught) for c in kind.cases if c.similarity is not None and c.caught is not None]
        if not pairs:
            continue
        chances = [promised(similarity, rows, bands) for similarity, _ in pairs]
        found.append(
            Promise(
                kind=kind.kind,
                n=len(pairs),
                similarity=sum(similarity for similarity, _ in pairs) / len(pairs),
                caught=sum(caught for _, caught in pairs),
                promised=sum(chances) / len(pairs),
                error=sqrt(sum(p * (1 - p) for p in chances)) / len(pairs),
            )
        )
    return sorted(found, key=lambda promise: promise.similarity)


def promised(similarity: float, rows: int, bands: int) -> float:
    """The probability that MinHash with `bands` of `rows` hashes catches a pair of this Jaccard similarity."""
    return 1 - (1 - similarity**rows) ** bands


def _case(row: dict, fate: Fate, fates: dict[str, list[Fate]], before: dict[str, str]) -> Case:
    expected, reason = row["expected"], row.get("expected_reason") or ""
    right = fate.stage == expected and reason in ("", fate.reason)
    note, caught = "", None
    if row.get("original"):
        twins = {twin.stage for twin in fates.get(row["original"], [])}
        if fate.stage in (KEEP, DEDUP) and twins & {KEEP, DEDUP}:
            caught = DEDUP in {fate.stage, *twins}
        if not right and expected in twins - {KEEP}:
            right, note = True, INSTEAD
    if expected == SCRUB:
        leaked = sorted(address for address in addresses(before.get(row["url"], "")) if address in fate.text)
        right = fate.stage == KEEP and not leaked
        note = f"still there: {', '.join(leaked)}" if leaked else ""
    if right and fate.stage == KEEP and _lacks(fate.text, row.get("contains")):
        right, note = False, f"the text lacks: {row['contains']}"
    certain, similarity = bool(row.get("certain")), row.get("similarity")
    return Case(row["kind"], row["url"], expected, reason, certain, similarity, fate, right, note, caught)


def _lacks(text: str, wanted: str | None) -> bool:
    """Whether the wanted words are missing; how lines are broken does not matter."""
    return wanted is not None and " ".join(wanted.split()) not in " ".join(text.split())


def addresses(text: str) -> set[str]:
    """E-mail addresses and public IPv4 addresses in a text: found here independently of the stage that scrubs them."""
    return set(_EMAIL.findall(text)) | {ip for ip in _IP.findall(text) if _public(ip)}


def _public(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_global
    except ValueError:
        return False


def _take(left: dict[str, list[Fate]], row: dict) -> Fate:
    """One fate of the row's address, the expected one if it is there. A record that no shard knows fell at index."""
    found = left.get(row["url"], [])
    wanted = KEEP if row["expected"] == SCRUB else row["expected"]
    fate = next((fate for fate in found if fate.stage == wanted), found[0] if found else Fate("index", "not indexed"))
    if found:
        found.remove(fate)
    return fate


def _fates(data: Path, urls: set[str]) -> dict[str, list[Fate]]:
    """What became of each record of these addresses, up to the last stage that has run."""
    fates: dict[str, list[Fate]] = defaultdict(list)
    run = [stage for stage in CURATION if (data / stage).is_dir()]
    for stage in run:
        for row in _rows(data / stage / "removed", urls, ["url", "reason", "detail"]):
            fates[row["url"]].append(Fate(stage, row["reason"] or "", row["detail"] or ""))
    for row in _rows(data / run[-1], urls, ["url", "text"]) if run else ():
        fates[row["url"]].append(Fate(KEEP, text=row.get("text") or ""))
    return fates


def _texts(folder: Path, urls: set[str]) -> dict[str, str]:
    return {row["url"]: row["text"] or "" for row in _rows(folder, urls, ["url", "text"])}


def _rows(folder: Path, urls: set[str], columns: list[str]) -> Iterator[dict]:
    """The rows of a folder's shards with one of these addresses."""
    wanted = pa.array(sorted(urls), pa.string())
    for path in sorted(folder.glob("*.parquet")):
        with open_shard(path) as file:
            known = [name for name in columns if name in file.schema_arrow.names]
            for batch in file.iter_batches(BATCH_ROWS, columns=known):
                yield from batch.filter(pc.is_in(batch["url"], wanted)).to_pylist()


def _verdict(stage: str, reason: str) -> str:
    return f"{stage}: {reason}" if reason else stage
