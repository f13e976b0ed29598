"""FineWeb's own filter: pages that are lists, menus or repeated lines rather than prose.

In: a text (after C4's cleaning). Out: its statistics, and the Reason to refuse it, labelled with the parameter that it
breaks, or None. As Penedo et al. 2024 (section 3.6) define it and datatrove runs it.
"""

from lab.curate.quality import thresholds as rules
from lab.curate.text.text import Text, duplicates, ends_sentence
from lab.documents import Reason
from lab.params import FineWebParams


def reason(text: str | Text, params: FineWebParams) -> Reason | None:
    """Refuses few lines that end like a sentence, many short lines, duplicate lines, many newlines a word."""
    return rules.first_broken(statistics(text, params), rules.fineweb(params))


def statistics(text: str | Text, params: FineWebParams) -> dict[str, float]:
    """Of a text, by statistic (lab/curate/quality/thresholds.py). Nothing of one without lines."""
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
