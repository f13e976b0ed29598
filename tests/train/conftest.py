"""A small project: tokenizer and shards of real text, and parameters of a model that trains in a second or two."""

import argparse
import difflib
import inspect
import optparse
import shutil
from pathlib import Path

import numpy as np
import pytest

from lab.files import write_json
from lab.params import ModelParams, TrackingParams, TrainParams
from lab.params_yaml import Params
from lab.tokens import bpe, shards

TEXTS = [inspect.getsource(module) for module in (difflib, optparse, argparse)]
VOCABULARY = 500
MODEL = {"layers": 2, "width": 32, "heads": 2, "kv_heads": 2, "ffn": 64, "context": 32}
TRAIN = {
    "budget": "15000 tokens",
    "batch_tokens": 512,
    "micro_batch": 16,
    "warmup_steps": 5,
    "validate_every": 7,
    "validation_tokens": 1024,
    "checkpoint_every": 4,
    "accelerator": "cpu",
    "devices": 1,
}


def params(mode: str = "disabled", **train: object) -> Params:
    """Small parameters, with keys of the section `train` that differ."""
    return Params(model=ModelParams(**MODEL), train=TrainParams(**TRAIN | train), tracking=TrackingParams(mode=mode))


def saved_steps() -> dict[int, Path]:
    """The checkpoints that lie in .lab, by their steps, in order."""
    return dict(sorted((int(path.stem.split("-")[1]), path) for path in Path(".lab/train").glob("*/*.ckpt")))


def forget_checkpoints(after: int = 0) -> None:
    """Remove the checkpoints of later steps than `after`, as if the run had been killed there."""
    for step, path in saved_steps().items():
        if step > after:
            shutil.rmtree(path)


def write_shards(folder: Path, encoding, tokenizer: Path, between: str | None = None) -> None:
    """Each text is a document, or several, where `between` stands between them."""
    dtype = np.dtype("<u2")
    end = bpe.end_of_text(encoding)
    splits = {}
    for split, texts in (("validation", TEXTS[:1]), ("train", TEXTS[1:])):
        documents = [document for text in texts for document in (text.split(between) if between else [text])]
        parts = [np.array([end, *encoding.encode_ordinary(document)], dtype) for document in documents]
        stream = shards.Tokens(parts)
        written = shards.write_shards(stream, folder, split, dtype, 10_000)
        splits[split] = {"tokens": len(stream), "documents": len(parts), "shards": written}
    index = {"dtype": "uint16", "tokenizer": bpe.tokenizer_hash(tokenizer), "vocabulary": encoding.n_vocab}
    write_json(folder / "index.json", {**index, "eot": end, "splits": splits})


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """data/tokenizer and data/tokenize."""
    root = tmp_path_factory.mktemp("train")
    encoding = bpe.train(TEXTS, VOCABULARY, 10_000_000)
    bpe.save(encoding, root / "data" / "tokenizer")
    write_shards(root / "data" / "tokenize", encoding, root / "data" / "tokenizer")
    return root


@pytest.fixture(scope="session")
def paragraphs(corpus, tmp_path_factory) -> Path:
    """The corpus again, each paragraph a document: many in a sequence, and of unequal lengths."""
    root = tmp_path_factory.mktemp("paragraphs")
    (root / "data").mkdir()
    (root / "data" / "tokenizer").symlink_to(corpus / "data" / "tokenizer")
    encoding = bpe.load(root / "data" / "tokenizer")
    write_shards(root / "data" / "tokenize", encoding, root / "data" / "tokenizer", between="\n\n")
    return root


@pytest.fixture
def project(corpus, tmp_path, monkeypatch) -> Path:
    """A folder to train in, with the corpus in data/."""
    (tmp_path / "data").symlink_to(corpus / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    return tmp_path
