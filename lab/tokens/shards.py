"""Token shards: documents as one stream of token ids on disk, read through memory maps.

In: a dataset (train/, validation/) and a tokenizer. Out: <split>/shard-*.bin, flat little-endian uint16 or uint32 (the
smallest that holds the vocabulary), index.json, which names dtype, counts and the tokenizer's hash, and the sources of
the validation split (lab.tokens.sources). Each document is preceded by end-of-text, as in llm.c's FineWeb shards.
"""

from functools import partial
from pathlib import Path

import numpy as np

from lab import engine as engines
from lab.documents import host, read_documents, shards, text_bytes
from lab.errors import InputError
from lab.files import read_json, write_json
from lab.params import EngineParams, TokenizeParams
from lab.tokens import bpe
from lab.tokens.sources import Origin, read_origins, write_origins, write_sources

SPLITS = ("train", "validation")
COPY_TOKENS = 1 << 22


def tokenize(dataset: Path, tokenizer: Path, out: Path, params: TokenizeParams, engine: EngineParams) -> dict:
    """Write the token shards of both splits; returns the stage's metrics."""
    encoding = bpe.load(tokenizer)
    dtype = np.dtype("<u2") if encoding.n_vocab <= 1 << 16 else np.dtype("<u4")
    index = {
        "dtype": dtype.name,
        "tokenizer": bpe.tokenizer_hash(tokenizer),
        "vocabulary": encoding.n_vocab,
        "eot": bpe.end_of_text(encoding),
        "splits": {},
    }
    metrics: dict = {"dtype": dtype.name}
    for split in SPLITS:
        parts = engines.run(
            f"tokenize.{split}",
            partial(_tokenize_shard, tokenizer=tokenizer, dtype=dtype.str, with_origins=split == "validation"),
            {path.stem: path for path in shards(dataset / split)},
            engine=engine,
            params=dtype.name,
            inputs=lambda path: [path, tokenizer / "ranks.tiktoken", tokenizer / "tokenizer.json"],
        )
        streams = [np.memmap(part.folder / f"{part.name}.bin", dtype, "r") for part in parts if part.result["tokens"]]
        index["splits"][split] = {
            **{key: sum(part.result[key] for part in parts) for key in ("tokens", "documents", "bytes")},
            "shards": write_shards(Tokens(streams), out, split, dtype, params.shard_tokens),
        }
        counts = index["splits"][split]
        used = np.zeros(encoding.n_vocab, bool)
        for stream in streams:
            used[np.unique(stream)] = True
        if split == "validation":
            write_sources(
                out, [origin for part in parts for origin in read_origins(part.folder / f"{part.name}.parquet")]
            )
        metrics[split] = {
            "tokens": counts["tokens"],
            "documents": counts["documents"],
            "bytes_per_token": round(counts["bytes"] / max(counts["tokens"], 1), 4),
            "vocabulary_used": round(float(used.mean()), 4),
        }
    write_json(out / "index.json", index)
    return metrics


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
        out = np.empty(max(stop - start, 0), np.int64)
        filled = 0
        shard = int(np.searchsorted(self._starts, start, side="right")) - 1
        while filled < len(out):
            offset = start + filled - self._starts[shard]
            piece = self._shards[shard][offset : offset + len(out) - filled]
            out[filled : filled + len(piece)] = piece
            filled += len(piece)
            shard += 1
        return out


def open_tokens(folder: Path, split: str) -> Tokens:
    """The tokens of a split, memory-mapped. InputError when a shard is missing or not as long as the index says."""
    index = read_index(folder)
    dtype = np.dtype(index["dtype"]).newbyteorder("<")
    maps = []
    for shard in index["splits"][split]["shards"]:
        path = folder / shard["path"]
        size = path.stat().st_size if path.exists() else -1
        if size != shard["tokens"] * dtype.itemsize:
            raise InputError(
                f"{path}: {size} bytes where index.json says {shard['tokens'] * dtype.itemsize}. "
                "Run `dvc repro --force --single-item tokenize`."
            )
        maps.append(np.memmap(path, dtype, "r"))
    return Tokens(maps)


def _tokenize_shard(source: Path, folder: Path, name: str, tokenizer: Path, dtype: str, *, with_origins: bool) -> dict:
    encoding = bpe.load(tokenizer)
    separator = np.array([bpe.end_of_text(encoding)], dtype)
    counts = {"tokens": 0, "documents": 0, "bytes": 0}
    origins = []
    with open(folder / f"{name}.bin", "wb") as file:
        for document in read_documents(source):
            ids = np.array(bpe.encode(encoding, document.text), dtype)  # "<|endoftext|>" written in a page is text
            file.write(separator.tobytes() + ids.tobytes())
            counts["tokens"] += len(ids) + 1
            counts["documents"] += 1
            counts["bytes"] += text_bytes(document.text)
            origins.append(Origin(len(ids) + 1, document.language, host(document.url)))
    if with_origins:
        write_origins(folder / f"{name}.parquet", origins)
    return counts
