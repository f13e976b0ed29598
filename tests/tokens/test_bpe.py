"""If these fail, text does not survive the tokenizer, or a tokenizer is not the one that it says it is."""

import pydoc
import shutil
import tokenize as standard_tokenize
from argparse import ArgumentParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.documents import Document, RowWriter
from lab.errors import EmptyCorpusError, InputError
from lab.params import TokenizerParams
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


def hugging_face(folder, *, normalizer=None, steps=None, prefix=False):
    """A tokenizer.json as `tokenizers` trains it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    theirs = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=steps is None)
    theirs.pre_tokenizer = level if steps is None else pre_tokenizers.Sequence([*steps, level])
    theirs.decoder = decoders.ByteLevel()
    if normalizer is not None:
        theirs.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    theirs.train_from_iterator(TEXTS, trainer)
    theirs.save(str(folder / "tokenizer.json"))
    return theirs


def test_ranks_and_hugging_face_files_give_the_same_tokenizer(encoding, tmp_path):
    bpe.save(encoding, tmp_path / "ours")
    shutil.copy(tmp_path / "ours" / "ranks.tiktoken", tmp_path / "other.tiktoken")
    from_ranks = bpe.from_file(tmp_path / "other.tiktoken")
    assert from_ranks.encode_ordinary(TEXTS[0]) == encoding.encode_ordinary(TEXTS[0])
    theirs = hugging_face(tmp_path)
    from_hub = bpe.from_file(tmp_path)
    assert from_hub.encode_ordinary(TEXTS[1]) == theirs.encode(TEXTS[1]).ids
    assert bpe.end_of_text(from_hub) == theirs.token_to_id("<|endoftext|>")


def test_a_hugging_face_tokenizer_that_tiktoken_can_not_follow_is_refused(tmp_path):
    from tokenizers import Regex, normalizers, pre_tokenizers

    letters, digits = (pre_tokenizers.Split(Regex(text), "isolated") for text in (r"\s?\p{L}+", r"\p{N}"))
    for ways in ({"normalizer": normalizers.NFC()}, {"prefix": True}, {"steps": [letters, digits]}):
        hugging_face(tmp_path, **ways)
        with pytest.raises(InputError, match=r"tokenizer\.json: this tokenizer can't be had through tiktoken"):
            bpe.from_file(tmp_path)


def test_space_without_end_has_tokens(encoding):
    text = "The town" + " " * 1_050_000 + "and\n" + "\u00a0" * 250_000 + "the mill."
    assert encoding.decode(bpe.encode(encoding, text)) == text
    assert bpe.encode(encoding, TEXTS[0]) == encoding.encode_ordinary(TEXTS[0])


def test_what_has_no_end_teaches_no_merges():
    word = "".join(chr(97 + n % 7) for n in range(100_000))
    assert max(map(len, bpe.train([*TEXTS, word], 600, 10_000_000).token_byte_values())) <= bpe.LONGEST_PIECE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "256 of the 256 bytes"),
        ("YQ== 0\nYg== 1\n", "254 of the 256 bytes"),
        (None, "the same rank"),
    ],
)
def test_ranks_that_are_no_vocabulary(encoding, tmp_path, content, said):
    if content is None:
        bpe.save(encoding, tmp_path)
        content = (tmp_path / "ranks.tiktoken").read_text().replace(" 300\n", " 299\n")
    (tmp_path / "few.tiktoken").write_text(content)
    with pytest.raises(InputError, match=f"few.*{said}"):
        bpe.from_file(tmp_path / "few.tiktoken")


@pytest.mark.parametrize("content", [b"not ranks", b"YQ== x\n", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer(tmp_path, content):
    (tmp_path / "a.tiktoken").write_bytes(content)
    (tmp_path / "tokenizer.json").write_bytes(content)
    for path in (tmp_path / "a.tiktoken", tmp_path / "tokenizer.json"):
        with pytest.raises(InputError, match=path.name):
            bpe.from_file(path)


def test_a_name_that_does_not_exist():
    with pytest.raises(InputError, match="gtp2"):
        bpe.make(None, None, TokenizerParams(kind="gtp2"))


def test_gpt2_by_name(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared / "gpt2" / "tiktoken-cache"))
    assert bpe.gpt2_is_at_hand()
    write_dataset(tmp_path / "dataset")
    metrics = bpe.make(tmp_path / "dataset", tmp_path / "gpt2", TokenizerParams(kind="gpt2"))
    assert metrics["vocabulary"] == 50257
    assert bpe.load(tmp_path / "gpt2").encode_ordinary("Hello, world") == [15496, 11, 995]
    # Beside a tokenizer of our own stands what gpt2 would do.
    ours = bpe.make(tmp_path / "dataset", tmp_path / "ours", TokenizerParams(vocabulary=500))
    assert ours["gpt2_bytes_per_token"] == metrics["bytes_per_token"]
