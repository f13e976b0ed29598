"""Planted cases. In: data/crawl/truth.parquet (what must happen to which page) and the stages' outputs; out, what did.

The sample crawl writes the truth. A page's fate is looked up by URL in every stage's removed/ and in the output of the
last stage that has run. For near-duplicates MinHash promises a rate: a pair of similarity s is caught with probability
1 - (1 - s^rows)^bands.
"""

import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from lab.documents import read_rows
from lab.pipeline import FILTERING

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
    """A planted page, what the pipeline should have done with it, and what it did."""

    kind: str
    url: str
    expected: str
    expected_reason: str
    certain: bool
    similarity: float | None
    fate: Fate
    right: bool
    note: str = ""
    caught: bool | None = None  # near-duplicates: whether dedup removed one of the pair; None if it never saw both


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
        verdicts = ((case.note, _verdict(case.fate.stage, case.fate.reason)) for case in self.cases)
        counts = Counter(INSTEAD if note == INSTEAD else verdict for note, verdict in verdicts)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def wrong(self) -> list[Case]:
        return [case for case in self.cases if not case.right]

    def as_dict(self) -> dict:
        """A row of reports/report.json."""
        return {"expected": self.expected, "certain": self.certain, "n": len(self.cases), "right": self.right}


def confusion(data: Path) -> list[Kind]:
    """The planted cases by kind, in alphabetical order; empty if the crawl has planted none.

    Of a page and its duplicate, the expected stage may have removed either. A page to be kept must hold the text that
    the truth names; one to be scrubbed must have lost its addresses.
    """
    path = data / "crawl" / "truth.parquet"
    if not path.exists():
        return []
    rows = list(read_rows(path))
    fates = _fates(data, {row[name] for row in rows for name in ("url", "original") if row.get(name)})
    remaining = {url: list(of_url) for url, of_url in fates.items()}  # an address may be planted more than once
    before = dict(_texts(data / "dedup", {row["url"] for row in rows if row["expected"] == SCRUB}))
    kinds: dict[str, Kind] = {}
    for row in rows:
        kind = kinds.setdefault(row["kind"], Kind(row["kind"]))
        kind.cases.append(_case(row, _take(remaining, row), fates, before))
    return [kinds[name] for name in sorted(kinds)]


@dataclass(frozen=True)
class Promise:
    """How many near-duplicate pairs of a kind were caught, and how many MinHash promises to catch."""

    kind: str
    n: int
    similarity: float  # mean
    caught: int
    promised: float  # share
    error: float  # of the promised share: one standard deviation for n pairs

    @property
    def kept(self) -> bool:
        """Whether as many were caught as promised, or more: two standard deviations and half a pair are allowed for."""
        return self.caught / self.n >= self.promised - 2 * self.error - 0.5 / self.n


def promises(kinds: list[Kind], rows: int, bands: int) -> list[Promise]:
    """Near-duplicate kinds against 1 - (1 - s^rows)^bands, in the order of their similarity."""
    table = []
    for kind in kinds:
        pairs = [(c.similarity, c.caught) for c in kind.cases if c.similarity is not None and c.caught is not None]
        if not pairs:
            continue
        similarities, caught = zip(*pairs, strict=True)
        chances = [promised(similarity, rows, bands) for similarity in similarities]
        error = sqrt(sum(p * (1 - p) for p in chances)) / len(pairs)
        mean, share = sum(similarities) / len(pairs), sum(chances) / len(pairs)
        table.append(Promise(kind.kind, len(pairs), mean, sum(caught), share, error))
    return sorted(table, key=lambda promise: promise.similarity)


def promised(similarity: float, rows: int, bands: int) -> float:
    """The probability that MinHash with `bands` of `rows` hashes catches a pair of this Jaccard similarity."""
    return 1 - (1 - similarity**rows) ** bands


def _case(row: dict, fate: Fate, fates: dict[str, list[Fate]], before: dict[str, str]) -> Case:
    # Right is: the expected stage removed it, for the expected reason. Then the exceptions: its original was removed
    # instead; a page to be scrubbed is kept, without the addresses that it had before; a kept page holds its text.
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
        note = f"not replaced: {', '.join(leaked)}" if leaked else ""
    words = " ".join((row.get("contains") or "").split())  # line breaks aside
    if right and fate.stage == KEEP and words not in " ".join(fate.text.split()):
        right, note = False, f"the text lacks: {row['contains']}"
    certain, similarity = bool(row.get("certain")), row.get("similarity")
    return Case(row["kind"], row["url"], expected, reason, certain, similarity, fate, right, note, caught)


def addresses(text: str) -> set[str]:
    """E-mail addresses and public IPv4 addresses in a text, by patterns other than those of the stage pii."""
    return set(_EMAIL.findall(text)) | {ip for ip in _IP.findall(text) if _public(ip)}


def _public(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_global
    except ValueError:
        return False


def _take(remaining: dict[str, list[Fate]], row: dict) -> Fate:
    """One fate of the row's address, the expected one if there is one. A record in no shard was dropped by index."""
    fates = remaining.get(row["url"], [])
    expected = KEEP if row["expected"] == SCRUB else row["expected"]
    fate = next((fate for fate in fates if fate.stage == expected), fates[0] if fates else Fate("index", "not indexed"))
    if fates:
        fates.remove(fate)
    return fate


def _fates(data: Path, urls: set[str]) -> dict[str, list[Fate]]:
    """What became of each record of these addresses, up to the last stage that has run."""
    fates: dict[str, list[Fate]] = defaultdict(list)
    finished = [stage for stage in FILTERING if (data / stage).is_dir()]
    for stage in finished:
        for path in sorted((data / stage / "removed").glob("*.parquet")):
            for row in read_rows(path, ["url", "reason", "detail"]):
                if row["url"] in urls:
                    fates[row["url"]].append(Fate(stage, row["reason"] or "", row["detail"] or ""))
    for url, text in _texts(data / finished[-1], urls) if finished else ():
        fates[url].append(Fate(KEEP, text=text))
    return fates


def _texts(folder: Path, urls: set[str]) -> Iterator[tuple[str, str]]:
    """URL and text of the documents with one of these addresses."""
    for path in sorted(folder.glob("*.parquet")):
        rows = (row for row in read_rows(path, ["url", "text"]) if row["url"] in urls)
        yield from ((row["url"], row.get("text") or "") for row in rows)


def _verdict(stage: str, reason: str) -> str:
    return f"{stage}: {reason}" if reason else stage
