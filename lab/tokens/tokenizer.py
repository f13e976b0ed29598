"""The stage `tokenizer`: one trained on the corpus, or a published one, measured on held-out text.

In: the train and validation splits of documents. Out: a folder that lab.tokens.bpe.load reads, and metrics.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import tiktoken

from lab.documents import read_documents, shards, text_bytes
from lab.params import EngineParams, TokenizerParams
from lab.tokens import bpe, foreign


def run(dataset: Path, out: Path, params: TokenizerParams, engine: EngineParams) -> dict:
    """Write the tokenizer of `params.kind` into `out`; returns the stage's metrics.

    Raises InputError when its ranks can't be had, EmptyCorpusError when there is too little text to train on.
    """
    if params.kind == "train":
        encoding = bpe.train(_texts(dataset / "train"), params.vocabulary, params.max_bytes)
    elif params.kind in foreign.NAMED:
        encoding = foreign.by_name(params.kind)
    else:
        encoding = foreign.from_file(Path(params.kind))
    bpe.save(encoding, out)
    held_out = dataset / "validation"
    metrics = {"vocabulary": encoding.n_vocab, "sha256": bpe.tokenizer_hash(out)}
    metrics |= _measured(encoding, _texts(held_out))
    if params.kind != "gpt2" and foreign.is_cached("gpt2"):
        metrics["gpt2_bytes_per_token"] = _measured(foreign.by_name("gpt2"), _texts(held_out))["bytes_per_token"]
    return metrics


def _texts(split: Path) -> Iterator[str]:
    for shard in shards(split):
        for document in read_documents(shard):
            yield document.text


def _measured(encoding: tiktoken.Encoding, texts: Iterable[str]) -> dict:
    used: set[int] = set()
    tokens = size = 0
    for text in texts:
        ids = bpe.encode(encoding, text)
        tokens += len(ids)
        size += text_bytes(text)
        used.update(ids)
    return {
        "bytes_per_token": round(size / tokens, 4),  # on held-out text
        "vocabulary_used": round(len(used) / encoding.n_vocab, 4),  # share of the tokens that occur in held-out text
    }
