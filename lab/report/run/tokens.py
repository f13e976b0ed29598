"""Token statistics. In: data/tokenize (flat binary shards and index.json) and the tokenizer's ranks; out, `Tokens`.

At most `MAX_TOKENS` ids of a split are counted, in pieces, so that memory and time are bounded on any corpus.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.errors import InputError
from lab.files import read_json
from lab.formatting import count, short, visible
from lab.report.charts import Bar
from lab.tokens.bpe import read_ranks
from lab.tokens.shards import open_tokens

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
    folder = data / "tokenize"
    index = read_json(folder / "index.json")
    try:
        splits = [
            Split(name, int(split["tokens"]), int(split["documents"]), len(split["shards"]))
            for name, split in index["splits"].items()
        ]
        name = "train" if "train" in index["splits"] else next(iter(index["splits"]))
        vocabulary, end = int(index["vocabulary"]), index.get("eot")
        stream = open_tokens(folder, name, index)
    except (KeyError, TypeError, ValueError, StopIteration, AttributeError) as error:
        raise InputError(f"{folder / 'index.json'}: not an index of token shards ({error!r}).") from error
    # Piece by piece: count the ids; cut at the end-of-text tokens, and count the lengths between them by powers of two.
    # A document may go on in the next piece: `open_length` is what it has had so far.
    counts = np.zeros(vocabulary, dtype=np.int64)
    lengths: np.ndarray = np.zeros(32, dtype=np.int64)
    counted, open_length = min(len(stream), MAX_TOKENS), 0
    for start in range(0, counted, PIECE):
        piece = stream[start : min(start + PIECE, counted)]
        in_piece = np.bincount(piece, minlength=vocabulary)
        if len(in_piece) > vocabulary:
            raise InputError(f"{folder}: a token of {name} is {len(in_piece) - 1}, outside the vocabulary.")
        counts += in_piece
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
        frequent=_frequent(counts, token_names(data / "tokenizer")),
    )


def _bars(lengths: np.ndarray) -> list[Bar]:
    """Bins [2^(k-1), 2^k) of lengths, from the first to the last that holds a document."""
    filled = np.flatnonzero(lengths).tolist()
    bars = []
    for k in range(filled[0], filled[-1] + 1) if filled else ():
        low, high = (1 << k) // 2, (1 << k) - 1
        note = f"{count(lengths[k].item())} documents of {low:,} to {high:,} tokens"
        bars.append(Bar(f"{low:,}" if low < 10_000 else short(low), float(lengths[k]), note=note))
    return bars


def _frequent(counts: np.ndarray, names: dict[int, str]) -> list[tuple[str, int]]:
    order = np.lexsort((np.arange(len(counts)), -counts))[:MOST_FREQUENT]
    return [(names.get(int(i), f"token {i}"), int(counts[i])) for i in order if counts[i]]


def token_names(tokenizer: Path) -> dict[int, str]:
    """Token id -> its text, special tokens included; empty without a tokenizer."""
    ranks, settings = tokenizer / "ranks.tiktoken", tokenizer / "tokenizer.json"
    names = {rank: visible(token) for token, rank in read_ranks(ranks).items()} if ranks.exists() else {}
    special = read_json(settings)["special_tokens"] if settings.exists() else {}
    return names | {rank: name for name, rank in special.items()}
