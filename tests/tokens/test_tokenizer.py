"""If these fail, the stage `tokenizer` makes another tokenizer than params.yaml asks for, or measures it wrongly."""

import pytest

from lab.errors import InputError
from lab.params import TokenizerParams
from lab.tokens import bpe, foreign, tokenizer
from tests.tokens.test_bpe import write_dataset


def test_a_name_that_does_not_exist():
    with pytest.raises(InputError, match="gtp2"):
        tokenizer.make(None, None, TokenizerParams(kind="gtp2"))


def test_gpt2_by_name(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared / "gpt2" / "tiktoken-cache"))
    assert foreign.is_cached("gpt2")
    write_dataset(tmp_path / "dataset")
    metrics = tokenizer.make(tmp_path / "dataset", tmp_path / "gpt2", TokenizerParams(kind="gpt2"))
    assert metrics["vocabulary"] == 50257
    assert bpe.load(tmp_path / "gpt2").encode_ordinary("Hello, world") == [15496, 11, 995]
    # Beside a tokenizer of our own stands what gpt2 would do.
    ours = tokenizer.make(tmp_path / "dataset", tmp_path / "ours", TokenizerParams(vocabulary=500))
    assert ours["gpt2_bytes_per_token"] == metrics["bytes_per_token"]
