"""A document's words, lines and paragraphs, computed once and shared by all filters.

In: a text and its language. Out: its words as arrays (hash, length, kind), its lines and paragraphs as strings.
What a word is: lab/curate/text/words.py.
"""

import string
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, count, islice

import numpy as np
import regex

from lab.curate.text.words import SegmentingSplitter, Splitter, splitter
from lab.documents import text_digest

# Kinds of a word, as bits.
NON_SYMBOL = 1  # has something other than punctuation
ALPHABETIC = 2  # has a letter
TERMINAL = 4  # is a mark that ends a sentence
PUNCTUATION = 8  # is only punctuation as Unicode has it, that is, without symbols such as + and |

# Marks that end a sentence or line, in any script: Unicode's, and three Khmer ones that FineWeb adds.
TERMINAL_MARKS = frozenset(
    regex.findall(r"[\p{Sentence_Terminal}៖៙៚]", "".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)])))
)
# What near-duplicate detection ignores: cc_net's list (Wenzek et al. 2019), as in FineWeb. Why it has "１" is unknown.
SYMBOLS = (
    string.punctuation
    + "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
    + "".join(map(chr, [*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0D, 0x20), *range(0x7F, 0xA0)]))
)
_SYMBOLS_AND_MARKS = TERMINAL_MARKS.union(SYMBOLS)  # a "symbol" word has nothing else

_PUNCTUATION_WORD = regex.compile(r"\p{P}+")

_LINE_BREAKS = regex.compile(r"\n+")
_PARAGRAPH_BREAKS = regex.compile(r"\n{2,}")
HASH_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of an n-gram is lost modulo 2^64
_LINE_END = -1  # in place of a row
_LEXICON_CHUNKS = 200_000  # or words; a larger lexicon is cleared
_REMEMBERED_CHUNK = 64  # characters; longer ones, such as Chinese sentences, hardly recur


def word_hash(word: str) -> int:
    """64 bits of a word, the same in every process."""
    return int.from_bytes(text_digest(word), "little")


