"""fastText's model files: .bin, and .ftz, which is pruned and quantised.

In: a file. Out: the FastTextModel in it. The format is that of facebookresearch/fastText, version 12 (src/args.cc,
dictionary.cc, quantmatrix.cc, productquantizer.cc; Joulin et al. 2017 for the compression).
"""

import mmap
import struct
from pathlib import Path

import numpy as np

from lab.curate.language.fasttext_model import LABEL, NO_ROW, FastTextModel
from lab.errors import InputError

_MAGIC, _VERSION = 793712314, 12
_SUPERVISED, _HIERARCHICAL, _SOFTMAX = 3, 1, 3
_CENTROIDS = 256


class OtherModel(Exception):
    """A fastText model with word n-grams, with another loss than a softmax, or no classifier."""


def load(path: Path) -> FastTextModel:
    """The model of a file. InputError where it is none; OtherModel for one that only the library can run."""
    try:
        with open(path, "rb") as file:  # mapped, so that workers share a large one
            return _read(_Reader(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (struct.error, ValueError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a fastText classifier that can be used ({error}).") from None


class _Reader:
    """Little-endian values from the front of a file's bytes."""

    def __init__(self, data: mmap.mmap):
        self.data, self.place = data, 0

    def values(self, form: str) -> tuple:
        found = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return found

    def array(self, dtype: type, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, dtype, count, self.place)
        self.place += found.nbytes
        return found

    def word(self) -> bytes:
        end = self.data.find(b"\0", self.place)
        if end < 0:
            raise ValueError("it ends within a word")
        word = self.data[self.place : end]
        self.place = end + 1
        return word


def _read(file: _Reader) -> FastTextModel:
    magic, version = file.values("ii")
    if magic != _MAGIC or version != _VERSION:
        raise ValueError("its first bytes are others")
    _, _, _, _, _, word_ngrams, loss, kind, buckets, shortest, longest, _, _ = file.values("12id")
    if kind != _SUPERVISED or word_ngrams > 1 or loss not in (_HIERARCHICAL, _SOFTMAX):
        raise OtherModel
    size, word_count, _, _, pruned = file.values("3i2q")
    entries = [(file.word(), *file.values("qb")) for _ in range(size)]
    kept = file.array(np.int32, 2 * max(pruned, 0)).reshape(-1, 2)
    rows = _matrix(file, quantised=file.values("?")[0])
    head = _matrix(file, quantised=file.values("?")[0])
    row_of = None
    if pruned >= 0:
        row_of = np.full(buckets, NO_ROW, np.int32)
        row_of[kept[:, 0]] = word_count + kept[:, 1]
    labels = entries[word_count:]
    left, right = _paths([count for _, count, _ in labels]) if loss == _HIERARCHICAL else (None, None)
    return FastTextModel(
        words={word: row for row, (word, _, _) in enumerate(entries[:word_count])},
        labels=[label.removeprefix(LABEL).decode() for label, _, _ in labels],
        rows=rows,
        head=head.astype(np.float64),
        shortest=shortest,
        longest=longest,
        buckets=buckets,
        row_of=row_of,
        left=left,
        right=right,
    )


def _matrix(file: _Reader, *, quantised: bool) -> np.ndarray:
    """[rows, width] float32, out of product quantisation where it is so stored (Jégou et al. 2011)."""
    if not quantised:
        rows, width = file.values("2q")
        return file.array(np.float32, rows * width).reshape(rows, width)
    has_norms, rows, width, size = file.values("?2qi")
    codes = file.array(np.uint8, size).reshape(rows, -1)
    matrix = np.concatenate([part[codes[:, place]] for place, part in enumerate(_centroids(file))], axis=1)
    if has_norms:
        norm_codes = file.array(np.uint8, rows)
        matrix *= _centroids(file)[0][norm_codes]
    return matrix


def _centroids(file: _Reader) -> list[np.ndarray]:
    """Of each part of a row, [256, width of the part]."""
    width, parts, part_width, last_width = file.values("4i")
    values = file.array(np.float32, _CENTROIDS * width)
    whole = values[: _CENTROIDS * part_width * (parts - 1)].reshape(parts - 1, _CENTROIDS, part_width)
    return [*whole, values[_CENTROIDS * part_width * (parts - 1) :].reshape(_CENTROIDS, last_width)]


def _paths(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The Huffman tree over labels in order of falling counts, as FastTextModel has it: left, right."""
    labels = len(counts)
    weights = [*counts, *[10**15] * (labels - 1)]
    parents = np.zeros(2 * labels - 1, np.int64)
    sides = np.zeros(2 * labels - 1, np.int8)
    leaf, node = labels - 1, labels
    for parent in range(labels, 2 * labels - 1):
        children = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children.append(leaf)
                leaf -= 1
            else:
                children.append(node)
                node += 1
        weights[parent] = sum(weights[child] for child in children)
        parents[children] = parent
        sides[children] = -1, 1
    paths = np.zeros((labels, labels), np.int8)  # as wide as the head, whose last row is of no node
    for label in range(labels):
        place = label
        while place != 2 * labels - 2:
            paths[label, parents[place] - labels] = sides[place]
            place = parents[place]
    return (paths < 0).astype(np.float64), (paths > 0).astype(np.float64)
