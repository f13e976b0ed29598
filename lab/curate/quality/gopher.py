"""Gopher's quality filter: texts too short or too long, or that do not look like prose.

In: a text. Out: its statistics, and the Reason to refuse it, or None. As Rae et al. 2021 (section A1.1) define it and
datatrove runs it for FineWeb, decision by decision. Stop words of languages other than English are stopwordsiso's
(github.com/stopwords-iso), unless params.yaml names others.
"""

from collections.abc import Container
from functools import lru_cache
from typing import Self

import numpy as np
from pydantic import Field

from lab.curate.quality.thresholds import Thresholds, first_broken
from lab.curate.text.text import ALPHABETIC, NON_SYMBOL, Text, word_hash
from lab.documents import Reason
from lab.params import Count, Positive, Share

TITLE = "Gopher quality"


class Params(Thresholds):
    """Gopher's quality filter (Rae et al. 2021, section A1.1)."""

    min_words: Count | None = Field(50, description="words that hold something other than punctuation")
    max_words: Positive | None = 100_000
    min_mean_word_length: float | None = 3
    max_mean_word_length: float | None = 10
    max_hash_ratio: float | None = Field(0.1, description="'#' per word")
    max_ellipsis_ratio: float | None = Field(0.1, description="ellipses per word")
    max_bullet_line_share: Share | None = 0.9
    max_ellipsis_line_share: Share | None = 0.3
    min_alphabetic_word_share: Share | None = 0.8
    min_stop_words: Count | None = 2
    stop_words: list[str] = Field(
        ["the", "be", "to", "of", "and", "that", "have", "with"],
        description="of English; other languages have stopwordsiso's",
    )

    def in_language(self, language: str, differing: Container[str]) -> Self:
        """With the language's stop words, unless params.yaml names them; none are asked for if none are known."""
        if "stop_words" in differing:
            return self
        words = stop_words(language)
        return self.model_copy(update={"stop_words": words} if words else {"min_stop_words": None})


def reason(text: str | Text, params: Params) -> Reason | None:
    """Refuses what does not look like prose: too short or long, odd words, symbols, bullets, few stop words."""
    return first_broken(statistics(text, params), params.rules())


def statistics(text: str | Text, params: Params) -> dict[str, float]:
    """Of a text; of one without words only that it has none.

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


@lru_cache
def stop_words(language: str) -> list[str]:
    """The stop words of a language (ISO 639-1) in alphabetical order; none if stopwordsiso has no list of it."""
    import stopwordsiso  # reads its lists on import; only languages other than English need them

    return sorted(stopwordsiso.stopwords(language)) if stopwordsiso.has_lang(language) else []


@lru_cache(16)
def _hashes_of(words: tuple[str, ...]) -> frozenset[int]:
    return frozenset(map(word_hash, words))
