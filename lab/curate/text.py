"""A document's words, lines and paragraphs: made once here and shared by every filter.

In: a text. Out: its words as arrays (hash, length, kind), its lines and paragraphs as strings. Words are, in effect,
those of spaCy's English tokeniser, which datatrove counts: runs between spaces, less the punctuation at their ends, of
which each mark is a word of its own; split again inside at hyphens, slashes and the like. Web addresses stay whole.
"""

import hashlib
import string
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import regex

# Kinds of a word, as bits.
NON_SYMBOL = 1  # holds something other than punctuation
ALPHABETIC = 2  # holds a letter
TERMINAL = 4  # is a mark that ends a sentence
PUNCTUATION = 8  # is nothing but punctuation in Unicode's sense, which leaves out symbols such as + and |

# Marks that end a sentence or line, in any script: Unicode's, and three Khmer ones that FineWeb has besides.
TERMINAL_MARKS = frozenset(
    regex.findall(r"[\p{Sentence_Terminal}៖៙៚]", "".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)])))
)
# What near-duplicate detection ignores: cc_net's list (Wenzek et al. 2019), as FineWeb has it. The odd "１" stands there
# by their mistake.
SYMBOLS = (
    string.punctuation
    + "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
    + "".join(map(chr, [*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0D, 0x20), *range(0x7F, 0xA0)]))
)
_SYMBOLS_AND_MARKS = TERMINAL_MARKS.union(SYMBOLS)  # a "symbol" word holds nothing else

_PUNCTUATION_WORD = regex.compile(r"\p{P}+")
_SINGLE_MARKS = frozenset("'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪")
_QUOTES = r"'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧"
_MARKS = r"…,:;!?¿؟¡()\[\]{}<>_\#*&。？！，、；：～·।،۔؛٪"
_UNIT = "(?:[kdcmnµ]?m[²³]?|ha|yd|in|ft|[kmµ]?g|t|lb|oz|[km]m?/[sh]|kmh|mph|h?Pa|mbar|[mMkKgGtT][bB]|T|G|M|K|%)"
_FLAGS = regex.VERBOSE | regex.VERSION1
_PREFIX = regex.compile(r"\.\.+ | …+ | [§%=—–] | \+(?![0-9]) | (?:US|[CA])?\$ | \p{Sc} | [\p{So}--[°]]", _FLAGS)
_SUFFIX = regex.compile(
    rf"""(?r)(?: \.\.+ | …+ | \): | [—–] | [\p{{So}}--[°]] | ['’][sS] | (?<=[0-9])(?:\+ | \p{{Sc}} | {_UNIT})
    | (?<=[0-9\p{{Ll}}%²\-+{_QUOTES}{_MARKS}] | \p{{Lu}}\p{{Lu}} )\. )$""",
    _FLAGS,
)
_INFIX = regex.compile(
    rf"""( \.\.+ | … | [\p{{So}}--[°]] | (?<=[0-9])[+\-*^](?=[0-9-]) | (?<=[\p{{Ll}}{_QUOTES}])\.(?=[\p{{Lu}}{_QUOTES}])
    | (?<=\p{{L}}),(?=\p{{L}}) | (?<=[\p{{L}}0-9])(?:---?|——?|[-–~:<>=/])(?=\p{{L}})
    | (?<=[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])(?=\p{{L}}) )""",
    _FLAGS,
)
_ADDRESS = regex.compile(
    r"(?:[\w+\-.]{2,}://)?(?:\S+@)?(?:[A-Za-z0-9\u00a1-\uffff][\w-]{0,62}\.)+\p{Ll}{2,63}(?::\d{2,5})?(?:[/?\#]\S*)?"
)
_CONTRACTION = regex.compile(r"(?i)(.+)(n['’]t|['’](?:ll|re|ve|d|m))")
_JOINED = {"cannot": ["can", "not"], "Cannot": ["Can", "not"], "gonna": ["gon", "na"], "gotta": ["got", "ta"]}
_ABBREVIATIONS = frozenset(
    "Mr. Mrs. Ms. Messrs. Dr. Prof. St. Mt. Jr. Gen. Gov. Rep. Rev. Sen. Adm. Inc. Ltd. Co. co. Corp. Bros. vs. "
    "e.g. i.e. E.g. I.e. a.m. p.m. Ph.D. D.C. N.Y. N.J. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec. "
    "Ariz. Calif. Colo. Conn. Fla. Ga. Ill. Ind. Kan. Ky. Mass. Md. Mich. Minn. Miss. Mo. Mont. Neb. Nev. Okla. Ore. "
    "Pa. Tenn. Va. Wash. Wis. and/or w/o C++ o'clock ma'am 's 'S 'd 'm 're 've 'll ''".split()
) | {f"{letter}." for letter in string.ascii_lowercase + "äöü"}

