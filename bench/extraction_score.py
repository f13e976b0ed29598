"""How good an extracted text is: in, real pages and texts; out, precision, recall and F1 by two measures.

`segments`: trafilatura's evaluation, strings that a page's text must and must not hold. `shingles`: the
article-extraction benchmark's (Scrapinghub 2020), overlap of 4-grams of words with a reference text, each page
counting the same.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.crawl.records import Record, read_records
from lab.crawl.scan import scan
from lab.files import read_json

_WORD = re.compile(r"\w+")
_GRAM = 4  # words


@dataclass(frozen=True)
class Page:
    url: str
    body: bytes
    charset: str | None  # of the HTTP header
    gold: dict[str, list[str]] | None  # `with` and `without`: segments

    @property
    def held_out(self) -> bool:
        """Half of the pages, by a hash of their URLs: the extractor was tuned on the other half."""
        return hashlib.sha256(self.url.encode()).digest()[-1] % 2 == 1


@dataclass(frozen=True)
class Score:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @classmethod
    def of(cls, counts: Iterable[tuple[float, float, float]]) -> "Score":
        """From (right, wrong, missed) of each page."""
        right, wrong, missed = (sum(column) for column in zip(*counts, strict=True))
        return cls(right / ((right + wrong) or 1), right / ((right + missed) or 1))


def read_pages(archive: Path, gold: Path) -> list[Page]:
    """All pages of an archive, in its order. InputError where a file is missing."""
    expected = read_json(gold)
    urls = {(row["offset"], row["inner"]): row["url"] for row in scan(str(archive), lambda reason: None)}
    return [
        Page(urls[address], record.body, record.charset, expected.get(urls[address]))
        for address, record in read_records(str(archive), urls)
        if isinstance(record, Record)
    ]


def segments(pages: Sequence[Page], texts: Sequence[str]) -> Score:
    """Of the pages with gold segments, summed over segments; spaces don't count."""
    counts = []
    for page, text in zip(pages, texts, strict=True):
        if page.gold:
            line = _line(text)
            right = sum(_line(segment) in line for segment in page.gold["with"])
            wrong = sum(_line(segment) in line for segment in page.gold["without"])
            counts.append((right, wrong, len(page.gold["with"]) - right))
    return Score.of(counts or [(0, 0, 0)])


def _line(text: str) -> str:
    return " ".join(text.split())


def shingles(references: Sequence[str], texts: Sequence[str]) -> Score:
    """Against reference texts, each page weighing the same."""
    counts = [_overlap(_shingles(truth), _shingles(text)) for truth, text in zip(references, texts, strict=True)]
    return Score.of(counts or [(0, 0, 0)])


def _shingles(text: str) -> Counter:
    words = _WORD.findall(text)
    if len(words) < _GRAM:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[start:] for start in range(_GRAM)), strict=False))


def _overlap(truth: Counter, found: Counter) -> tuple[float, float, float]:
    right = (truth & found).total()
    union = truth.total() + found.total() - right
    return (right / union, (found.total() - right) / union, (truth.total() - right) / union) if union else (0, 0, 0)
