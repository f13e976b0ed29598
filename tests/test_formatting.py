"""If these fail, the report's numbers are misread, or web text disturbs the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import formatting


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (950, "950"), (12_345, "12.3 k"), (1_234_567, "1.23 M"), (7e10, "70 B"), (0.003, "0.003"), (None, "–")],
)
def test_short(value, expected):
    assert formatting.short(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "–"), (-1, "–"), (999, "999 B"), (1_000, "1 kB"), (123_456_789, "123 MB")]
)
def test_size_says_nothing_where_a_stage_knows_nothing(value, expected):
    assert formatting.size(value) == expected


def test_shares():
    assert formatting.share(1, 8) == "12.5 %"
    assert formatting.share(1, 100_000) == "< 0.1 %"
    assert formatting.share(0, 10) == "0 %"
    assert formatting.share(3, 0) == "–"


@pytest.mark.parametrize("value", [None, True, "12", float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_none(value):
    assert formatting.number(value) is None


@given(st.text(st.characters(codec=None), max_size=60), st.integers(1, 20))
def test_an_excerpt_is_short_and_can_be_written(text, characters):
    excerpt = formatting.excerpt(text, characters)
    excerpt.encode("utf-8")
    assert len(excerpt) <= characters + 2
    assert not set(excerpt) & {"\x00", "\x1b", "\u202e"}


def test_tokens_are_visible():
    assert formatting.visible(b" the") == "␣the"
    assert formatting.visible(b"\n\t") == "↵⇥"
    assert formatting.visible("é".encode()) == "é"
    assert formatting.visible(b"\xe2\x80") == "<E2><80>"
    assert formatting.visible(b"\\x41") == "\\x41"


def test_large_numbers_are_powers_of_ten_where_they_count_operations():
    assert formatting.power(6.912e12) == "6.91e12"
    assert formatting.power(1_234_567) == "1.23 M"
    assert formatting.power(None) == "–"


def test_integers_are_none_where_they_are_no_numbers():
    assert (formatting.whole(3.9), formatting.whole(0), formatting.whole("3"), formatting.whole(float("nan"))) == (
        3,
        0,
        None,
        None,
    )
