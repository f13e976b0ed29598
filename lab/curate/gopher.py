"""Gopher's two filters: repetition and quality.

In: a text. Out: the Reason to refuse it, labelled with the parameter that it breaks, or None. As Rae et al. 2021
(section A1.1, table A1) define them and datatrove runs them for FineWeb, decision by decision.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from lab.curate.text import ALPHABETIC, NON_SYMBOL, Text, duplicates, extend_ngrams, word_hash
from lab.documents import Reason
from lab.params import GopherParams, RepetitionParams


def repetition_reason(text: str | Text, params: RepetitionParams) -> Reason | None:
    """Refuses repeated paragraphs, lines and n-grams of words. Shares are of all characters of the text."""
    text = Text.of(text)
    characters = len(text.text)
    if not characters:
        return Reason("empty")
    return (
        _repeated_parts("paragraph", text.paragraphs, characters, params)
        or _repeated_parts("line", text.lines, characters, params)
        or _repeated_ngrams(text, characters, params)
    )


def quality_reason(text: str | Text, params: GopherParams) -> Reason | None:
    """Refuses what does not look like prose: too short or long, odd words, symbols, bullets, few stop words."""
    text = Text.of(text)
    kinds, words = text.kinds, len(text.kinds)
    non_symbol = (kinds & NON_SYMBOL) != 0
    count = int(np.count_nonzero(non_symbol))
    length = float(text.lengths[non_symbol].sum() / count) if count else 0.0
    if reason := _below(params, "min_words", count):
        return reason
    if not words:
        return Reason("empty")
    return (
        _above(params, "max_words", count)
        or _below(params, "min_mean_word_length", length)
        or _above(params, "max_mean_word_length", length)
        or _above(params, "max_hash_ratio", text.text.count("#") / words)
        or _above(params, "max_ellipsis_ratio", (text.text.count("...") + text.text.count("…")) / words)
        or _lines_reason(text.text.splitlines(), params)
        or _below(params, "min_alphabetic_word_share", np.count_nonzero(kinds & ALPHABETIC) / words)
        or _stop_words_reason(text.hashes, params)
    )


def _lines_reason(lines: Sequence[str], params: GopherParams) -> Reason | None:
    bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
    ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    return _above(params, "max_bullet_line_share", bullets / len(lines)) or _above(
        params, "max_ellipsis_line_share", ellipses / len(lines)
    )


def _stop_words_reason(hashes: np.ndarray, params: GopherParams) -> Reason | None:
    if not params.min_stop_words:
        return None
    found = 0
    for stop_word in _hashes_of(tuple(params.stop_words)):
        found += bool((hashes == stop_word).any())
        if found >= params.min_stop_words:
            return None
    return Reason("min_stop_words", found, "<", params.min_stop_words)


@lru_cache(16)
def _hashes_of(words: tuple[str, ...]) -> np.ndarray:
    return np.array([word_hash(word) for word in sorted(set(words))], np.uint64)


def _repeated_parts(name: str, parts: Sequence[str], characters: int, params: RepetitionParams) -> Reason | None:
    repeated, repeated_characters = duplicates(parts)
    if not repeated:
        return None
    return _above(params, f"max_duplicate_{name}_share", repeated / len(parts)) or _above(
        params, f"max_duplicate_{name}_character_share", repeated_characters / characters
    )


def _repeated_ngrams(text: Text, characters: int, params: RepetitionParams) -> Reason | None:
    tops, repeats = params.max_top_ngram_share, params.max_duplicate_ngram_share
    starts = np.concatenate([[0], np.cumsum(text.lengths)])
    for n, positions, groups in repeated_ngrams(text.hashes, sorted({*tops, *repeats})):
        if n in tops and (share := _top_characters(positions, groups, starts, n) / characters) > tops[n]:
            return Reason(f"max_top_ngram_share.{n}", share, ">", tops[n])
        if n in repeats and (share := _repeated_characters(positions, groups, starts, n) / characters) > repeats[n]:
            return Reason(f"max_duplicate_ngram_share.{n}", share, ">", repeats[n])
    return None


def repeated_ngrams(hashes: np.ndarray, sizes: Sequence[int]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each n of `sizes` (ascending): where n-grams stand that occur twice or more, and which are the same.

    Yields (n, positions [repeated] ascending, groups [repeated]: 0 ... for each distinct n-gram). Whatever repeats
    at length n repeats at every shorter one too, so each step looks only at what the step before has left.
    """
    positions, keys, n = np.arange(len(hashes)), hashes, 1
    for size in sizes:
        positions, keys = extend_ngrams(hashes, positions, keys, n, size)
        n = size
        _, groups, counts = np.unique(keys, return_inverse=True, return_counts=True)
        repeated = counts[groups] > 1
        positions, keys, groups = positions[repeated], keys[repeated], groups[repeated]
        yield n, positions, groups


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


def _above(params: GopherParams | RepetitionParams, name: str, value: float) -> Reason | None:
    limit = getattr(params, name)
    return Reason(name, value, ">", limit) if limit is not None and value > limit else None


def _below(params: GopherParams, name: str, value: float) -> Reason | None:
    limit = getattr(params, name)
    return Reason(name, value, "<", limit) if limit is not None and value < limit else None
