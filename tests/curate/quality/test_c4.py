"""C4's filter: without these, menus, notices and code reach the model, or kept text is spoilt by the cleaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.quality.c4 import Params, assess
from lab.curate.text.text import Text
from lab.documents import Reason

PARAMS = Params()


def clean(text: str, params: Params) -> tuple[str, Reason | None]:
    """The cleaned text, and why it is refused (or None). A refused text comes back as it was."""
    cleaned = assess(text, params)
    return (text if cleaned.reason else cleaned.text.text), cleaned.reason


LINES = [f"This is sentence number {number} of a text." for number in range(6)]


def cleaned(*extra: str, params: Params = PARAMS) -> list[str]:
    """The extra lines that are left."""
    text, refused = clean("\n".join([*LINES, *extra]), params)
    assert refused is None
    assert text.split("\n")[:6] == LINES
    return text.split("\n")[6:]


def refused(*extra: str, params: Params = PARAMS) -> str | None:
    text = "\n".join([*LINES, *extra])
    after, why = clean(text, params)
    assert why is None or after == text  # a refused text comes back as it was
    return why


@pytest.mark.parametrize("line, kept", [("only two", False), ("these are three", True), ("", False)])
def test_short_lines_are_dropped(line, kept):
    assert cleaned(line, params=PARAMS) == ([line] if kept else [])


def test_lines_with_a_very_long_word_are_dropped():
    assert cleaned(f"a b {'x' * 1000}") == [f"a b {'x' * 1000}"]
    assert cleaned(f"a b {'x' * 1001}") == []
    assert cleaned("word " * 400) == [("word " * 400).strip()]


@pytest.mark.parametrize("line", ["Please enable JavaScript to go on.", "javascript is needed for this page"])
def test_javascript_lines_are_dropped(line):
    assert cleaned(line) == []
    assert cleaned(line, params=Params(remove_javascript=False)) == [line]


@pytest.mark.parametrize(
    "phrase", ["Terms of Use", "privacy policy", "COOKIE POLICY", "uses cookies", "use of cookies", "use cookies"]
)
def test_policy_lines_are_dropped(phrase):
    line = f"See our {phrase} for more."
    assert cleaned(line) == []
    assert cleaned(line, params=Params(remove_policy=False)) == [line]


@pytest.mark.parametrize("mark", ["[1]", "[]", "[123]", "[edit]", "[citation needed]"])
def test_citation_marks_go_and_the_line_stays(mark):
    assert cleaned(f"It rained{mark} for days.") == ["It rained for days."]
    assert cleaned(f"It rained{mark} for days.", params=Params(remove_citations=False)) == [
        f"It rained{mark} for days."
    ]


def test_other_brackets_stay():
    assert cleaned("An [editor] wrote [1a] and [sic] here.") == ["An [editor] wrote [1a] and [sic] here."]


@pytest.mark.parametrize(
    "line, why",
    [("Lorem Ipsum dolor sit amet.", "refuse_lorem_ipsum"), ("function f() { return 1 }", "refuse_curly_bracket")],
)
def test_pages_with_filler_or_code_are_refused(line, why):
    assert refused(line) == why and refused(line).detail == line
    far = refused("word " * 100 + line).detail
    assert len(far) == 80 and far.startswith("…") and line in far
    assert refused(line, params=Params(**{why: False})) is None


def test_a_bracket_in_a_line_that_is_dropped_anyway_is_no_reason():
    assert refused("{ }") is None


def test_terminal_punctuation_when_asked():
    params = Params(terminal_punctuation=True)
    assert refused(params=params) is None
    assert cleaned("no mark at the end", 'He said "yes"', "and so on...", params=params) == ['He said "yes"']
    assert cleaned("no mark at the end") == ["no mark at the end"]


@pytest.mark.parametrize("sentences, why", [(4, "min_sentences"), (5, None)])
def test_fewest_sentences(sentences, why):
    one_line = " ".join(LINES[:sentences])
    assert clean(one_line, PARAMS)[1] == why
    assert clean("\n".join(LINES[:sentences]), PARAMS)[1] == why
    if why:
        assert clean(one_line, PARAMS)[1].detail == "4 < 5"


def test_sentences_of_dropped_lines_do_not_count():
    assert clean("\n".join([*LINES[:4], "Two words."]), PARAMS)[1] == "min_sentences"


def test_dropped_lines_are_counted_by_rule():
    found = assess(
        "\n".join([*LINES, "two words", "", "Our privacy policy is here.", "no", "JavaScript is off here."]), PARAMS
    )
    assert found.changed == {"min_words_per_line": 2, "remove_policy": 1, "remove_javascript": 1}
    assert found.text.text == "\n".join(LINES)


def test_nothing_left():
    assert clean("", PARAMS)[1] == "min_sentences"
    assert clean("two words", Params(min_sentences=None))[1] == "empty"


PIECES = [*LINES, *"[1] [edit] { javascript . ... \u2028 \r é[ [[1]2]".split(" ")]
PIECES += ["cookie policy", "two words", "\n", "\n\n", " "]
TEXTS = st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
ANY_LENGTH = Params(min_sentences=None)


@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(text):
    """Citations apart, which count as words of their line until they are gone."""
    once, why = clean(text.replace("[", "("), ANY_LENGTH)
    if why is None:
        assert clean(once, ANY_LENGTH) == (once, None)


@given(TEXTS)
def test_no_text_crashes_and_lines_are_only_taken_away(text):
    found = assess(text, Params(min_sentences=None, remove_citations=False))
    if found.reason is None:
        stripped = [line.strip() for line in text.splitlines()]
        position = 0
        for line in found.text.text.split("\n"):
            position = stripped.index(line, position) + 1


@given(TEXTS)
def test_what_is_left_measures_as_if_it_were_split_anew(text):
    left = assess(text, ANY_LENGTH).text
    anew = Text(left.text)
    for measure in ("hashes", "lengths", "kinds", "line_ends"):
        assert getattr(left, measure).tolist() == getattr(anew, measure).tolist()
