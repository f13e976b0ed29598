"""Hashes of any parts of a buffer of bytes, all at once: what the URL filter looks up in its lists.

In: a buffer, starts and ends of spans. Out: 64 bits for each span. The hash is a polynomial modulo 2^64 over a random
number for each byte's value (Carter and Wegman 1979), so a span's hash is the difference of two prefix sums. Two given
texts collide with a probability of about 2^-60: a look-up among four million entries hits wrongly once in 10^11 times.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_VALUES = np.random.Generator(np.random.PCG64(20240531)).integers(1 << 64, size=256, dtype=np.uint64)


class Spans:
    """A buffer of bytes, uint8 [bytes]; spans of it are given as starts and ends, int64 [spans]."""

    def __init__(self, data: np.ndarray):
        self.bytes = data
        self._sums = np.zeros(len(data) + 1, np.uint64)
        np.cumsum(_VALUES[data] * _powers(len(data), _BASE), out=self._sums[1:])

    @classmethod
    def of(cls, texts: pa.StringArray | pa.BinaryArray) -> tuple["Spans", np.ndarray, np.ndarray]:
        """The texts' own buffer, and where in it each text starts and ends."""
        _, offsets, data = texts.buffers()
        offsets = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
        first = int(offsets[0])
        data = np.frombuffer(data or b"", np.uint8)[first : int(offsets[-1])]
        # One byte more, so that the position behind the last text can be looked at.
        return cls(np.append(data, np.uint8(0))), offsets[:-1] - first, offsets[1:] - first

    def hashes(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """uint64 [spans]; equal texts have equal hashes wherever they stand, in any buffer and process."""
        return (self._sums[ends] - self._sums[starts]) * _powers(len(self.bytes), _INVERSE)[starts]

    def text(self, start: int, end: int) -> str:
        return self.bytes[start:end].tobytes().decode("utf-8", "replace")

    def next(self, byte: int, positions: np.ndarray) -> np.ndarray:
        """Where the byte stands next, at or behind each position; the buffer's end where it does not."""
        found = np.append(np.flatnonzero(self.bytes == byte), len(self.bytes))
        return found[np.minimum(np.searchsorted(found, positions), len(found) - 1)]

    def starts_with(self, starts: np.ndarray, ends: np.ndarray, prefix: np.ndarray) -> np.ndarray:
        """Which spans begin with the prefix, bool [spans]."""
        result = ends - starts >= len(prefix)
        for offset, byte in enumerate(prefix):
            result &= self.bytes[np.minimum(starts + offset, len(self.bytes) - 1)] == byte
        return result


def _powers(length: int, base: int) -> np.ndarray:
    """base^0, base^1, ..., uint64 [at least length]."""
    return _power_table(max(length, 1 << 16).bit_length(), base)[: max(length, 1)]


@lru_cache(8)
def _power_table(bits: int, base: int) -> np.ndarray:
    table = np.full(1 << bits, base, np.uint64)
    table[0] = 1
    return np.cumprod(table)
