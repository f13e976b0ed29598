"""The stage `tokenize`: the dataset as shards of tokens.

In: a dataset and a tokenizer. Out: token shards in the smallest type that holds the vocabulary, index.json, the sources
of the validation split, and metrics. Each document is preceded by end-of-text, as in llm.c's FineWeb shards.
"""

from functools import partial
from pathlib import Path

import numpy as np

from lab.documents import host, read_documents, shards, text_bytes
from lab.engine import run as run_shards
from lab.files import write_json
from lab.params import EngineParams, TokenizeParams
from lab.tokens import bpe
from lab.tokens.shards import Tokens, write_shards
from lab.tokens.sources import Origin, write_sources

SPLITS = ("train", "validation")


def run(dataset: Path, tokenizer: Path, out: Path, params: TokenizeParams, engine: EngineParams) -> dict:
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
        parts = run_shards(
            f"tokenize.{split}",
            partial(_tokenize_shard, tokenizer=tokenizer, dtype=dtype.str),
            {path.stem: path for path in shards(dataset / split)},
            engine=engine,
            params=dtype.name,
            inputs=lambda path: [path, tokenizer / "ranks.tiktoken", tokenizer / "tokenizer.json"],
        )
        streams = [np.memmap(part.folder / f"{part.name}.bin", dtype, "r") for part in parts if part.result["tokens"]]
        counts = {key: sum(part.result[key] for part in parts) for key in ("tokens", "documents", "bytes")}
        written = write_shards(Tokens(streams), out, split, dtype, params.shard_tokens)
        index["splits"][split] = counts | {"shards": written}
        used = np.zeros(encoding.n_vocab, bool)
        for stream in streams:
            used[np.unique(stream)] = True
        if split == "validation":
            write_sources(out, [Origin(*origin) for part in parts for origin in part.result["origins"]])
        metrics[split] = {
            "tokens": counts["tokens"],
            "documents": counts["documents"],
            "bytes_per_token": round(counts["bytes"] / max(counts["tokens"], 1), 4),
            "vocabulary_used": round(float(used.mean()), 4),
        }
    write_json(out / "index.json", index)
    return metrics


def _tokenize_shard(source: Path, folder: Path, name: str, tokenizer: Path, dtype: str) -> dict:
    encoding = bpe.load(tokenizer)
    separator = np.array([bpe.end_of_text(encoding)], dtype)
    size, origins = 0, []
    with open(folder / f"{name}.bin", "wb") as file:
        for document in read_documents(source):
            ids = np.array(bpe.encode(encoding, document.text), dtype)  # "<|endoftext|>" written in a page is text
            file.write(separator.tobytes() + ids.tobytes())
            size += text_bytes(document.text)
            origins.append(Origin(len(ids) + 1, document.language, host(document.url)))
    tokens = sum(origin.tokens for origin in origins)
    return {"tokens": tokens, "documents": len(origins), "bytes": size, "origins": origins}
