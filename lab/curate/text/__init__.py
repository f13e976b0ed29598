"""A document's text: its words, lines and paragraphs, and how each language splits into words."""

from lab.curate.text.text import HASH_BASE, SYMBOLS, Text, duplicates, ends_sentence, extend_ngrams, word_hash

__all__ = ["HASH_BASE", "SYMBOLS", "Text", "duplicates", "ends_sentence", "extend_ngrams", "word_hash"]
