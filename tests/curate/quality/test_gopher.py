"""Gopher's filters: without these, repeated or wordless pages reach the model, or good prose is thrown away."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.quality.gopher import quality_reason, repeated_ngrams, repetition_reason
from lab.curate.text.text import Text
from lab.params import GopherParams, RepetitionParams

REPETITION, QUALITY = RepetitionParams(), GopherParams()
OFF = RepetitionParams(
    max_duplicate_line_share=1,
    max_duplicate_paragraph_share=1,
    max_duplicate_line_character_share=1,
    max_duplicate_paragraph_character_share=1,
    max_top_ngram_share={},
    max_duplicate_ngram_share={},
)
PROSE = (
    "The ferry to the island leaves at nine and comes back before the evening bell. Most people who take it have "
    "friends on the other side, and they bring bread, letters and news with them. On stormy days nobody sails, so the "
    "island waits; the harbour master reads old logs and writes new ones that nobody will ever ask to see again."
)


def words(count: int, prefix: str = "word") -> list[str]:
    """Different words of letters only, with the stop words that the filter asks for."""
    letters = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(count - 2)]
    return ["the", "and", *(prefix + pair for pair in letters)]


def test_prose_passes():
    assert repetition_reason(PROSE, REPETITION) is None and quality_reason(PROSE, QUALITY) is None


def test_empty():
    assert repetition_reason("", REPETITION) == "empty"
    assert quality_reason("", QUALITY) == "min_words"
    assert quality_reason("", GopherParams(min_words=0)) == "empty"


# Repetition: parts.


@pytest.mark.parametrize("name, separator", [("line", "\n"), ("paragraph", "\n\n")])
@pytest.mark.parametrize("repeated, refused", [(3, False), (4, True)])
def test_share_of_duplicate_parts_just_at_and_above_the_limit(name, separator, repeated, refused):
    parts = [f"part {number} {'x' * 50}" for number in range(10 - repeated)] + ["part 0 " + "x" * 50] * repeated
    params = OFF.model_copy(update={f"max_duplicate_{name}_share": 0.3})
    reason = repetition_reason(separator.join(parts), params)
    assert (reason == f"max_duplicate_{name}_share") if refused else reason is None
    if refused:
        assert reason.detail == "0.4 > 0.3"


def test_share_of_characters_in_duplicate_lines():
    # 20 of 100 characters stand in a repeated line; one more is too much.
    def text(length: int) -> str:
        return "\n".join(["a" * length, "b" * (100 - 2 * length - 2), "a" * length])

    params = OFF.model_copy(update={"max_duplicate_line_character_share": 0.2})
    assert len(text(20)) == len(text(21)) == 100
    assert repetition_reason(text(20), params) is None
    assert repetition_reason(text(21), params) == "max_duplicate_line_character_share"


def test_blank_lines_do_not_count_as_repeated():
    assert repetition_reason("\n\n\n\n".join(words(30)), OFF.model_copy(update={"max_duplicate_line_share": 0})) is None


# Repetition: n-grams.


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
    assert repetition_reason(text, OFF.model_copy(update={"max_top_ngram_share": {n: share}})) is None
    if share > 0.01:
        unlimited = OFF.model_copy(update={"max_top_ngram_share": {n: None}})
        assert repetition_reason(text, unlimited) is None
        below = OFF.model_copy(update={"max_top_ngram_share": {n: share - 0.001}})
        assert repetition_reason(text, below) == f"max_top_ngram_share.{n}"


@given(SHORT_WORDS, st.integers(5, 10))
def test_duplicate_ngram_share_is_the_papers(text, n):
    share = naive_duplicate_share(text, n)
    assert repetition_reason(text, OFF.model_copy(update={"max_duplicate_ngram_share": {n: share}})) is None
    if share > 0.01:
        below = OFF.model_copy(update={"max_duplicate_ngram_share": {n: share - 0.001}})
        assert repetition_reason(text, below) == f"max_duplicate_ngram_share.{n}"


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(1, 8), min_size=1, max_size=4, unique=True))
def test_repeated_ngrams_are_those_that_occur_twice(ids, sizes):
    hashes = np.array(ids, np.uint64)
    for n, positions, groups in repeated_ngrams(hashes, sorted(sizes)):
        ngrams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
        counts = Counter(ngrams)
        assert positions.tolist() == [i for i, ngram in enumerate(ngrams) if counts[ngram] > 1]
        named = [ngrams[position] for position in positions]
        assert len(set(zip(named, groups.tolist(), strict=True))) == len(set(named)) == len(set(groups.tolist()))


# Quality, at and around each limit.


@pytest.mark.parametrize("count, reason", [(49, "min_words"), (50, None)])
def test_fewest_words(count, reason):
    found = quality_reason(" ".join(words(count)), QUALITY)
    assert found == reason and (found is None or found.detail == "49 < 50")


def test_most_words():
    params = GopherParams(max_words=60)
    assert quality_reason(" ".join(words(60)), params) is None
    assert quality_reason(" ".join(words(61)), params) == "max_words"


def test_marks_are_no_words_of_the_fewest():
    assert quality_reason(" ".join([*words(49), "!", "?", "..."]), QUALITY) == "min_words"


@pytest.mark.parametrize(
    "length, reason", [(2, "min_mean_word_length"), (3, None), (10, None), (11, "max_mean_word_length")]
)
def test_mean_word_length(length, reason):
    params = GopherParams(min_stop_words=0)
    assert quality_reason(" ".join(["x" * length] * 60), params) == reason


@pytest.mark.parametrize(
    "mark, name", [("#", "max_hash_ratio"), ("…", "max_ellipsis_ratio"), ("...", "max_ellipsis_ratio")]
)
def test_marks_per_word(mark, name):
    # Each mark is a word of its own: 10 of 100 words are at the limit, 11 of 101 above.
    assert quality_reason(" ".join([mark] * 10 + words(90)), QUALITY) is None
    found = quality_reason(" ".join([mark] * 11 + words(90)), QUALITY)
    assert found == name and found.detail == "0.1089 > 0.1"


@pytest.mark.parametrize("bullet", ["•", "-", "  • ", "- "])
def test_bullet_lines(bullet):
    lines = [bullet + " ".join([word] * 6) for word in words(20)]
    assert quality_reason("\n".join(lines), GopherParams(min_words=0)) == "max_bullet_line_share"
    prose = ["the and"] * 2
    # 18 of 20 lines are at the limit.
    assert quality_reason("\n".join(lines[:18] + prose), GopherParams(min_words=0)) is None


def test_lines_that_end_in_an_ellipsis():
    params = GopherParams(max_ellipsis_ratio=1)
    lines = [" ".join(words(50)), *["read on ... "] * 3, *["and so it goes"] * 6]
    assert quality_reason("\n".join(lines), params) is None
    assert quality_reason("\n".join([*lines[:-1], "read on…"]), params) == "max_ellipsis_line_share"


def test_alphabetic_words():
    assert quality_reason(" ".join(words(80) + ["1234"] * 20), QUALITY) is None
    found = quality_reason(" ".join(words(80) + ["1234"] * 21), QUALITY)
    assert found == "min_alphabetic_word_share" and found.detail.endswith("< 0.8")


def test_stop_words_are_different_ones_and_as_written():
    text = " ".join(words(60))
    assert quality_reason(text, QUALITY) is None
    for other in ("the the the", "The AND", "them andy"):
        changed = text.replace("the and", other)
        found = quality_reason(changed, QUALITY)
        assert found == "min_stop_words" and found.detail in ("1 < 2", "0 < 2")
    assert quality_reason(text, GopherParams(stop_words=["der", "und"])) == "min_stop_words"
    assert quality_reason(text.replace("the and", "der und"), GopherParams(stop_words=["der", "und"])) is None


def test_a_limit_of_null_is_off():
    switched_off = GopherParams(
        min_words=None, max_words=None, min_mean_word_length=None, max_mean_word_length=None, max_hash_ratio=None,
        max_ellipsis_ratio=None, max_bullet_line_share=None, max_ellipsis_line_share=None,
        min_alphabetic_word_share=None, min_stop_words=None,
    )  # fmt: skip
    for text in ("#", "... …", "- 1\n- 2", "x" * 500):
        assert quality_reason(text, switched_off) is None


def test_german_words_are_split_as_german():
    """An ordinal with its full stop is one word; by English rules the marks would push this below 80 % letters."""
    text = " ".join(f"der {number}. Oktober und" for number in range(1, 13)) + " " + " ".join(["Haus"] * 20)
    params = GopherParams(stop_words=["der", "und"])
    assert quality_reason(Text(text, "de"), params) is None
    assert quality_reason(Text(text, "en"), params) == "min_alphabetic_word_share"


PIECES = [*"aé京#•-….\n \t\u2028\x00", "the", "...", "word"]


@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=200).map("".join))
def test_no_text_crashes_and_reasons_name_measure_and_limit(text):
    found = [repetition_reason(text, REPETITION), *(quality_reason(text, GopherParams(min_words=n)) for n in (0, 50))]
    for reason in found:
        if reason and reason != "empty":
            measured, relation, limit = reason.detail.split(" ")
            # Shown with four digits, so that the two may look the same.
            assert float(measured) >= float(limit) if relation == ">" else float(measured) <= float(limit)
