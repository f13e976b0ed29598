"""Pages that the model has not seen, and their sentences that are nowhere in the train split.

In: a dataset folder (train/, validation/; lab.documents' schema). Out: HeldOutPages of each sort. A sentence ends at
one of .!? followed by a space, or at a line's end: rough, but the same wherever a text is cut, so that if a sentence is
not among the train split's sentences, no passage with it is in the train split either.
"""

import heapq
import re
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
    sentences: list[Sentence]
    unseen: set[str]


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
    chosen = {sort: _first(dataset / "validation", sort, most, seed) for sort in (*SORTS, WEB)}
    if any(chosen[sort] for sort in SORTS):
        del chosen[WEB]
    pages = {
        sort: [HeldOutPage(url, text, split_sentences(text), set()) for url, text in rows]
        for sort, rows in chosen.items()
        if rows
    }
    unseen = {part.text for of_sort in pages.values() for page in of_sort for part in page.sentences}
    train = shards(dataset / "train")
    with progress("looking for leaks in the train split", len(train)) as ticker:
        for path in train:
            for row in read_rows(path, ["text"]):
                unseen.difference_update(part.text for part in split_sentences(row["text"]))
            ticker.advance()
    for page in (page for of_sort in pages.values() for page in of_sort):
        page.unseen.update(part.text for part in page.sentences if part.text in unseen)
    return pages


def _first(split: Path, sort: str, most: int, seed: int) -> list[tuple[str, str]]:
    """(url, text) of the `most` pages of a sort whose seeded hashes are the smallest."""
    keyed = (
        (blake2b(f"{seed}\x1f{row['id']}".encode()).digest(), row["url"], row["text"])
        for shard in shards(split)
        for row in read_rows(shard, ["id", "url", "text"])
        if sort_of(row["url"]) == sort
    )
    return [(url, text) for _, url, text in heapq.nsmallest(most, keyed)]
