"""Gopher's two filters: repetition and quality.

In: a text. Out: its statistics, and the Reason to refuse it, labelled with the parameter that it breaks, or None. As
Rae et al. 2021 (section A1.1, table A1) define them and datatrove runs them for FineWeb, decision by decision.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from lab.curate.quality import thresholds as rules
from lab.curate.text.text import ALPHABETIC, NON_SYMBOL, Text, duplicates, extend_ngrams, word_hash
from lab.documents import Reason
from lab.params import GopherParams, RepetitionParams


def repetition_reason(text: str | Text, params: RepetitionParams) -> Reason | None:
    """Refuses repeated paragraphs, lines and n-grams of words. Shares are of all characters of the text."""
    return rules.first_broken(repetition_statistics(text, params), rules.repetition(params))


def repetition_statistics(text: str | Text, params: RepetitionParams) -> dict[str, float]:
    """Repeated shares of a text, by statistic (quality/thresholds.py); n-grams of the sizes that `params` limits.

    Nothing of a text without characters.
    """
    text = Text.of(text)
    characters = len(text.text)
    if not characters:
        return {}
    found: dict[str, float] = {}
    for name, parts in (("paragraph", text.paragraphs), ("line", text.lines)):
        repeated, repeated_characters = duplicates(parts)
        found[f"duplicate_{name}_share"] = repeated / len(parts)
        found[f"duplicate_{name}_character_share"] = repeated_characters / characters
    tops, repeats = params.max_top_ngram_share, params.max_duplicate_ngram_share
    starts = np.concatenate([[0], np.cumsum(text.lengths)])
    for n, positions, groups in repeated_ngrams(text.hashes, sorted({*tops, *repeats})):
        if n in tops:
            found[f"top_ngram_share.{n}"] = _top_characters(positions, groups, starts, n) / characters
        if n in repeats:
            found[f"duplicate_ngram_share.{n}"] = _repeated_characters(positions, groups, starts, n) / characters
    return found


def quality_reason(text: str | Text, params: GopherParams) -> Reason | None:
    """Refuses what does not look like prose: too short or long, odd words, symbols, bullets, few stop words."""
    return rules.first_broken(quality_statistics(text, params), rules.gopher(params))


def quality_statistics(text: str | Text, params: GopherParams) -> dict[str, float]:
    """Of a text, by statistic (lab/curate/quality/thresholds.py); of one without words only that it has none.

    `words` and their mean length leave punctuation out; ratios and shares of words are of all words.
    """
    text = Text.of(text)
    kinds, words = text.kinds, len(text.kinds)
    if not words:
        return {"words": 0}
    non_symbol = (kinds & NON_SYMBOL) != 0
    count = int(np.count_nonzero(non_symbol))
    lines = text.text.splitlines()
    bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
    ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    return {
        "words": count,
        "mean_word_length": float(text.lengths[non_symbol].sum() / count) if count else 0.0,
        "hash_ratio": text.text.count("#") / words,
        "ellipsis_ratio": (text.text.count("...") + text.text.count("…")) / words,
        "bullet_line_share": bullets / len(lines),
        "ellipsis_line_share": ellipses / len(lines),
        "alphabetic_word_share": np.count_nonzero(kinds & ALPHABETIC) / words,
        "stop_words": len(_hashes_of(tuple(params.stop_words)).intersection(text.hashes.tolist())),
    }


@lru_cache(16)
def _hashes_of(words: tuple[str, ...]) -> frozenset[int]:
    return frozenset(map(word_hash, words))


def repeated_ngrams(hashes: np.ndarray, sizes: Sequence[int]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each n of `sizes` (ascending): where n-grams stand that occur twice or more, and which are the same.

    Yields (n, positions [repeated] ascending, groups [repeated]: 0 ... for each distinct n-gram). Whatever repeats
    at length n repeats at every shorter one too, so each step looks only at what the step before has left.
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
    """Where in `keys` those stand that occur twice or more, ascending, and for each its group: 0 ... by value."""
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
    """Characters, without spaces, of n-grams seen before; after each the scan goes on behind it."""
    lengths = starts[positions + n] - starts[positions]
    seen: set[int] = set()
    total = behind = 0
    for position, group, length in zip(positions.tolist(), groups.tolist(), lengths.tolist(), strict=True):
        if position < behind:
            continue
        if group in seen:
            total += length
            behind = position + n
        else:
            seen.add(group)
    return total