def extend_ngrams(
    hashes: np.ndarray, positions: np.ndarray, keys: np.ndarray, n: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Extend n-grams to `size`-grams. `keys`: hashes of the n-grams that begin at `positions`.

    `hashes`: of the words, uint64 [words]. Returns positions and keys (uint64) of the same length, without positions
    too near the end for `size` words.
    """
    fitting = positions + size <= len(hashes)
    positions, keys = positions[fitting], keys[fitting]
    for offset in range(n, size):
        keys = keys * HASH_BASE + hashes[positions + offset]
    return positions, keys


def kind(word: str) -> int:
    """A word's kind: bits NON_SYMBOL, ALPHABETIC, TERMINAL and PUNCTUATION."""
    if word.isalpha():  # no letter is a symbol or a mark
        return NON_SYMBOL | ALPHABETIC
    return (
        (0 if _SYMBOLS_AND_MARKS.issuperset(word) else NON_SYMBOL)
        | (ALPHABETIC if any(map(str.isalpha, word)) else 0)
        | (TERMINAL if word in TERMINAL_MARKS else 0)
        | (PUNCTUATION if _PUNCTUATION_WORD.fullmatch(word) else 0)
    )


@dataclass(frozen=True)
class _Words:
    """A text's words, as rows into arrays of the distinct words' measures."""

    rows: np.ndarray  # int64 [words]
    ends: np.ndarray  # int64 [lines], words up to and including each line
    hashes: np.ndarray  # uint64 [rows]
    lengths: np.ndarray  # int64 [rows]
    kinds: np.ndarray  # uint8 [rows]


class _Lexicon(dict):
    """Chunk -> rows of its words in arrays of their measures.

    Only a cache: measures never depend on earlier texts. About 300 bytes per chunk.
    """

    def __init__(self, rules: Splitter | SegmentingSplitter) -> None:
        super().__init__()
        self._split = rules.split
        self._start()

    def _start(self) -> None:
        self.clear()
        self._rows: dict[str, int] = defaultdict(count().__next__)  # of words, in order
        self._measured = 0  # rows of the arrays that hold a word's measures
        self._hashes, self._lengths, self._kinds = (np.zeros(0, kind) for kind in (np.uint64, np.int64, np.uint8))

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        rows = tuple(map(self._rows.__getitem__, self._split(chunk)))
        if len(chunk) <= _REMEMBERED_CHUNK:
            self[chunk] = rows
        return rows

    def look_up(self, text: str) -> _Words:
        """The words of a text, and where its lines end."""
        if max(len(self), len(self._rows)) > _LEXICON_CHUNKS:
            self._start()
        # A character that the text has not stands for line ends, so that words and lines come out of one split.
        mark = next(mark for mark in map(chr, count()) if mark not in text and not mark.isspace())  # most often "\0"
        self[mark] = (_LINE_END,)
        chunks = text.replace("\n", f" {mark} ").split()
        try:
            rows = np.fromiter(chain.from_iterable(map(self.__getitem__, chunks)), np.int64)
        finally:
            del self[mark]
        self._measure()
        ends = np.flatnonzero(rows == _LINE_END)
        if len(ends):
            rows = rows[rows != _LINE_END]
            ends -= np.arange(len(ends))
        return _Words(rows, np.append(ends, len(rows)), self._hashes, self._lengths, self._kinds)

    def _measure(self) -> None:
        """Fill the rows of words that are new since the last call."""
        size = len(self._rows)
        if size == self._measured:
            return
        if size > len(self._hashes):
            self._hashes, self._lengths, self._kinds = (
                np.resize(values, 2 * size) for values in (self._hashes, self._lengths, self._kinds)
            )
        words = list(islice(reversed(self._rows), size - self._measured))[::-1]
        place = slice(self._measured, size)
        self._hashes[place] = np.frombuffer(b"".join(map(text_digest, words)), "<u8")
        self._lengths[place] = list(map(len, words))
        self._kinds[place] = list(map(kind, words))
        self._measured = size


@lru_cache
def _lexicon(language: str | None) -> _Lexicon:
    return _Lexicon(splitter(language))


class Text:
    """A text with its words, lines and paragraphs, each computed on first use. `language`: ISO 639-1.

    `hashes` uint64 [words], `lengths` int64 [words] in characters, `kinds` uint8 [words];
    `line_ends` int64 [lines of text.split("\\n")], words up to and including each of them.
    """

    def __init__(self, text: str, language: str | None = None):
        self.text = text
        self.language = language

    @classmethod
    def of(cls, text: "str | Text", language: str | None = None) -> "Text":
        return text if isinstance(text, Text) else cls(text, language)

    def of_lines(self, text: str, places: Sequence[int]) -> "Text":
        """The Text of some lines of this one, whose words are then not split again.

        `text`: the lines of text.split("\\n") at `places`, joined; it may lack spaces at their ends.
        """
        result = Text(text, self.language)
        words = self._words
        counts = np.diff(words.ends, prepend=0)
        kept = np.zeros(len(counts), bool)
        kept[places] = True
        result._words = replace(words, rows=words.rows[np.repeat(kept, counts)], ends=np.cumsum(counts[kept]))
        return result

    @cached_property
    def paragraphs(self) -> list[str]:
        """Parts separated by two or more newlines."""
        return _PARAGRAPH_BREAKS.split(self.text.strip())

    @cached_property
    def lines(self) -> list[str]:
        """Parts separated by newlines, without blank lines between them."""
        return _LINE_BREAKS.split(self.text)

    @cached_property
    def _words(self) -> _Words:
        return _lexicon(self.language).look_up(self.text)

    @cached_property
    def hashes(self) -> np.ndarray:
        return self._words.hashes[self._words.rows]

    @cached_property
    def lengths(self) -> np.ndarray:
        return self._words.lengths[self._words.rows]

    @cached_property
    def kinds(self) -> np.ndarray:
        return self._words.kinds[self._words.rows]

    @property
    def line_ends(self) -> np.ndarray:
        return self._words.ends

    def words(self) -> Iterator[str]:
        """The words as strings (the filters need only their measures)."""
        return chain.from_iterable(map(splitter(self.language).split, self.text.split()))

    def sentence_breaks(self) -> int:
        """How often a new sentence begins within a line: at a terminal mark followed by a word that is no punctuation
        (spaCy's sentencizer)."""
        telling = np.flatnonzero((self.kinds & (TERMINAL | PUNCTUATION)) != PUNCTUATION)
        ends = (self.kinds[telling] & TERMINAL) != 0
        before = np.flatnonzero(ends[:-1] & ~ends[1:])
        line, next_line = (np.searchsorted(self.line_ends, telling[at], "right") for at in (before, before + 1))
        return int(np.count_nonzero(line == next_line))


def duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts repeat an earlier one, and their characters."""
    distinct = set(parts)
    if len(distinct) == len(parts):
        return 0, 0
    return len(parts) - len(distinct), sum(map(len, parts)) - sum(map(len, distinct))


def ends_sentence(line: str) -> bool:
    """Whether a line's last character is a terminal mark, in any script; a quote or space after the mark is not."""
    return line[-1:] in TERMINAL_MARKS
