"""Gopher's repetition filter: without these, repeated pages reach the model, or good prose is thrown away."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.quality.repetition import Params, reason, repeated_ngrams
from tests.curate.quality.examples import PROSE, TEXTS, check_details, words

PARAMS = Params()
OFF = Params(
    max_duplicate_line_share=1,
    max_duplicate_paragraph_share=1,
    max_duplicate_line_character_share=1,
    max_duplicate_paragraph_character_share=1,
    max_top_ngram_share={},
    max_duplicate_ngram_share={},
)


def test_prose_passes():
    assert reason(PROSE, PARAMS) is None


def test_empty():
    assert reason("", PARAMS) == "empty"


# Parts.


@pytest.mark.parametrize("name, separator", [("line", "\n"), ("paragraph", "\n\n")])
@pytest.mark.parametrize("repeated, refused", [(3, False), (4, True)])
def test_share_of_duplicate_parts_just_at_and_above_the_limit(name, separator, repeated, refused):
    parts = [f"part {number} {'x' * 50}" for number in range(10 - repeated)] + ["part 0 " + "x" * 50] * repeated
    params = OFF.model_copy(update={f"max_duplicate_{name}_share": 0.3})
    found = reason(separator.join(parts), params)
    assert (found == f"max_duplicate_{name}_share") if refused else found is None
    if refused:
        assert found.detail == "0.4 > 0.3"


def test_share_of_characters_in_duplicate_lines():
    # 20 of 100 characters stand in a repeated line; one more is too much.
    def text(length: int) -> str:
        return "\n".join(["a" * length, "b" * (100 - 2 * length - 2), "a" * length])

    params = OFF.model_copy(update={"max_duplicate_line_character_share": 0.2})
    assert len(text(20)) == len(text(21)) == 100
    assert reason(text(20), params) is None
    assert reason(text(21), params) == "max_duplicate_line_character_share"


def test_blank_lines_do_not_count_as_repeated():
    assert reason("\n\n\n\n".join(words(30)), OFF.model_copy(update={"max_duplicate_line_share": 0})) is None


# N-grams.


def naive_top_share(text: str, n: int) -> float:
    """As the paper says it: the most frequent n-gram's characters, times its count, of the text's."""
    found = text.split()
    counts = Counter(" ".join(found[i : i + n]) for i in range(len(found) - n + 1))
    if not counts:
        return 0.0
    ngram, count = counts.most_common(1)[0]
    return len(ngram) * count / len(text)


def naive_duplicate_share(text: str, n: int) -> float:
    """Characters of n-grams that came before, the scan going on behind each, of the text's."""
    found, seen, characters, position = text.split(), set(), 0, 0
    while position <= len(found) - n:
        ngram = tuple(found[position : position + n])
        if ngram in seen:
            characters += len("".join(ngram))
            position += n
        else:
            seen.add(ngram)
            position += 1
    return characters / len(text)


SHORT_WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), min_size=1, max_size=60).map(" ".join)


@given(SHORT_WORDS, st.integers(2, 4))
def test_top_ngram_share_is_the_papers(text, n):
    share = naive_top_share(text, n)
    assert reason(text, OFF.model_copy(update={"max_top_ngram_share": {n: share}})) is None
    if share > 0.01:
        unlimited = OFF.model_copy(update={"max_top_ngram_share": {n: None}})
        assert reason(text, unlimited) is None
        below = OFF.model_copy(update={"max_top_ngram_share": {n: share - 0.001}})
        assert reason(text, below) == f"max_top_ngram_share.{n}"


@given(SHORT_WORDS, st.integers(5, 10))
def test_duplicate_ngram_share_is_the_papers(text, n):
    share = naive_duplicate_share(text, n)
    assert reason(text, OFF.model_copy(update={"max_duplicate_ngram_share": {n: share}})) is None
    if share > 0.01:
        below = OFF.model_copy(update={"max_duplicate_ngram_share": {n: share - 0.001}})
        assert reason(text, below) == f"max_duplicate_ngram_share.{n}"


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(1, 8), min_size=1, max_size=4, unique=True))
def test_repeated_ngrams_are_those_that_occur_twice(ids, sizes):
    hashes = np.array(ids, np.uint64)
    for n, positions, groups in repeated_ngrams(hashes, sorted(sizes)):
        ngrams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
        counts = Counter(ngrams)
        assert positions.tolist() == [i for i, ngram in enumerate(ngrams) if counts[ngram] > 1]
        named = [ngrams[position] for position in positions]
        assert len(set(zip(named, groups.tolist(), strict=True))) == len(set(named)) == len(set(groups.tolist()))


@given(TEXTS)
def test_no_text_crashes_and_reasons_name_measure_and_limit(text):
    check_details([reason(text, PARAMS)])
