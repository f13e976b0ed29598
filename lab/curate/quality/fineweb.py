"""FineWeb's own filter: pages that are lists, menus or repeated lines rather than prose.

In: a text (after C4's cleaning). Out: its statistics, and the Reason to refuse it, or None. As Penedo et al. 2024
(section 3.6) define it and datatrove runs it.
"""

from pydantic import Field

from lab.curate.quality.thresholds import Thresholds, first_broken
from lab.curate.text.text import Text, duplicates, ends_sentence
from lab.documents import Reason
from lab.params import Positive, Share

TITLE = "FineWeb"


class Params(Thresholds):
    """FineWeb's own filter (Penedo et al. 2024, section 3.6)."""

    min_terminal_punctuation_share: Share | None = 0.12
    max_short_line_share: Share | None = 0.67
    short_line_characters: Positive = 30
    max_duplicate_line_character_share: Share | None = 0.01
    max_newline_ratio: float | None = Field(0.3, description="newlines per word")


def reason(text: str | Text, params: Params) -> Reason | None:
    """Refuses few lines that end like a sentence, many short lines, duplicate lines, many newlines per word."""
    return first_broken(statistics(text, params), params.rules())


def statistics(text: str | Text, params: Params) -> dict[str, float]:
    """Of lines that are not blank; none of a text without such lines."""
    text = Text.of(text)
    lines = [line for line in text.text.split("\n") if line and not line.isspace()]
    if not lines:
        return {}
    newlines = text.text.count("\n")
    return {
        "terminal_punctuation_share": sum(map(ends_sentence, lines)) / len(lines),
        "short_line_share": sum(len(line) <= params.short_line_characters for line in lines) / len(lines),
        "duplicate_line_character_share": duplicates(lines)[1] / (len(text.text) - newlines),
        "newline_ratio": newlines / len(text.hashes),
    }
