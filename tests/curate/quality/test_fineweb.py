"""FineWeb's own filter: without these, lists and menus reach the model, or prose with a few short lines is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.quality.fineweb import Params, reason
from tests.curate.quality.examples import check_details

PARAMS = Params()
ENDED = "The {} line of this text is long and ends like a sentence."
OPEN = "The {} line of this text is long and ends without a mark"


def lines(ended: int, unended: int) -> str:
    numbered = [ENDED] * ended + [OPEN] * unended
    return "\n".join(line.format(number) for number, line in enumerate(numbered))


def test_lines_that_end_like_a_sentence():
    assert reason(lines(3, 22), PARAMS) is None  # 0.12, at the limit
    found = reason(lines(2, 23), PARAMS)
    assert found == "min_terminal_punctuation_share" and found.detail == "0.08 < 0.12"


@pytest.mark.parametrize(
    "mark, ends",
    [
        (".", True),
        ("?", True),
        ("。", True),
        ("؟", True),
        ("।", True),
        ("…", False),
        ('."', False),
        (":", False),
        (". ", False),
    ],
)
def test_which_marks_end_a_sentence(mark, ends):
    """As datatrove has it: nothing is looked for after a quote, and an ellipsis ends nothing."""
    assert (reason("A line of this text that is long enough" + mark, PARAMS) is None) == ends


@pytest.mark.parametrize("length, short", [(30, True), (31, False)])
def test_short_lines(length, short):
    line = "x" * (length - 1) + "."
    different = [line[: -len(str(n)) - 1] + str(n) + "." for n in range(68)]
    text = "\n".join([*different, *(ENDED.format(n) for n in range(32))])
    found = reason(text, Params(max_newline_ratio=None))
    assert (found == "max_short_line_share" and found.detail == "0.68 > 0.67") if short else found is None
    one_fewer = "\n".join([*different[1:], *(ENDED.format(n) for n in range(33))])
    assert reason(one_fewer, Params(max_newline_ratio=None)) is None


def test_characters_in_duplicate_lines():
    def text(repeated: int) -> str:
        """1,000 characters without newlines, of which `repeated` stand in a line that came before."""
        line = "y" * (repeated - 1) + "."
        return "\n".join([line, "z" * (999 - 2 * repeated) + ".", line])

    params = Params(max_short_line_share=None, max_newline_ratio=None)
    assert reason(text(10), params) is None
    found = reason(text(11), params)
    assert found == "max_duplicate_line_character_share" and found.detail == "0.011 > 0.01"


def test_newlines_per_word():
    params = Params(max_short_line_share=None)
    three_words = [f"a{number} b{number} cc." for number in range(10)]  # four words, with the full stop
    assert reason("\n".join(three_words), params) is None
    found = reason("\n\n".join(three_words), params)
    assert found == "max_newline_ratio" and found.detail == "0.45 > 0.3"


@pytest.mark.parametrize("text", ["", "\n\n", " \n\t\n"])
def test_nothing_but_blank_lines(text):
    assert reason(text, PARAMS) == "empty"


def test_a_limit_of_null_is_off():
    switched_off = Params(
        min_terminal_punctuation_share=None,
        max_short_line_share=None,
        max_duplicate_line_character_share=None,
        max_newline_ratio=None,
    )
    assert reason("menu\nmenu\n\n\n\nmenu", switched_off) is None


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from([*"a.\n \t\u2028\u0085\x1c", "word", "line.\n"]), max_size=60).map("".join)
)
def test_no_text_crashes_and_reasons_name_measure_and_limit(text):
    check_details([reason(text, PARAMS)])
