"""C4's filter: lines that are no prose are dropped, pages with too little left are refused.

In: a text. Out: the text with the lines that stay, its statistics, and the Reason to refuse it, or None. As Raffel et
al. 2020 (section 2.2) define it and datatrove runs it for FineWeb, which leaves out the terminal-punctuation rule.
"""

from dataclasses import dataclass, field

import regex

from lab.curate.quality import thresholds as rules
from lab.curate.text.text import Text
from lab.documents import Reason, excerpt
from lab.params import C4Params

_CITATION = regex.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_ENDS = (".", "?", "!", '"', "'")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


@dataclass
class Cleaned:
    """What C4 leaves of a text: the kept lines, why it is refused, how many lines went, by parameter.

    `refused` says that a line's words refuse the whole text, so that nothing was cleaned or counted.
    """

    text: Text
    reason: Reason | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    sentences: int = 0
    refused: bool = False

    @property
    def statistics(self) -> dict[str, float]:
        """By statistic (lab/curate/quality/thresholds.py), and how many lines went."""
        if self.refused:
            return {}
        return {"sentences": self.sentences, "dropped_lines": sum(self.dropped.values())}


def reason(text: str | Text, params: C4Params) -> tuple[str, Reason | None]:
    """The cleaned text and why it is refused. A refused text comes back as it was."""
    text = Text.of(text)
    cleaned = clean(text, params)
    return (text.text if cleaned.reason else cleaned.text.text), cleaned.reason


def clean(text: str | Text, params: C4Params) -> Cleaned:
    """As `reason`, with the cleaned text's words and the count of dropped lines (blank ones are not counted).

    A text with too few sentences comes cleaned too, so that what is left can be measured.
    """
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
            return Cleaned(text, verdict, refused=True)
        if verdict is None:
            kept.append(without_citations)
            places.append(place)
            whole = whole and without_citations is line
        elif line:
            dropped[verdict] = dropped.get(verdict, 0) + 1
    joined = "\n".join(kept).strip()
    if joined == text.text:
        left = text
    elif whole and joined and kept[0] and kept[-1] and lines == text.text.split("\n"):
        left = text.of_lines(joined, places)
    else:
        left = Text(joined, text.language)
    cleaned = Cleaned(left, None, dropped)
    cleaned.sentences = len(kept) + cleaned.text.sentence_breaks()
    cleaned.reason = rules.first_broken(cleaned.statistics, rules.c4(params)) or (None if joined else Reason("empty"))
    return cleaned


def _shape(line: str, without_citations: str, params: C4Params) -> str | None:
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


def _wording(line: str, params: C4Params) -> str | Reason | None:
    """The parameter by whose rule a line is dropped for what it says, or None; or a Reason to refuse the whole text.

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
