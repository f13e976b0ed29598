"""A document's text: its words, lines and paragraphs, and how each language splits into words."""

from lab.curate.text.text import (
    ALPHABETIC,
    HASH_BASE,
    NON_SYMBOL,
    SYMBOLS,
    Text,
    duplicates,
    ends_sentence,
    extend_ngrams,
    word_hash,
)

__all__ = [
    "ALPHABETIC",
    "HASH_BASE",
    "NON_SYMBOL",
    "SYMBOLS",
    "Text",
    "duplicates",
    "ends_sentence",
    "extend_ngrams",
    "word_hash",
]
