"""If these fail, another's tokenizer gives other ids here than where it comes from, or a broken one is taken."""

import shutil

import pytest

from lab.errors import InputError
from lab.tokens import bpe, foreign
from tests.tokens.test_bpe import TEXTS


@pytest.fixture(scope="module")
def encoding():
    return bpe.train(TEXTS, 600, 10_000_000)


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
    from_ranks = foreign.from_file(tmp_path / "other.tiktoken")
    assert from_ranks.encode_ordinary(TEXTS[0]) == encoding.encode_ordinary(TEXTS[0])
    theirs = hugging_face(tmp_path)
    from_hub = foreign.from_file(tmp_path)
    assert from_hub.encode_ordinary(TEXTS[1]) == theirs.encode(TEXTS[1]).ids
    assert bpe.end_of_text(from_hub) == theirs.token_to_id("<|endoftext|>")


def test_a_hugging_face_tokenizer_that_tiktoken_can_not_follow_is_refused(tmp_path):
    from tokenizers import Regex, normalizers, pre_tokenizers

    letters, digits = (pre_tokenizers.Split(Regex(text), "isolated") for text in (r"\s?\p{L}+", r"\p{N}"))
    for ways in ({"normalizer": normalizers.NFC()}, {"prefix": True}, {"steps": [letters, digits]}):
        hugging_face(tmp_path, **ways)
        with pytest.raises(InputError, match=r"tokenizer\.json: this tokenizer can't be had through tiktoken"):
            foreign.from_file(tmp_path)


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
        foreign.from_file(tmp_path / "few.tiktoken")


@pytest.mark.parametrize("content", [b"not ranks", b"YQ== x\n", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer(tmp_path, content):
    (tmp_path / "a.tiktoken").write_bytes(content)
    (tmp_path / "tokenizer.json").write_bytes(content)
    for path in (tmp_path / "a.tiktoken", tmp_path / "tokenizer.json"):
        with pytest.raises(InputError, match=path.name):
            foreign.from_file(path)
