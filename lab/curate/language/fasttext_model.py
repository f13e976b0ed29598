"""A fastText classifier on arrays, several times faster than the library once it has met the common words.

In: a model read by language.fasttext_file, and a text. Out: its most probable label. The definitions are those
of facebookresearch/fastText (Joulin et al. 2016; src/dictionary.cc, src/loss.cc): a text is the bag of its words and
their character n-grams, the mean of whose rows goes into a hierarchical or a full softmax. Here a word is taken apart
only when it is met for the first time, together with all other new words of the texts at hand.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, repeat

import numpy as np

DECIMALS = 6  # of a probability: what processors differ in lies below
_END = b"</s>"
LABEL = b"__label__"
NO_ROW = -1
_TOGETHER = 1 << 13  # words learnt at a time: what that takes stays in a processor's cache
_FNV_START, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_SIGNED = np.arange(256, dtype=np.uint8).astype(np.int8).astype(np.int32).view(np.uint32)  # as fastText's char is
_SMALLEST = 1e-5  # that fastText adds before it takes a logarithm
_WORD_ENDS = bytes.maketrans(b"\0", b" ")  # where fastText ends a word and Python does not


@dataclass(frozen=True)
class FastTextModel:
    """`rows` [words + n-grams, width] float32, `head` [nodes or labels, width] float64; n-grams of `shortest` to
    `longest` characters fall into `buckets`, whose rows `row_of` gives (-1: none; None: all, after the words').
    `left`, `right`: of a hierarchical softmax, [labels, nodes], 1 where a label lies to that side; None of a full one.
    """

    words: dict[bytes, int]
    labels: list[str]
    rows: np.ndarray
    head: np.ndarray
    shortest: int
    longest: int
    buckets: int
    row_of: np.ndarray | None
    left: np.ndarray | None
    right: np.ndarray | None

    def log_probabilities(self, hidden: np.ndarray) -> np.ndarray:
        """Of each label, for the mean of a text's rows [width]."""
        scores = self.head @ hidden
        if self.left is None:
            shares = np.exp(scores - scores.max())
            return np.log(shares / shares.sum() + _SMALLEST)
        right = 1 / (1 + np.exp(-scores))
        return self.right @ np.log(right + _SMALLEST) + self.left @ np.log(1 - right + _SMALLEST)

    def sums(self, words: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Of each word, the sum [words, width] and the number [words] of its rows: its own, and its n-grams'."""
        own = np.fromiter(map(self.words.get, words, repeat(NO_ROW)), np.int64, len(words))
        known = np.flatnonzero(own >= 0)
        rows, owners = self._ngrams(words)
        rows = np.concatenate([own[known], rows])
        owners = np.concatenate([known, owners])
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=len(words))
        sums = np.zeros((len(words), self.rows.shape[1]), np.float32)
        some = counts > 0
        starts = np.cumsum(counts) - counts
        sums[some] = np.add.reduceat(self.rows[rows[order]], starts[some]) if some.any() else 0
        return sums, counts

    def _ngrams(self, words: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the character n-grams of `words`, each of which stands in <>, and the index of the word each is from.
        The text's end and labels have none."""
        if not self.longest:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        joined = b"<%b>" % b"><".join(words)
        text = np.frombuffer(joined, np.uint8)
        begins = np.flatnonzero((text & 0xC0) != 0x80)  # of characters
        sizes = np.diff(begins, append=len(text))
        ends = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)) + 2)
        lengths = np.diff(np.searchsorted(begins, ends), prepend=0)  # of the words, in characters
        word = np.repeat(np.arange(len(words)), lengths)
        left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(begins))  # characters to the word's end
        signed = _SIGNED[text]
        heads = np.concatenate([signed[begins], np.zeros(self.longest, np.uint32)])  # first bytes of the characters
        tails = [(longer, signed[begins[longer] + byte]) for byte, longer in _longer(sizes)]
        hashes = np.full(len(begins), _FNV_START)
        found, owners = [], []
        for n in range(1, self.longest + 1):  # of each n-gram that starts at a character, one character further
            hashes = (hashes ^ heads[n - 1 : n - 1 + len(begins)]) * _FNV_PRIME
            for places, values in tails:
                skip = int(np.searchsorted(places, n - 1))
                starts = places[skip:] - (n - 1)
                hashes[starts] = (hashes[starts] ^ values[skip:]) * _FNV_PRIME
            if n < self.shortest:
                continue
            # Of single characters, < and > are not counted.
            there = np.flatnonzero(left >= n if n > 1 else (left > 1) & (left < lengths[word]))
            bucket = hashes[there] % np.uint32(self.buckets)
            row = len(self.words) + bucket.astype(np.int64) if self.row_of is None else self.row_of[bucket]
            has_row = np.flatnonzero(row >= 0)
            found.append(row[has_row])
            owners.append(word[there[has_row]])
        rows, owner = np.concatenate(found), np.concatenate(owners)
        if _END in joined or LABEL in joined:
            bare = [place for place, one in enumerate(words) if one == _END or one.startswith(LABEL)]
            counted = ~np.isin(owner, bare)
            rows, owner = rows[counted], owner[counted]
        return rows, owner


