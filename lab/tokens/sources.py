"""The sources of the validation documents, in a few groups, so that a loss can be shown by source.

Out: sources.parquet beside the shards, one row per document in their order, and from it the source of any token. The
groups are those of the first property in which documents differ: the language; else the last labels of the host's
name, as few as differ (com and org; where all are org, a.org and b.org; ...). Groups of less than a hundredth of the
tokens, or not among the largest, are "other".
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lab.documents import read_table, write_table

FILE = "sources.parquet"
MOST = 8  # groups, without "other"
LEAST_SHARE = 0.01  # of the tokens
MOST_LABELS = 4  # of a host's name
OTHER = "other"
_SOURCES = pa.schema([("source", pa.string()), ("tokens", pa.int64())])


class Origin(NamedTuple):
    """Properties of a document: `tokens` including its end-of-text, ISO 639 code or None, host in lower case."""

    tokens: int
    language: str | None
    host: str


def name_sources(origins: Sequence[Origin]) -> list[str]:
    """The source of each document; all "other" where they differ in no property."""
    languages = [origin.language or OTHER for origin in origins]
    hosts = ([_end(origin.host, labels) for origin in origins] for labels in range(1, MOST_LABELS + 1))
    for names in chain([languages], hosts):
        kept = _large(names, [origin.tokens for origin in origins])
        if len(kept) > 1:
            return [name if name in kept else OTHER for name in names]
    return [OTHER] * len(origins)


def _end(name: str, labels: int) -> str:
    """The last labels of a host's name; an IP address is kept whole."""
    return name if name[-1:].isdigit() or ":" in name else ".".join(name.split(".")[-labels:]) or OTHER


def _large(names: Sequence[str], tokens: Sequence[int]) -> set[str]:
    sizes: Counter[str] = Counter()
    for name, count in zip(names, tokens, strict=True):
        sizes[name] += count
    least = LEAST_SHARE * sizes.total()
    ordered = sorted((name for name in sizes if sizes[name] >= least), key=lambda name: (-sizes[name], name))
    return set(ordered[:MOST])


def write_sources(folder: Path, origins: Sequence[Origin]) -> None:
    """Write sources.parquet of the validation documents, in their order."""
    columns = {"source": name_sources(origins), "tokens": [origin.tokens for origin in origins]}
    write_table(pa.table(columns, schema=_SOURCES), folder / FILE)


class Sources:
    """The sources of a stream of tokens, from those of its documents and their tokens. `names`: in alphabetical order;
    a token's source is an index into them."""

    def __init__(self, names: Sequence[str], tokens: Sequence[int]):
        unique, self._numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
        self.names: list[str] = unique.tolist()
        self._ends = np.cumsum(np.asarray(tokens, np.int64))

    def of(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The sources of the `length` tokens from each of `starts` [n] on, [n, length] int64."""
        positions = starts[:, None] + np.arange(length)
        return self._numbers[np.searchsorted(self._ends, positions, side="right")]


def read_sources(folder: Path) -> Sources | None:
    """The sources of the validation split in a folder of shards; None where there is one only."""
    if not (folder / FILE).exists():  # shards that the lab did not write
        return None
    table = read_table(folder / FILE)
    sources = Sources(table["source"].to_pylist(), table["tokens"].to_pylist())
    return sources if len(sources.names) > 1 else None
