"""A text's words, lines and sentences: without these, every quality filter and dedup decides on wrong counts."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.text import text as module
from lab.curate.text.text import (
    ALPHABETIC,
    HASH_BASE,
    NON_SYMBOL,
    PUNCTUATION,
    TERMINAL,
    Text,
    duplicates,
    ends_sentence,
    extend_ngrams,
    kind,
    word_hash,
)

TEXTS = st.text(max_size=200) | st.lists(st.sampled_from([*"a.!?,\n \t…-\u00a0", "word", "\n\n", "Ende."])).map("".join)


@given(TEXTS, st.sampled_from(["en", "de"]))
def test_arrays_say_what_the_words_are(raw, language):
    text = Text(raw, language)
    words = list(text.words())
    assert text.hashes.tolist() == [word_hash(word) for word in words]
    assert text.lengths.tolist() == [len(word) for word in words]
    assert text.kinds.tolist() == [kind(word) for word in words]
    assert len(text.line_ends) == raw.count("\n") + 1
    assert ([0, *text.line_ends.tolist()][-1]) == len(words)


def test_a_lexicon_that_overflows_measures_the_same(monkeypatch):
    monkeypatch.setattr(module, "_LEXICON_CHUNKS", 5)
    raw = "\n".join(" ".join(f"w{line}x{number}." for number in range(9)) for line in range(30))
    assert Text(raw).hashes.tolist() == [word_hash(word) for word in Text(raw).words()]
    again = Text(raw + " more")
    assert again.hashes.tolist()[:-1] == Text(raw).hashes.tolist()


def test_a_text_that_fails_leaves_nothing_behind(monkeypatch):
    lexicon = module._lexicon("en")
    with monkeypatch.context() as patch:
        patch.setattr(lexicon, "_split", lambda chunk: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lexicon.look_up("a line\nand another, zzyzx")
    assert Text("\0 a", "en").hashes.tolist() == [word_hash("\0"), word_hash("a")]


def test_languages_have_lexicons_of_their_own():
    assert len(Text("am 1.", "de").hashes) == 2 and len(Text("am 1.", "en").hashes) == 3
    assert len(Text("am 1.", "de").hashes) == 2


def test_hashes_are_the_same_in_every_process():
    program = "from lab.curate.text.text import Text; print(Text('some words, é 京.').hashes.tolist())"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(Text("some words, é 京.").hashes.tolist())


@pytest.mark.parametrize(
    "word, bits",
    [
        ("word", NON_SYMBOL | ALPHABETIC),
        ("12", NON_SYMBOL),
        (".", TERMINAL | PUNCTUATION),
        ("...", PUNCTUATION),
        ("+", 0),
        ("。", TERMINAL | PUNCTUATION),
        ("c3", NON_SYMBOL | ALPHABETIC),
        ("€", NON_SYMBOL),
        ("é", NON_SYMBOL | ALPHABETIC),
        ("'s", NON_SYMBOL | ALPHABETIC),
    ],
)
def test_kinds(word, bits):
    assert kind(word) == bits


def test_lines_and_paragraphs():
    text = Text("\n one\n\ntwo\nthree\n\n\nfour\n")
    assert text.paragraphs == ["one", "two\nthree", "four"]
    assert text.lines == ["", " one", "two", "three", "four", ""]


@pytest.mark.parametrize(
    "raw, breaks",
    [
        ("One. Two.", 1),
        ("One.\nTwo.", 0),
        ("Really?! Yes!", 1),
        ('He said "No." Then he went.', 1),
        ("3.5 and e.g. this", 0),
        ("", 0),
        ("No mark", 0),
        ("京。都。", 0),  # one word: nothing splits it but its marks
        ("One. . . Two", 1),
    ],
)
def test_sentence_breaks(raw, breaks):
    assert Text(raw).sentence_breaks() == breaks


@given(st.lists(st.sampled_from(["a", "bb", "ccc", ""])))
def test_duplicates_are_those_that_came_before(parts):
    before = [part for place, part in enumerate(parts) if part in parts[:place]]
    assert duplicates(parts) == (len(before), sum(map(len, before)))


@pytest.mark.parametrize(
    "line, ends",
    [("End.", True), ("Fin?", True), ("end…", False), ('end."', False), ("", False), ("終。", True)],
)
def test_ends_sentence(line, ends):
    assert ends_sentence(line) == ends


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.integers(1, 6), st.integers(1, 6))
def test_ngrams_grow_to_what_they_would_be_if_made_at_once(ids, first, more):
    hashes = np.array(ids, np.uint64)
    start = np.arange(len(hashes))
    stepwise = extend_ngrams(hashes, *extend_ngrams(hashes, start, hashes, 1, first), first, first + more)
    at_once = extend_ngrams(hashes, start, hashes, 1, first + more)
    assert all((a == b).all() for a, b in zip(stepwise, at_once, strict=True))
    n = first + more
    expected = []
    for position in range(len(ids) - n + 1):
        key = ids[position]
        for value in ids[position + 1 : position + n]:
            key = (key * int(HASH_BASE) + value) % 2**64
        expected.append(key)
    assert at_once[1].tolist() == expected
