"""FineWeb's own filter: pages that are lists, menus or repeated lines rather than prose.

In: a text (after C4's cleaning). Out: the Reason to refuse it, labelled with the parameter that it breaks, or None. As
Penedo et al. 2024 (section 3.6) define it and datatrove runs it.
"""

from lab.curate.text import Text, duplicates, ends_sentence
from lab.documents import Reason
from lab.params import FineWebParams


def reason(text: str | Text, params: FineWebParams) -> Reason | None:
    """Refuses few lines that end like a sentence, many short lines, duplicate lines, many newlines a word."""
    text = Text.of(text)
    lines = [line for line in text.text.split("\n") if line and not line.isspace()]
    if not lines:
        return Reason("empty")
    ended = sum(map(ends_sentence, lines)) / len(lines)
    if (limit := params.min_terminal_punctuation_share) is not None and ended < limit:
        return Reason("min_terminal_punctuation_share", ended, "<", limit)
    short = sum(len(line) <= params.short_line_characters for line in lines) / len(lines)
    if (limit := params.max_short_line_share) is not None and short > limit:
        return Reason("max_short_line_share", short, ">", limit)
    newlines = text.text.count("\n")
    repeated = duplicates(lines)[1] / (len(text.text) - newlines)
    if (limit := params.max_duplicate_line_character_share) is not None and repeated > limit:
        return Reason("max_duplicate_line_character_share", repeated, ">", limit)
    ratio = newlines / len(text.hashes)
    if (limit := params.max_newline_ratio) is not None and ratio > limit:
        return Reason("max_newline_ratio", ratio, ">", limit)
    return None
