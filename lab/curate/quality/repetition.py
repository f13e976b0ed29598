"""Gopher's repetition filter: texts that repeat their paragraphs, lines or n-grams of words.

In: a text. Out: its statistics, and the Reason to refuse it, or None. As Rae et al. 2021 (table A1) define it and
datatrove runs it for FineWeb, decision by decision.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from lab.curate.quality.thresholds import Thresholds, first_broken
from lab.curate.text.text import Text, duplicates, extend_ngrams
from lab.documents import Reason
from lab.params import Positive, Share

TITLE = "Gopher repetition"


class Params(Thresholds):
    """Gopher's repetition filter (Rae et al. 2021, table A1)."""

    max_duplicate_paragraph_share: Share | None = 0.3
    max_duplicate_paragraph_character_share: Share | None = 0.2
    max_duplicate_line_share: Share | None = 0.3
    max_duplicate_line_character_share: Share | None = 0.2
    max_top_ngram_share: dict[Positive, Share | None] = Field(
        {2: 0.20, 3: 0.18, 4: 0.16}, description="n -> share of the characters; null: no limit"
    )
    max_duplicate_ngram_share: dict[Positive, Share | None] = Field(
        {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
    )


def reason(text: str | Text, params: Params) -> Reason | None:
    """Refuses repeated paragraphs, lines and n-grams of words. Shares are of all characters of the text."""
    return first_broken(statistics(text, params), params.rules())


def statistics(text: str | Text, params: Params) -> dict[str, float]:
    """Repeated shares of a text, of n-grams those of the sizes that `params` names. None of an empty text."""
    text = Text.of(text)
    characters = len(text.text)
    if not characters:
        return {}
    shares: dict[str, float] = {}
    for name, parts in (("paragraph", text.paragraphs), ("line", text.lines)):
        repeated, repeated_characters = duplicates(parts)
        shares[f"duplicate_{name}_share"] = repeated / len(parts)
        shares[f"duplicate_{name}_character_share"] = repeated_characters / characters
    tops, repeats = params.max_top_ngram_share, params.max_duplicate_ngram_share
    starts = np.concatenate([[0], np.cumsum(text.lengths)])
    for n, positions, groups in repeated_ngrams(text.hashes, sorted({*tops, *repeats})):
        if n in tops:
            shares[f"top_ngram_share.{n}"] = _top_characters(positions, groups, starts, n) / characters
        if n in repeats:
            shares[f"duplicate_ngram_share.{n}"] = _repeated_characters(positions, groups, starts, n) / characters
    return shares


def repeated_ngrams(hashes: np.ndarray, sizes: Sequence[int]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each n of `sizes` (ascending): the positions of n-grams that occur twice or more, grouped by n-gram.

    Yields (n, positions [repeated] ascending, groups [repeated]: numbers from 0, one per distinct n-gram). What repeats
    at length n repeats at every shorter length too, so each size searches only the positions of the size before.
    """
    positions, keys, n = np.arange(len(hashes)), hashes, 1
    groups = np.zeros(0, np.int64)
    for size in sizes:
        if len(positions):
            positions, keys = extend_ngrams(hashes, positions, keys, n, size)
            repeated, groups = _repeated(keys)
            positions, keys = positions[repeated], keys[repeated]
        n = size
        yield n, positions, groups


def _repeated(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of keys that occur twice or more, ascending, and the group of each: numbers from 0, by value."""
    order = keys.argsort()
    in_order = keys[order]
    as_before = np.zeros(len(keys) + 1, bool)
    np.equal(in_order[1:], in_order[:-1], out=as_before[1:-1])
    repeated = as_before[:-1] | as_before[1:]
    places = order[repeated]
    groups = (~as_before[:-1][repeated]).cumsum() - 1
    ascending = places.argsort()
    return places[ascending], groups[ascending]


def _top_characters(positions: np.ndarray, groups: np.ndarray, starts: np.ndarray, n: int) -> int:
    """Characters, spaces between words included, of the most frequent n-gram times its count; the first at a tie."""
    count, first = 1, 0
    if len(positions):
        counts = np.bincount(groups)
        count = int(counts.max())
        first = int(positions[np.argmax(counts[groups] == count)])
    if first + n >= len(starts):
        return 0  # the text has fewer than n words
    return (int(starts[first + n] - starts[first]) + n - 1) * count


def _repeated_characters(positions: np.ndarray, groups: np.ndarray, starts: np.ndarray, n: int) -> int:
    """Characters, without spaces, of n-grams seen before; the scan skips each such n-gram."""
    lengths = starts[positions + n] - starts[positions]
    seen: set[int] = set()
    total = end = 0
    for position, group, length in zip(positions.tolist(), groups.tolist(), lengths.tolist(), strict=True):
        if position < end:
            continue
        if group in seen:
            total += length
            end = position + n
        else:
            seen.add(group)
    return total
