"""Gopher's quality filter: without these, wordless pages reach the model, or good prose is thrown away."""

import pytest
from hypothesis import given

from lab.curate.quality.gopher import Params, reason
from lab.curate.text.text import Text
from tests.curate.quality.examples import PROSE, TEXTS, check_details, words

PARAMS = Params()


def test_prose_passes():
    assert reason(PROSE, PARAMS) is None


def test_empty():
    assert reason("", PARAMS) == "min_words"
    assert reason("", Params(min_words=0)) == "empty"


# At and around each limit.


@pytest.mark.parametrize("count, why", [(49, "min_words"), (50, None)])
def test_fewest_words(count, why):
    found = reason(" ".join(words(count)), PARAMS)
    assert found == why and (found is None or found.detail == "49 < 50")


def test_most_words():
    params = Params(max_words=60)
    assert reason(" ".join(words(60)), params) is None
    assert reason(" ".join(words(61)), params) == "max_words"


def test_marks_are_no_words_of_the_fewest():
    assert reason(" ".join([*words(49), "!", "?", "..."]), PARAMS) == "min_words"


@pytest.mark.parametrize(
    "length, why", [(2, "min_mean_word_length"), (3, None), (10, None), (11, "max_mean_word_length")]
)
def test_mean_word_length(length, why):
    params = Params(min_stop_words=0)
    assert reason(" ".join(["x" * length] * 60), params) == why


@pytest.mark.parametrize(
    "mark, name", [("#", "max_hash_ratio"), ("…", "max_ellipsis_ratio"), ("...", "max_ellipsis_ratio")]
)
def test_marks_per_word(mark, name):
    # Each mark is a word of its own: 10 of 100 words are at the limit, 11 of 101 above.
    assert reason(" ".join([mark] * 10 + words(90)), PARAMS) is None
    found = reason(" ".join([mark] * 11 + words(90)), PARAMS)
    assert found == name and found.detail == "0.1089 > 0.1"


@pytest.mark.parametrize("bullet", ["•", "-", "  • ", "- "])
def test_bullet_lines(bullet):
    lines = [bullet + " ".join([word] * 6) for word in words(20)]
    assert reason("\n".join(lines), Params(min_words=0)) == "max_bullet_line_share"
    prose = ["the and"] * 2
    # 18 of 20 lines are at the limit.
    assert reason("\n".join(lines[:18] + prose), Params(min_words=0)) is None


def test_lines_that_end_in_an_ellipsis():
    params = Params(max_ellipsis_ratio=1)
    lines = [" ".join(words(50)), *["read on ... "] * 3, *["and so it goes"] * 6]
    assert reason("\n".join(lines), params) is None
    assert reason("\n".join([*lines[:-1], "read on…"]), params) == "max_ellipsis_line_share"


def test_alphabetic_words():
    assert reason(" ".join(words(80) + ["1234"] * 20), PARAMS) is None
    found = reason(" ".join(words(80) + ["1234"] * 21), PARAMS)
    assert found == "min_alphabetic_word_share" and found.detail.endswith("< 0.8")


def test_stop_words_are_different_ones_and_as_written():
    text = " ".join(words(60))
    assert reason(text, PARAMS) is None
    for other in ("the the the", "The AND", "them andy"):
        changed = text.replace("the and", other)
        found = reason(changed, PARAMS)
        assert found == "min_stop_words" and found.detail in ("1 < 2", "0 < 2")
    assert reason(text, Params(stop_words=["der", "und"])) == "min_stop_words"
    assert reason(text.replace("the and", "der und"), Params(stop_words=["der", "und"])) is None


def test_a_limit_of_null_is_off():
    switched_off = Params(
        min_words=None, max_words=None, min_mean_word_length=None, max_mean_word_length=None, max_hash_ratio=None,
        max_ellipsis_ratio=None, max_bullet_line_share=None, max_ellipsis_line_share=None,
        min_alphabetic_word_share=None, min_stop_words=None,
    )  # fmt: skip
    for text in ("#", "... …", "- 1\n- 2", "x" * 500):
        assert reason(text, switched_off) is None


def test_german_words_are_split_as_german():
    """An ordinal with its full stop is one word; by English rules the marks would push this below 80 % letters."""
    text = " ".join(f"der {number}. Oktober und" for number in range(1, 13)) + " " + " ".join(["Haus"] * 20)
    params = Params(stop_words=["der", "und"])
    assert reason(Text(text, "de"), params) is None
    assert reason(Text(text, "en"), params) == "min_alphabetic_word_share"


@given(TEXTS)
def test_no_text_crashes_and_reasons_name_measure_and_limit(text):
    check_details(reason(text, Params(min_words=n)) for n in (0, 50))
