"""If these fail, a user who asks the model for text gets broken characters, another text each time, or a traceback."""

import codecs

import pytest
import tiktoken
import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.generate import decoded
from lab.model import ModelConfig, Transformer, huggingface
from lab.tokens import bpe
from tests.cli.conftest import Result, error_of, start

BYTES = tiktoken.Encoding(
    "bytes",
    pat_str=bpe.GPT4_PATTERN,
    mergeable_ranks={bytes([byte]): byte for byte in range(256)},
    special_tokens={bpe.END_OF_TEXT: 256},
)


@pytest.fixture
def exported(project):
    """A model with random weights where the export stage would put it."""
    torch.manual_seed(1)
    encoding = bpe.load(project / "data" / "tokenizer")
    config = ModelConfig(
        layers=1, width=16, heads=2, kv_heads=2, ffn=32, vocabulary=encoding.n_vocab, context=32, tied_embeddings=True
    )
    folder = project / "data" / "export"
    huggingface.save(Transformer(config), encoding, folder)
    return folder


@given(st.text() | st.binary(max_size=60))
def test_text_is_whole_however_its_bytes_are_split(content):
    raw = content.encode() if isinstance(content, str) else content
    pieces = list(decoded(BYTES, list(raw)))
    assert "".join(pieces) == raw.decode("utf-8", "replace")
    assert all(pieces)


def test_characters_come_as_soon_as_they_are_whole():
    stream = iter("né".encode())
    pieces = decoded(BYTES, stream)
    assert next(pieces) == "n"
    assert next(pieces) == "é" and next(stream, None) is None


def test_an_id_without_a_token():
    assert "".join(decoded(BYTES, [65, 300, 66])) == "A\N{REPLACEMENT CHARACTER}B"


def test_the_prompt_goes_on(lab, exported):
    found = lab("generate", "The ferry", "--max-tokens", "20")
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith("The ferry") and len(found.out) > len("The ferry\n")


def test_the_same_seed_gives_the_same_text(lab, exported):
    def text(*more: str) -> str:
        return lab("generate", "The ferry", "--max-tokens", "12", *more).out

    assert text("--seed", "3") == text("--seed", "3") != text("--seed", "4")
    assert text("--temperature", "0", "--seed", "3") == text("--temperature", "0", "--seed", "4")


def test_a_seed_that_torch_can_t_take(lab, exported):
    largest = 1 << 62
    assert lab("generate", "The", "--max-tokens", "2", "--count", "2", "--seed", str(largest)).out
    refused = lab("generate", "The", "--seed", str(largest + 1))
    assert refused.status == 2 and "--seed" in refused.err


def test_several_texts_are_those_of_the_seeds_that_they_name(lab, exported):
    both = lab("generate", "The", "--max-tokens", "8", "--count", "2", "--seed", "5").out
    single = [lab("generate", "The", "--max-tokens", "8", "--seed", str(seed)).out for seed in (5, 6)]
    assert both == f"--- 1 of 2, seed 5\n{single[0]}--- 2 of 2, seed 6\n{single[1]}"


def test_another_folder_and_a_prompt_from_stdin(exported, project):
    moved = exported.rename(project / "elsewhere")
    done = start("generate", "--model", str(moved), "--max-tokens", "4", stdin="Die Fähre".encode())
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("Die Fähre")


def test_an_empty_prompt_begins_a_document(lab, exported):
    assert lab("generate", "", "--max-tokens", "4").status == 0


def test_the_terminal_is_safe_from_the_model(lab, exported, monkeypatch):
    monkeypatch.setattr("lab.model.generate.generate", lambda *_, **__: iter(b"\x1b[2Jgone\x07"))
    assert lab("generate", "x").out == "x\N{REPLACEMENT CHARACTER}[2Jgone\N{REPLACEMENT CHARACTER}\n"


def test_a_prompt_longer_than_the_context(lab, exported):
    assert "context 32" in error_of(lab("generate", "word " * 40))


@pytest.mark.parametrize("wrong", ["config.json", "model.safetensors"])
def test_a_broken_folder(lab, exported, wrong):
    (exported / wrong).write_bytes(b"\0broken")
    assert wrong in error_of(lab("generate", "x"))


def test_no_model(lab, project):
    found: Result = lab("generate", "x")
    assert "dvc repro export" in error_of(found)


def test_a_stream_is_shown_as_it_is_made(exported, monkeypatch, capsys):
    """Each piece is flushed: what is made so far is on the screen before the next token is asked for."""
    seen = []

    def slowly(*_, **__):
        for byte in "aé".encode():
            yield byte
            seen.append(capsys.readouterr().out)

    monkeypatch.setattr("lab.model.generate.generate", slowly)
    from lab.cli.generate import generate

    generate("x", model=exported)
    # A prompt is shown with the first piece; half a character is held back.
    assert [codecs.encode(text, "utf-8").decode() for text in seen] == ["xa", "", "é"]
