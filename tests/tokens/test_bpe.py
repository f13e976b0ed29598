"""If these fail, text does not survive the tokenizer, or one that was saved is not the one that is loaded."""

import pydoc
import tokenize as standard_tokenize
from argparse import ArgumentParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.documents import Document, RowWriter
from lab.errors import EmptyCorpusError, InputError
from lab.tokens import bpe

TEXTS = [pydoc.render_doc(thing, renderer=pydoc.plaintext) for thing in (str, dict, ArgumentParser, standard_tokenize)]
ODD = ["", " ", "naïve café 東京 🙂🏽", "a\r\n\r\n  b\t\tc  ", "1234567 12'S I'LL", "\x00\ud7ff", "<|endoftext|>"]


@pytest.fixture(scope="module")
def encoding():
    return bpe.train(TEXTS, 900, 10_000_000)


def write_dataset(folder, texts=TEXTS):
    for split in ("train", "validation"):
        with RowWriter(folder / split / "part-00000.parquet") as writer:
            for number, text in enumerate(texts):
                writer.write(Document(f"{number}", "http://a.example/", "", "a.warc", 0, text))


@given(st.text())
def test_any_text_comes_back(encoding, text):
    text = text.encode("utf-8", "ignore").decode()
    assert encoding.decode(encoding.encode_ordinary(text)) == text


def test_the_vocabulary_has_the_size_asked_for_and_training_is_deterministic(encoding):
    again = bpe.train(TEXTS, 900, 10_000_000)
    assert encoding.n_vocab == again.n_vocab == 900
    assert encoding._mergeable_ranks == again._mergeable_ranks
    assert bpe.end_of_text(encoding) == 899


def test_it_splits_as_gpt4_does(encoding):
    """The trained merges never cross what GPT-4's pattern keeps apart, in the trainer's dialect as in tiktoken's."""
    for token in encoding._mergeable_ranks:
        text = token.decode("utf-8", "ignore")
        assert not any(character.isdigit() for character in text) or (len(text) <= 3 and text.isdigit())
        assert "\n" not in text.rstrip("\r\n") or text.isspace()


def test_longer_tokens_make_text_shorter(encoding):
    text = "".join(TEXTS)
    assert len(encoding.encode_ordinary(text)) < 0.5 * len(text)


def test_saved_and_loaded_it_gives_the_same_ids(encoding, tmp_path):
    bpe.save(encoding, tmp_path)
    loaded = bpe.load(tmp_path)
    for text in [*TEXTS, *ODD]:
        assert loaded.encode_ordinary(text) == encoding.encode_ordinary(text)
    assert len(bpe.tokenizer_hash(tmp_path)) == 64


def test_changed_ranks_are_noticed(encoding, tmp_path):
    bpe.save(encoding, tmp_path)
    lines = (tmp_path / "ranks.tiktoken").read_text().splitlines()
    (tmp_path / "ranks.tiktoken").write_text("\n".join([*lines[:-2], lines[-1], ""]))
    with pytest.raises(InputError, match="belong together"):
        bpe.load(tmp_path)


def test_too_little_text_for_the_vocabulary_is_an_error():
    with pytest.raises(EmptyCorpusError, match=r"tokenizer\.vocabulary"):
        bpe.train(["a b"], 5000, 1000)


def test_only_max_bytes_are_trained_on():
    few = bpe.train([TEXTS[0], "zqzqzq " * 10_000], 400, len(TEXTS[0].encode()))
    assert not any(b"zq" in token for token in few._mergeable_ranks)


def test_space_without_end_has_tokens(encoding):
    text = "The town" + " " * 1_050_000 + "and\n" + "\u00a0" * 250_000 + "the mill."
    assert encoding.decode(bpe.encode(encoding, text)) == text
    assert bpe.encode(encoding, TEXTS[0]) == encoding.encode_ordinary(TEXTS[0])


def test_what_has_no_end_teaches_no_merges():
    word = "".join(chr(97 + n % 7) for n in range(100_000))
    assert max(map(len, bpe.train([*TEXTS, word], 600, 10_000_000).token_byte_values())) <= bpe.LONGEST_PIECE
