"""If these fail, the report's numbers are misread, or web text disturbs the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import formatting as words


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (950, "950"), (12_345, "12.3 k"), (1_234_567, "1.23 M"), (7e10, "70 B"), (0.003, "0.003"), (None, "–")],
)
def test_short(value, shown):
    assert words.short(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "–"), (-1, "–"), (999, "999 B"), (1_000, "1 kB"), (123_456_789, "123 MB")]
)
def test_size_says_nothing_where_a_stage_knows_nothing(value, shown):
    assert words.size(value) == shown


def test_shares():
    assert words.share(1, 8) == "12.5 %"
    assert words.share(1, 100_000) == "< 0.1 %"
    assert words.share(0, 10) == "0 %"
    assert words.share(3, 0) == "–"


@pytest.mark.parametrize("value", [None, True, "12", float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_none(value):
    assert words.number(value) is None


@given(st.text(st.characters(codec=None), max_size=60), st.integers(1, 20))
def test_an_excerpt_is_short_and_can_be_written(text, characters):
    shown = words.excerpt(text, characters)
    shown.encode("utf-8")
    assert len(shown) <= characters + 2
    assert not set(shown) & {"\x00", "\x1b", "\u202e"}


def test_tokens_are_visible():
    assert words.visible(b" the") == "␣the"
    assert words.visible(b"\n\t") == "↵⇥"
    assert words.visible("é".encode()) == "é"
    assert words.visible(b"\xe2\x80") == "<E2><80>"
    assert words.visible(b"\\x41") == "\\x41"