def _longer(sizes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The characters of more than 1, 2, ... bytes."""
    for byte in range(1, int(sizes.max())):
        yield byte, np.flatnonzero(sizes > byte)


class Classifier:
    """A model with a memory of the words that it has met; after more than `memory` of them it begins anew."""

    def __init__(self, model: FastTextModel, memory: int = 1 << 18):
        self.model, self.memory = model, memory
        self._forget()

    def predict(self, text: str) -> tuple[str, float]:
        """The most probable label and its probability for a text (newlines count as spaces); ("", 0.0) for a text of
        which the model knows nothing."""
        return self.predict_all([text])[0]

    def predict_all(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The same for several texts: faster, as their new words are learnt together."""
        if len(self._slots) > self.memory:
            self._forget()
        bags = [self._bag(text) for text in texts]
        self._learn()
        return [self._best(bag) for bag in bags]

    def _bag(self, text: str) -> np.ndarray:
        """The slots of a text's words, int64 [words]."""
        line = text.encode("utf-8", "replace").translate(_WORD_ENDS)
        words = line.split()
        if _END in line and _END in words:
            del words[words.index(_END) :]
        words.append(_END)
        return np.fromiter(map(self._slots.__getitem__, words), np.int64, len(words))

    def _best(self, bag: np.ndarray) -> tuple[str, float]:
        rows = self._counts[bag].sum()
        if not rows:
            return "", 0.0
        hidden = self._sums[bag].sum(axis=0, dtype=np.float64) / rows
        logarithms = self.model.log_probabilities(hidden)
        best = int(logarithms.argmax())
        return self.model.labels[best], round(float(np.exp(logarithms[best])), DECIMALS)

    def _learn(self) -> None:
        """Fill the slots of words that came since the last time."""
        first, last = self._learnt, len(self._slots)
        if last > len(self._counts):
            self._sums = np.resize(self._sums, (2 * last, self._sums.shape[1]))
            self._counts = np.resize(self._counts, 2 * last)
        words = list(islice(reversed(self._slots), last - first))[::-1]
        for start in range(first, last, _TOGETHER):
            place = slice(start, min(start + _TOGETHER, last))
            self._sums[place], self._counts[place] = self.model.sums(words[start - first : place.stop - first])
        self._learnt = last

    def _forget(self) -> None:
        self._slots: dict[bytes, int] = defaultdict(count().__next__)  # of words, in order
        self._learnt = 0  # slots that are filled
        # Memory that is not written to is not taken.
        self._sums = np.zeros((self.memory + _TOGETHER, self.model.rows.shape[1]), np.float32)
        self._counts = np.zeros(self.memory + _TOGETHER, np.int64)
