"""How good extracted texts are. In: real pages and texts. Out: precision, recall and F1 by two measures.

`segments`: trafilatura's evaluation, by strings that a page's text must and must not have. `shingles`: that of the
article-extraction benchmark (Scrapinghub 2020), the overlap of word 4-grams with a reference text, with equal weight
for each page.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.pages import responses
from lab.files import read_json

_WORD = re.compile(r"\w+")
_GRAM = 4  # words


@dataclass(frozen=True)
class GoldPage:
    """A page's bytes, and what its text must and must not have, where that is known."""

    url: str
    body: bytes
    charset: str | None  # of the HTTP header
    gold: dict[str, list[str]] | None  # `with` and `without`: segments

    @property
    def held_out(self) -> bool:
        """Half of the pages, by a hash of the URL: the extractor was tuned on the other half."""
        return hashlib.sha256(self.url.encode()).digest()[-1] % 2 == 1


@dataclass(frozen=True)
class TextScore:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @classmethod
    def of(cls, counts: Iterable[tuple[float, float, float]]) -> "TextScore":
        """`counts`: (right, wrong, missed) for each page."""
        right, wrong, missed = (sum(column) for column in zip(*counts, strict=True))
        return cls(right / ((right + wrong) or 1), right / ((right + missed) or 1))


def read_pages(archive: Path, gold: Path) -> list[GoldPage]:
    """All pages of an archive, in its order. InputError if a file is missing."""
    expected = read_json(gold)
    return [GoldPage(url, record.body, record.charset, expected.get(url)) for url, record in responses(archive)]


def segments(pages: Sequence[GoldPage], texts: Sequence[str]) -> TextScore:
    """The score of the pages with gold segments, summed over segments; spaces don't count."""
    counts = []
    for page, text in zip(pages, texts, strict=True):
        if page.gold:
            line = _line(text)
            right = sum(_line(segment) in line for segment in page.gold["with"])
            wrong = sum(_line(segment) in line for segment in page.gold["without"])
            counts.append((right, wrong, len(page.gold["with"]) - right))
    return TextScore.of(counts or [(0, 0, 0)])


def _line(text: str) -> str:
    return " ".join(text.split())


def shingles(references: Sequence[str], texts: Sequence[str]) -> TextScore:
    """The score against reference texts, with equal weight for each page."""
    counts = [_overlap(_shingles(truth), _shingles(text)) for truth, text in zip(references, texts, strict=True)]
    return TextScore.of(counts or [(0, 0, 0)])


def _shingles(text: str) -> Counter:
    words = _WORD.findall(text)
    if len(words) < _GRAM:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[start:] for start in range(_GRAM)), strict=False))


def _overlap(truth: Counter, extracted: Counter) -> tuple[float, float, float]:
    right = (truth & extracted).total()
    wrong, missed = extracted.total() - right, truth.total() - right
    union = right + wrong + missed
    return (right / union, wrong / union, missed / union) if union else (0, 0, 0)
