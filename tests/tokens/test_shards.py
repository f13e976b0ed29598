"""If these fail, a model trains on other tokens than the documents' own."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InputError
from lab.params import EngineParams, TokenizeParams
from lab.tokens import bpe, foreign, shards, tokenize
from tests.tokens.test_bpe import TEXTS, write_dataset

ONE = EngineParams(workers=1)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "dataset")
    bpe.save(bpe.train(TEXTS, 500, 10_000_000), tmp_path / "tokenizer")
    return tmp_path


def run(project, out="tokenize", shard_tokens=1000):
    params = TokenizeParams(shard_tokens=shard_tokens)
    return tokenize.run(project / "dataset", project / "tokenizer", project / out, params, ONE)


def test_the_stream_is_the_documents_each_after_end_of_text(project):
    metrics = run(project)
    tokens = shards.open_tokens(project / "tokenize", "train")
    ids = tokens[0 : len(tokens)]
    encoding = bpe.load(project / "tokenizer")
    eot = bpe.end_of_text(encoding)
    assert ids[0] == eot and metrics["train"]["documents"] == len(TEXTS)
    starts = [*np.flatnonzero(ids == eot), len(ids)]
    texts = [encoding.decode(ids[a + 1 : b].tolist()) for a, b in itertools.pairwise(starts)]
    assert texts == TEXTS
    index = shards.read_index(project / "tokenize")
    assert index["dtype"] == "uint16" and index["tokenizer"] == bpe.tokenizer_hash(project / "tokenizer")
    assert index["splits"]["train"]["bytes"] == sum(len(text.encode()) for text in TEXTS)
    assert all(shard["tokens"] == 1000 for shard in index["splits"]["train"]["shards"][:-1])


def test_the_shards_size_does_not_change_the_stream(project):
    run(project, "small", 777)
    run(project, "large", 10**9)
    small, large = (shards.open_tokens(project / name, "train") for name in ("small", "large"))
    digests = {hashlib.sha256(tokens[0 : len(tokens)].tobytes()).hexdigest() for tokens in (small, large)}
    assert len(digests) == 1


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_any_span_over_any_shards(lengths, start, stop):
    whole = np.arange(sum(lengths), dtype="<u2")
    parts = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    np.testing.assert_array_equal(shards.Tokens(parts)[start:stop], whole[start:stop])


def test_a_cut_off_shard_is_an_error_that_names_it(project):
    run(project)
    path = project / "tokenize" / "train" / "shard-00000.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="shard-00000"):
        shards.open_tokens(project / "tokenize", "train")


def test_a_large_vocabulary_takes_32_bits(shared, project, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared / "gpt2" / "tiktoken-cache"))
    ranks = foreign.by_name("gpt2")._mergeable_ranks
    large = {**ranks, **{b"\xff" * 9 + n.to_bytes(2, "big"): 50_256 + n for n in range(20_000)}}
    bpe.save(bpe.encoding_of("large", bpe.GPT4_PATTERN, large, {bpe.END_OF_TEXT: 70_256}), project / "tokenizer")
    run(project)
    tokens = shards.open_tokens(project / "tokenize", "train")
    assert shards.read_index(project / "tokenize")["dtype"] == "uint32" and tokens[0:1][0] == 70_256
