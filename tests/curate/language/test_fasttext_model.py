"""The fast language model: without parity with fastText, languages would be kept or lost by our own mistakes."""

import random
import struct
from pathlib import Path

import fasttext
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.language.fasttext_file import OtherModel, load
from lab.curate.language.fasttext_model import Classifier
from lab.curate.language.stage import LanguageIdentifier, model_path
from lab.errors import InputError

SHIPPED = model_path("lid.176.ftz")
LIBRARY = fasttext.load_model(str(SHIPPED)).f
OURS = Classifier(load(SHIPPED))
SAMPLES = [
    "Die Sonne scheint heute, und wir gehen in den Garten.",
    "Это предложение написано по-русски.",
    "これは日本語の文です。中文也可以。",
    "emoji 🙂🙂 and é, ü, ﬁ",
    "an end </s> und danach geht es auf Deutsch weiter, was nicht mehr zählt",
    "__label__de __label__nothing here",
    "nul\0and\x0bother\x0cspaces\tof\rall kinds",
    "x" * 5000,
]


def by_library(model, text: str) -> tuple[str, float]:
    line = text.replace("\n", " ").encode("utf-8", "replace").decode()
    found = model.predict(line + "\n", 1, 0.0, "strict")
    return (found[0][1].removeprefix("__label__"), found[0][0]) if found else ("", 0.0)


def assert_same(ours: tuple[str, float], theirs: tuple[str, float]) -> None:
    assert ours[1] == pytest.approx(theirs[1], abs=2e-5)
    assert ours[0] == theirs[0]


@pytest.mark.parametrize("text", ["", "\n \n", *SAMPLES])
def test_agrees_with_the_library(text):
    assert_same(OURS.predict(text), by_library(LIBRARY, text))


words = st.lists(st.sampled_from([word for sample in SAMPLES for word in sample.split()]), max_size=30).map(" ".join)


@given(words | st.text(max_size=200))
def test_agrees_with_the_library_on_any_text(text):
    ours, theirs = OURS.predict(text), by_library(LIBRARY, text)
    assert ours[1] == pytest.approx(theirs[1], abs=2e-5)


def test_what_was_read_before_does_not_matter():
    model = load(SHIPPED)
    fresh = [Classifier(model).predict(text) for text in SAMPLES]
    forgetful = Classifier(model, memory=10)
    for _ in range(2):
        assert [forgetful.predict(text) for text in SAMPLES] == fresh


def write_model(path: Path, *, loss: int = 3, word_ngrams: int = 1, shortest: int = 1, longest: int = 3) -> Path:
    """A random dense model, not pruned, in fastText's format (version 12)."""
    rng = np.random.default_rng(1)
    names = ["</s>", "sun", "Sonne", "soleil", "é"]
    labels, buckets, width = ["en", "de", "fr"], 1000, 4
    parts = [struct.pack("<ii", 793712314, 12)]
    parts.append(struct.pack("<12id", width, 5, 5, 1, 5, word_ngrams, loss, 3, buckets, shortest, longest, 100, 1e-4))
    parts.append(struct.pack("<3i2q", len(names) + len(labels), len(names), len(labels), 100, -1))
    for name in names:
        parts.append(name.encode() + b"\0" + struct.pack("<qb", 50, 0))
    for count, label in enumerate(labels):
        parts.append(f"__label__{label}".encode() + b"\0" + struct.pack("<qb", 30 - count, 1))
    for rows in (len(names) + buckets, len(labels)):
        matrix = rng.normal(size=(rows, width)).astype(np.float32) * 3
        parts.append(b"\0" + struct.pack("<2q", rows, width) + matrix.tobytes())
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("loss", [1, 3], ids=["hierarchical", "softmax"])
@pytest.mark.parametrize("sizes", [(1, 3), (2, 4), (0, 0)])
def test_dense_models_agree_with_the_library(tmp_path, loss, sizes):
    path = write_model(tmp_path / "model.bin", loss=loss, shortest=sizes[0], longest=sizes[1])
    ours, library = Classifier(load(path)), fasttext.load_model(str(path)).f
    shuffled = random.Random(1)
    letters = "sun Sonne soleil é aäb cd </ß 日本"
    for size in range(60):
        text = "".join(shuffled.choice(letters) for _ in range(size))
        assert_same(ours.predict(text), by_library(library, text))


def test_other_models_are_run_by_the_library(tmp_path):
    path = write_model(tmp_path / "model.bin", word_ngrams=2)
    with pytest.raises(OtherModel):
        load(path)
    library = fasttext.load_model(str(path)).f
    for text in SAMPLES:
        assert LanguageIdentifier(str(path)).score(text) == pytest.approx(by_library(library, text))


@pytest.mark.parametrize("size", [0, 3, 100, 5000, 500_000])
def test_a_broken_file_is_named(tmp_path, size):
    path = tmp_path / "cut.ftz"
    path.write_bytes(SHIPPED.read_bytes()[:size])
    with pytest.raises(InputError, match=r"cut\.ftz: not a fastText"):
        LanguageIdentifier(str(path))
