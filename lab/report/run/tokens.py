"""Token statistics. In: data/tokenize (flat binary shards and index.json) and the tokenizer's ranks; out, `Tokens`.

At most `MAX_TOKENS` ids of a split are counted, in pieces, so that memory and time are bounded on any corpus.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.errors import InputError
from lab.files import read_json
from lab.formatting import count, short, visible
from lab.report.charts import Bar

MAX_TOKENS = 200_000_000  # counted per split
PIECE = 4_000_000  # tokens in memory at once
MOST_FREQUENT = 40


@dataclass(frozen=True)
class Split:
    """A split, by index.json."""

    name: str
    tokens: int
    documents: int
    shards: int


@dataclass(frozen=True)
class Tokens:
    """Token statistics of the train split; of the first split if there is no `train`."""

    splits: list[Split]
    dtype: str
    vocabulary: int
    tokenizer: str  # hash
    counted: int  # tokens that the following is computed from
    used: int  # different tokens among them
    rare: int  # different tokens seen fewer than 10 times
    lengths: list[Bar]  # documents by length in tokens: bins of powers of two
    frequent: list[tuple[str, int]]  # the most frequent tokens, as text


def read_tokens(data: Path) -> Tokens:
    """Statistics of the shards. InputError if they are missing or do not match index.json."""
    index = read_json(data / "tokenize" / "index.json")
    try:
        splits = [
            Split(name, int(split["tokens"]), int(split["documents"]), len(split["shards"]))
            for name, split in index["splits"].items()
        ]
        name = "train" if "train" in index["splits"] else next(iter(index["splits"]))
        dtype, vocabulary, end = np.dtype(index["dtype"]).newbyteorder("<"), int(index["vocabulary"]), index.get("eot")
        shards = [shard["path"] for shard in index["splits"][name]["shards"]]
    except (KeyError, TypeError, ValueError, StopIteration, AttributeError) as error:
        raise InputError(f"{data / 'tokenize' / 'index.json'}: not an index of token shards ({error!r}).") from error
    # Piece by piece: count the ids; cut at the end-of-text tokens, and count the lengths between them by powers of two.
    # A document may go on in the next piece: `open_length` is what it has had so far.
    counts = np.zeros(vocabulary, dtype=np.int64)
    lengths: np.ndarray = np.zeros(32, dtype=np.int64)
    counted = open_length = 0
    for piece in _pieces(data / "tokenize", name, shards, dtype):
        in_piece = np.bincount(piece, minlength=vocabulary)
        if len(in_piece) > vocabulary:
            raise InputError(f"{data / 'tokenize'}: a token of {name} is {len(in_piece) - 1}, outside the vocabulary.")
        counts += in_piece
        counted += len(piece)
        if end is not None:
            ends = np.flatnonzero(piece == end)
            documents = np.diff(ends, prepend=-1) - 1  # lengths
            if len(ends):
                documents[0] += open_length
                open_length = len(piece) - 1 - int(ends[-1])
                lengths += np.bincount(np.frexp(documents)[1].clip(0, 31), minlength=32)
            else:
                open_length += len(piece)
    return Tokens(
        splits=splits,
        dtype=str(index["dtype"]),
        vocabulary=vocabulary,
        tokenizer=str(index.get("tokenizer") or ""),
        counted=counted,
        used=int((counts > 0).sum()),
        rare=int(((counts > 0) & (counts < 10)).sum()),
        lengths=_bars(lengths),
        frequent=_frequent(counts, data / "tokenizer"),
    )


def _pieces(folder: Path, split: str, shards: list[str], dtype: np.dtype) -> Iterator[np.ndarray]:
    remaining = MAX_TOKENS
    for name in shards:
        path = next((p for p in (folder / split / name, folder / name, Path(name)) if p.is_file()), None)
        if path is None:
            raise InputError(f"{folder / split / name}: no such file, but index.json names it.")
        if path.stat().st_size == 0:
            continue
        tokens = np.memmap(path, dtype=dtype, mode="r", shape=(path.stat().st_size // dtype.itemsize,))
        for start in range(0, min(remaining, len(tokens)), PIECE):
            yield np.asarray(tokens[start : min(start + PIECE, remaining)])
        remaining -= min(remaining, len(tokens))


def _bars(lengths: np.ndarray) -> list[Bar]:
    """Bins [2^(k-1), 2^k) of lengths, from the first to the last that holds a document."""
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return []
    bars = []
    for k in range(int(filled[0]), int(filled[-1]) + 1):
        low, high = (1 << (k - 1) if k else 0), max(0, (1 << k) - 1)
        note = f"{count(lengths[k].item())} documents of {low:,} to {high:,} tokens"
        bars.append(Bar(f"{low:,}" if low < 10_000 else short(low), float(lengths[k]), note=note))
    return bars


def _frequent(counts: np.ndarray, tokenizer: Path) -> list[tuple[str, int]]:
    names = token_names(tokenizer)
    order = np.lexsort((np.arange(len(counts)), -counts))[:MOST_FREQUENT]
    return [(names.get(int(i), f"token {i}"), int(counts[i])) for i in order if counts[i]]


def token_names(tokenizer: Path) -> dict[int, str]:
    """Token id -> its text, from ranks.tiktoken and the special tokens of tokenizer.json; empty without those."""
    names: dict[int, str] = {}
    ranks = tokenizer / "ranks.tiktoken"
    if ranks.exists():
        for line in ranks.read_bytes().splitlines():
            token, _, rank = line.partition(b" ")
            if rank.strip().isdigit():
                names[int(rank)] = visible(base64.b64decode(token))
    if (tokenizer / "tokenizer.json").exists():
        special: Any = read_json(tokenizer / "tokenizer.json")
        special = special.get("special_tokens") if isinstance(special, dict) else None
        names.update({int(i): str(name) for name, i in (special or {}).items()})
    return names
