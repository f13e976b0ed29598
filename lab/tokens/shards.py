"""Token shards: a split as one stream of token ids on disk, read through memory maps.

In: tokens. Out: <split>/shard-*.bin, flat little-endian uint16 or uint32, and from a folder of them with its index.json
(dtype, counts, the tokenizer's hash; written by lab.tokens.tokenize) the tokens of a split as one long array.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.errors import InputError
from lab.files import read_json

COPY_TOKENS = 1 << 22


def write_shards(stream: "Tokens", out: Path, split: str, dtype: np.dtype, shard_tokens: int) -> list[dict]:
    """Cut a stream into files of `shard_tokens` tokens; returns their paths (relative to `out`) and token counts."""
    (out / split).mkdir(parents=True, exist_ok=True)
    written = []
    for start in range(0, len(stream), shard_tokens):
        stop = min(start + shard_tokens, len(stream))
        path = f"{split}/shard-{len(written):05d}.bin"
        with open(out / path, "wb") as file:
            for position in range(start, stop, COPY_TOKENS):
                file.write(stream[position : min(position + COPY_TOKENS, stop)].astype(dtype).tobytes())
        written.append({"path": path, "tokens": stop - start})
    return written


def read_index(folder: Path) -> dict:
    """index.json of a folder of token shards. InputError where there is none."""
    if not (folder / "index.json").exists():
        raise InputError(f"{folder}/index.json: no such file. Run `dvc repro tokenize`.")
    return read_json(folder / "index.json")


class Tokens:
    """The tokens of a split as one long array over its shards, without reading them into memory."""

    def __init__(self, shards: list[np.ndarray]):
        self._shards = shards
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, span: slice) -> np.ndarray:
        """Tokens [start:stop] as a new array of int64."""
        start, stop, step = span.indices(len(self))
        if step != 1:
            raise ValueError("a span of tokens has no step")
        pieces = [np.empty(0, np.int64)]
        shard = int(np.searchsorted(self._starts, start, side="right")) - 1
        while start < stop:
            offset = start - self._starts[shard]
            pieces.append(self._shards[shard][offset : offset + stop - start])
            start += len(pieces[-1])
            shard += 1
        return np.concatenate(pieces, dtype=np.int64)


def open_tokens(folder: Path, split: str, index: Mapping | None = None) -> Tokens:
    """The tokens of a split, memory-mapped. `index`: the content of index.json, if it is read already.

    InputError when a shard is missing or not as long as the index says.
    """
    index = index or read_index(folder)
    dtype = np.dtype(index["dtype"]).newbyteorder("<")
    maps = []
    for shard in index["splits"][split]["shards"]:
        path = folder / shard["path"]
        size, promised = path.stat().st_size if path.exists() else -1, shard["tokens"] * dtype.itemsize
        if size != promised:
            again = "Run `dvc repro --force --single-item tokenize`."
            raise InputError(f"{path}: {size} bytes where index.json says {promised}. {again}")
        maps.append(np.memmap(path, dtype, "r"))
    return Tokens(maps)
