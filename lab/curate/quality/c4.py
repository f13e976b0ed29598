"""C4's filter: drops lines that are not prose, refuses pages with too little left.

In: a text. Out: the text with the lines that stay, its statistics, and the Reason to refuse it, or None. As Raffel et
al. 2020 (section 2.2) define it and datatrove runs it for FineWeb, which leaves out the terminal-punctuation rule.
"""

from typing import ClassVar

import regex
from pydantic import Field

from lab.curate.quality.thresholds import Assessment, Thresholds, first_broken
from lab.curate.text.text import Text
from lab.documents import Reason, excerpt
from lab.params import Count, Positive

TITLE = "C4"
_CITATION = regex.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_ENDS = (".", "?", "!", '"', "'")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


class Params(Thresholds):
    """C4's filters (Raffel et al. 2020, section 2.2), as FineWeb runs them: without the terminal-punctuation rule."""

    of_parts: ClassVar = ("max_word_length", "min_words_per_line")
    unlimited: ClassVar = ("dropped_lines",)

    terminal_punctuation: bool = Field(False, description="drop lines that do not end in a terminal punctuation mark")
    remove_citations: bool = Field(True, description="[12], [citation needed]")
    max_word_length: Positive | None = Field(1000, description="characters; a line with a longer word is dropped")
    min_words_per_line: Count | None = 3
    min_sentences: Count | None = 5
    remove_javascript: bool = True
    remove_policy: bool = True
    refuse_lorem_ipsum: bool = True
    refuse_curly_bracket: bool = True


def assess(text: str | Text, params: Params) -> Assessment:
    """The cleaned text, why it is refused (or None), and the dropped lines by rule, without blank ones.

    A text with too few sentences is cleaned all the same, so that later filters can measure it.
    """
    # 1. Search the whole text for the phrases of the rules on wording: most texts have none, so no line is searched.
    # 2. Judge each line, its citations removed: keep it, drop it by a rule, or refuse the whole text.
    # 3. Join the kept lines. If they are unchanged lines of the text, reuse its words instead of splitting again.
    # 4. Count the sentences and compare with the limit.
    text = Text.of(text)
    lowered = text.text.lower()
    suspicious = "{" in lowered or any(phrase in lowered for phrase in ("lorem ipsum", "javascript", *_POLICIES))
    kept: list[str] = []
    places: list[int] = []  # of kept lines
    whole = True  # no kept line has lost a citation
    dropped: dict[str, int] = {}
    lines = text.text.splitlines()
    for place, line in enumerate(map(str.strip, lines)):
        without_citations = _CITATION.sub("", line) if params.remove_citations and "[" in line else line
        verdict = (
            _shape(line, without_citations, params) or (suspicious and _wording(without_citations, params)) or None
        )
        if isinstance(verdict, Reason):
            return Assessment(text, reason=verdict, refused=True)
        if verdict is None:
            kept.append(without_citations)
            places.append(place)
            whole = whole and without_citations is line
        elif line:
            dropped[verdict] = dropped.get(verdict, 0) + 1
    joined = "\n".join(kept).strip()
    if joined == text.text:
        cleaned = text
    elif whole and joined and kept[0] and kept[-1] and lines == text.text.split("\n"):
        cleaned = text.of_lines(joined, places)
    else:
        cleaned = Text(joined, text.language)
    statistics = {"sentences": len(kept) + cleaned.sentence_breaks(), "dropped_lines": sum(dropped.values())}
    reason = first_broken(statistics, params.rules()) or (None if joined else Reason("empty"))
    return Assessment(cleaned, statistics, reason, dropped)


def _shape(line: str, without_citations: str, params: Params) -> str | None:
    """The parameter by whose rule a line is dropped for its form, or None."""
    limit = params.max_word_length
    if limit is not None and len(line) > limit and max(map(len, line.split())) > limit:
        return "max_word_length"
    if params.terminal_punctuation and (not without_citations.endswith(_ENDS) or without_citations.endswith("...")):
        return "terminal_punctuation"
    least = params.min_words_per_line
    if least is not None and len(line.split(maxsplit=least)) < least:
        return "min_words_per_line"
    return None


def _wording(line: str, params: Params) -> str | Reason | None:
    """The parameter by whose rule a line is dropped for its words, or None; or a Reason to refuse the whole text.

    Its detail quotes the line: a page of a thousand lines does not show which one it was.
    """
    lowered = line.lower()
    if params.refuse_lorem_ipsum and "lorem ipsum" in lowered:
        return Reason("refuse_lorem_ipsum", excerpt(line, lowered.index("lorem ipsum")))
    if params.remove_javascript and "javascript" in lowered:
        return "remove_javascript"
    if params.refuse_curly_bracket and "{" in line:
        return Reason("refuse_curly_bracket", excerpt(line, line.index("{")))
    if params.remove_policy and any(phrase in lowered for phrase in _POLICIES):
        return "remove_policy"
    return None
