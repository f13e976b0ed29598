"""Pages that the model has not seen, and their sentences that are nowhere in the train split.

In: a dataset folder (train/, validation/; lab.documents' schema). Out: HeldOutPages of each sort. A sentence ends at
one of .!? followed by a space, or at a line's end: rough, but the same wherever a text is cut, so that if a sentence is
not among the train split's sentences, no passage with it is in the train split either.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from lab.documents import host, read_rows, shards
from lab.progress import progress

# Hosts of the embedded sample crawl (lab.sample.town_sites, lab.sample.documentation).
SORTS = {"town": ".town.example", "documentation": ".docs.example"}
WEB = "web"  # all pages of any other crawl

_BREAK = re.compile(r"(?<=[.!?])[\"')\]”’»]*[^\S\n]+|[^\S\n]*\n\s*")


@dataclass(frozen=True)
class Sentence:
    """A sentence and its place in the page's text; `joined`: a single space separates it from the one before."""

    text: str
    start: int
    joined: bool


@dataclass(frozen=True)
class HeldOutPage:
    """`unseen`: the page's sentences that are not in the train split."""

    url: str
    text: str
    sentences: tuple[Sentence, ...]
    unseen: frozenset[str]


def sort_of(url: str) -> str:
    """town, documentation or web, by the host's name."""
    name = host(url)
    return next((sort for sort, ending in SORTS.items() if name.endswith(ending)), WEB)


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a text in order, closing quotation marks included.

    >>> [sentence.text for sentence in split_sentences('He said "Stop." She did.')]
    ['He said "Stop."', 'She did.']
    """
    sentences, start, joined = [], 0, False
    for match in [*_BREAK.finditer(text), None]:
        gap = match.group() if match else ""
        end = match.start() + len(gap) - len(gap.lstrip("\"')]”’»")) if match else len(text)
        if sentence := text[start:end].strip():
            sentences.append(Sentence(sentence, text.index(sentence, start), joined))
        if match:
            start, joined = match.end(), "\n" not in gap and text[end : match.end()] == " "
    return sentences


def read_pages(dataset: Path, most: int, seed: int) -> dict[str, list[HeldOutPage]]:
    """At most `most` held-out pages of each sort, in an order that depends on the seed and the pages alone.

    The embedded sample crawl has `town` and `documentation` (its few other pages are left out); other crawls have
    `web`. Memory holds these pages only, whatever the size of the splits.
    """
    chosen = {sort: _first(_rows(dataset / "validation", sort), most, seed) for sort in (*SORTS, WEB)}
    if any(chosen[sort] for sort in SORTS):
        del chosen[WEB]
    chosen = {sort: rows for sort, rows in chosen.items() if rows}
    sentences = {text: split_sentences(text) for rows in chosen.values() for _, text in rows}
    unseen = {sentence.text for parts in sentences.values() for sentence in parts}
    unseen -= _seen(dataset / "train", unseen)
    return {
        sort: [
            HeldOutPage(url, text, tuple(sentences[text]), frozenset(part.text for part in sentences[text]) & unseen)
            for url, text in rows
        ]
        for sort, rows in chosen.items()
    }


def _rows(split: Path, sort: str) -> Iterator[dict]:
    for shard in shards(split):
        for row in read_rows(shard, ["id", "url", "text"]):
            if sort_of(row["url"]) == sort:
                yield row


def _first(rows: Iterable[dict], most: int, seed: int) -> list[tuple[str, str]]:
    """(url, text) of the `most` rows whose seeded hashes are the smallest."""
    keyed = ((blake2b(f"{seed}\x1f{row['id']}".encode()).digest(), row["url"], row["text"]) for row in rows)
    return [(url, text) for _, url, text in heapq.nsmallest(most, keyed)]


def _seen(split: Path, sentences: set[str]) -> set[str]:
    """The sentences that the split has."""
    seen: set[str] = set()
    paths = shards(split)
    with progress("looking for leaks in the train split", len(paths)) as ticker:
        for path in paths:
            for row in read_rows(path, ["text"]):
                seen.update(part.text for part in split_sentences(row["text"]) if part.text in sentences)
            ticker.advance()
    return seen