_FIRST_IDEOGRAPH = "\u2e80"
_LINE_BREAKS = regex.compile(r"\n+")
_PARAGRAPH_BREAKS = regex.compile(r"\n{2,}")
HASH_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of an n-gram is lost modulo 2^64
_MEASURES = np.dtype([("hash", np.uint64), ("length", np.int64), ("kind", np.uint8)])
_LEXICON_CHUNKS = 200_000  # beyond that it starts afresh


def word_hash(word: str) -> int:
    """64 bits of a word, the same in every process."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def extend_ngrams(
    hashes: np.ndarray, positions: np.ndarray, keys: np.ndarray, n: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """From hashes of n-grams that begin at `positions` to those of the longer `size`-grams that begin there.

    `hashes` uint64 [words] are the words'; positions too near the end for `size` words fall out. Returns positions
    and keys, uint64, of the same length.
    """
    fitting = positions + size <= len(hashes)
    positions, keys = positions[fitting], keys[fitting]
    for offset in range(n, size):
        keys = keys * HASH_BASE + hashes[positions + offset]
    return positions, keys


def split_chunk(chunk: str) -> list[str]:
    """The words of a run of characters without spaces."""
    if chunk.isalpha():
        return _split_core(chunk)
    before: list[str] = []
    after: list[str] = []
    while chunk and not chunk.isalpha() and chunk not in _ABBREVIATIONS:
        first, last = chunk[0], chunk[-1]
        if first in _SINGLE_MARKS:
            before.append(first)
            chunk = chunk[1:]
        elif last in _SINGLE_MARKS and not chunk.endswith("):"):
            after.append(last)
            chunk = chunk[:-1]
        elif (not first.isalnum() or "$" in chunk) and (mark := _PREFIX.match(chunk)):
            before.append(mark[0])
            chunk = chunk[mark.end() :]
        elif not last.isdecimal() and (mark := _SUFFIX.search(chunk)):
            after.append(mark[0])
            chunk = chunk[: mark.start()]
        else:
            break
    return before + _split_core(chunk) + after[::-1]


def _split_core(core: str) -> list[str]:
    """The words of a chunk that has lost the marks at its ends."""
    if core.isalnum() and core.isascii() and core not in _JOINED:
        return [core]
    if core in _JOINED:
        return _JOINED[core]
    if core in _ABBREVIATIONS or (("." in core or "@" in core) and _ADDRESS.fullmatch(core)):
        return [core]
    if ("'" in core or "’" in core) and (contraction := _CONTRACTION.fullmatch(core)):
        return list(contraction.groups())
    if core.isalpha() and max(core) < _FIRST_IDEOGRAPH:
        return [core]
    return [part for part in _INFIX.split(core) if part]


def kind(word: str) -> int:
    """The bits NON_SYMBOL, ALPHABETIC, TERMINAL and PUNCTUATION that a word has."""
    if word.isalpha() and word.isascii():
        return NON_SYMBOL | ALPHABETIC
    return (
        (0 if _SYMBOLS_AND_MARKS.issuperset(word) else NON_SYMBOL)
        | (ALPHABETIC if any(map(str.isalpha, word)) else 0)
        | (TERMINAL if word in TERMINAL_MARKS else 0)
        | (PUNCTUATION if _PUNCTUATION_WORD.fullmatch(word) else 0)
    )


class _Lexicon(dict):
    """Chunk -> rows of its words in an array of their measures.

    A memory only: what is measured never depends on what was seen before. About 300 bytes a chunk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._start()

    def _start(self) -> None:
        self.clear()
        self._rows: dict[str, int] = {}  # of words
        self._new: list[tuple[int, int, int]] = []  # measures that the array does not hold yet
        self._measures = np.zeros(1024, _MEASURES)

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        found = []
        for word in split_chunk(chunk):
            row = self._rows.get(word)
            if row is None:
                row = self._rows[word] = len(self._rows)
                self._new.append((word_hash(word), len(word), kind(word)))
            found.append(row)
        rows = self[chunk] = tuple(found)
        return rows

    def look_up(self, lines: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Measures of the lines' words in order, and the number of words up to the end of each line."""
        if len(self) > _LEXICON_CHUNKS:
            self._start()
        rows: list[int] = []
        ends = []
        for line in lines:
            rows.extend(chain.from_iterable(map(self.__getitem__, line.split())))
            ends.append(len(rows))
        if self._new:
            known = len(self._rows) - len(self._new)
            if len(self._rows) > len(self._measures):
                self._measures = np.resize(self._measures, 2 * len(self._rows))
            self._measures[known : len(self._rows)] = self._new
            self._new = []
        return self._measures[np.array(rows, np.int64)], np.array(ends, np.int64)


_lexicon = _Lexicon()


class Text:
    """A text with its words, lines and paragraphs, each made when first asked for.

    `hashes` uint64 [words], `lengths` int64 [words] in characters, `kinds` uint8 [words];
    `line_ends` int64 [lines of text.split("\\n")], words up to and with each of them.
    """

    def __init__(self, text: str):
        self.text = text

    @classmethod
    def of(cls, text: "str | Text") -> "Text":
        return text if isinstance(text, Text) else cls(text)

    @cached_property
    def paragraphs(self) -> list[str]:
        """Parts between two or more newlines."""
        return _PARAGRAPH_BREAKS.split(self.text.strip())

    @cached_property
    def lines(self) -> list[str]:
        """Parts between newlines; blank lines between them do not count."""
        return _LINE_BREAKS.split(self.text)

    @cached_property
    def _found(self) -> tuple[np.ndarray, np.ndarray]:
        return _lexicon.look_up(self.text.split("\n"))

    @cached_property
    def hashes(self) -> np.ndarray:
        return self._found[0]["hash"].copy()

    @cached_property
    def lengths(self) -> np.ndarray:
        return self._found[0]["length"].copy()

    @cached_property
    def kinds(self) -> np.ndarray:
        return self._found[0]["kind"].copy()

    @property
    def line_ends(self) -> np.ndarray:
        return self._found[1]

    def words(self) -> Iterator[str]:
        """The words as strings; the filters need only their measures."""
        return chain.from_iterable(map(split_chunk, self.text.split()))

    def sentence_breaks(self) -> int:
        """How often a sentence ends and another begins within a line: where a terminal mark is followed by a word that
        is no punctuation (spaCy's sentencizer)."""
        lines = np.repeat(np.arange(len(self.line_ends)), np.diff(self.line_ends, prepend=0))
        telling = (self.kinds & (TERMINAL | PUNCTUATION)) != PUNCTUATION
        ends, lines = (self.kinds[telling] & TERMINAL) != 0, lines[telling]
        return int(np.count_nonzero(ends[:-1] & ~ends[1:] & (lines[:-1] == lines[1:])))


def duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts repeat an earlier one, and their characters."""
    seen = set(parts)
    if len(seen) == len(parts):
        return 0, 0
    return len(parts) - len(seen), sum(map(len, parts)) - sum(map(len, seen))


def ends_sentence(line: str) -> bool:
    """Whether a line's last character is a terminal mark, in any script. A quote or a space after it is not looked
    behind."""
    return line[-1:] in TERMINAL_MARKS
