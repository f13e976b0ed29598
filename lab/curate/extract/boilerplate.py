"""Lines of an extracted text that belong to the page, not to its content: labels, credits, notices.

In: text, one block per line. Out: the same without them, cut off where comments or a list of other articles begin.
Only whole short lines are matched, so that a sentence about advertising or cookies stays.
"""

import re
from pathlib import Path

from lab.files import read_sections

_LONGEST_LABEL = 200  # characters
_LONGEST_END = 60  # characters
_LEAST_BEFORE_END = 300  # characters of text before an end mark, and half of all
_LEAST_BEFORE_SURE_END = 1500  # characters of text before one that never occurs in an article

_LEAST_WORDS = 7  # of a sentence
_PARAGRAPH = 100  # characters
_LEAST_PARAGRAPHS = 3
_MOST_PROSE = 0.5  # share of the characters after an end mark that paragraphs hold

_NAME = r"[A-ZÀ-ÞŁŚŻ]\S+(?: [A-ZÀ-ÞŁŚŻ]\S+){0,3}"
_LABELS, _END, _SURE_END, _NOTICES = read_sections(Path(__file__).with_suffix(".txt")).values()
_LONGEST_NOTICE = 600  # characters
# All match lower-cased text: unlike with IGNORECASE, Python's engine then chooses alternatives by their first letter.
_label = re.compile(rf"(?:{'|'.join(_LABELS)})\W*").fullmatch
_byline = re.compile(rf"(?:By|BY|by|Von|VON|von) {_NAME}\W*").fullmatch
_end = re.compile(rf"(?:{'|'.join(_END + _SURE_END)})\s*:?").fullmatch
_sure_end = re.compile(rf"(?:{'|'.join(_SURE_END)})\s*:?").fullmatch
_notice = re.compile("|".join(_NOTICES)).search


def without_boilerplate(text: str, ends: bool = True) -> str:
    """The text without such lines, and if `ends` without what follows an end mark in its second half.

    >>> without_boilerplate("A story.\\nAdvertisement\\nIts end.")
    'A story.\\nIts end.'
    """
    kept: list[str] = []
    size, least_before = 0, max(_LEAST_BEFORE_END, len(text) / 2)
    lines = text.split("\n")
    for index, line in enumerate(lines):
        bare = line.strip()
        if bare and len(bare) <= _LONGEST_NOTICE:
            lower = bare.lower()
            if (
                ends
                and len(bare) <= _LONGEST_END
                and (
                    (size > _LEAST_BEFORE_SURE_END and _sure_end(lower))
                    or (size > least_before and _end(lower) and not _goes_on(lines[index + 1 :]))
                )
            ):
                break
            if len(bare) <= _LONGEST_LABEL and (_label(lower) or _byline(bare)) and not _is_sentence(bare):
                continue
            if ("ookies" in bare or "avascript" in lower) and _notice(lower):
                continue
        elif not bare and (not kept or not kept[-1]):
            continue
        size += len(line)
        kept.append(line.rstrip())
    return "\n".join(kept).strip("\n").rstrip()


def _goes_on(lines: list[str]) -> bool:
    """Whether paragraphs follow, not a list of titles and teasers: "Related work" heads a section of the article."""
    sizes = [len(line.strip()) for line in lines]
    long = [size for size in sizes if size >= _PARAGRAPH]
    return len(long) >= _LEAST_PARAGRAPHS and sum(long) > _MOST_PROSE * sum(sizes)


def _is_sentence(line: str) -> bool:
    """Whether a line is a sentence, most of whose words are in lower case, not a label or credit with a full stop."""
    words = line.split()
    if line[-1] not in ".!?" or len(words) < _LEAST_WORDS or "ights reserved" in line:
        return False
    return sum(word[0].islower() for word in words) > len(words) / 2
