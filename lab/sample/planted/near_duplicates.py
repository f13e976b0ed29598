"""Copies of a page at a chosen similarity.

In: a page's HTML and a target. Out: HTML with some words replaced, and the exact Jaccard similarity of the two texts'
sets of 5-word shingles (Broder 1997), which is what MinHash estimates. Words are compared in lower case, without
punctuation.
"""

import re
from html import unescape
from random import Random

SHINGLE = 5
_TAG = re.compile(r"<[^>]*>")
_TEXT = re.compile(r"<[^>]*>|&#?\w+;|(\w+)")
_WORD = re.compile(r"\w+")
_REPLACEABLE = re.compile(r"[a-z]{4,}$")


def words(html: str) -> list[str]:
    """The words of the text in HTML, in lower case."""
    return _WORD.findall(unescape(_TAG.sub(" ", html)).lower())


def shingles(sequence: list[str]) -> set[tuple[str, ...]]:
    """All runs of five words."""
    return {tuple(sequence[at : at + SHINGLE]) for at in range(len(sequence) - SHINGLE + 1)}


def jaccard(first: str, second: str) -> float:
    """Similarity of two pieces of HTML: shared shingles as a share of all. 0 where there are none."""
    left, right = shingles(words(first)), shingles(words(second))
    return len(left & right) / len(left | right) if left | right else 0.0


def near_duplicate(html: str, target: float, random: Random) -> tuple[str, float]:
    """(HTML with words replaced, its similarity to the original: as near to `target` as replaced words allow).

    A replaced word changes five shingles, or only one where the word beside it is replaced too: words far from all
    replaced ones bring the similarity down quickly, neighbours finely.
    """
    matches = [match for match in _TEXT.finditer(html) if match.group(1)]
    usable = [at for at, match in enumerate(matches) if _REPLACEABLE.match(match.group(1))]
    vocabulary = sorted({matches[at].group(1) for at in usable})
    replaced: dict[int, str] = {}
    order = random.sample(usable, len(usable))
    best = (html, jaccard(html, html))
    original = shingles(words(html))
    target_shared = round(2 * len(original) * target / (1 + target))
    shared = len(original)
    while shared > target_shared and order:
        far = shared - target_shared >= SHINGLE
        at = next((at for at in order if _isolated(at, replaced) == far), order[0])
        order.remove(at)
        word = matches[at].group(1)
        others = [other for other in vocabulary if other != word and abs(len(other) - len(word)) < 3] or ["something"]
        replaced[at] = random.choice(others)
        edited = _with(html, matches, replaced)
        similarity = jaccard(html, edited)
        shared = len(original & shingles(words(edited)))
        if abs(similarity - target) < abs(best[1] - target):
            best = (edited, similarity)
    return best


def _isolated(at: int, replaced: dict[int, str]) -> bool:
    return all(abs(at - other) >= SHINGLE for other in replaced)


def _with(html: str, matches: list[re.Match], replaced: dict[int, str]) -> str:
    parts, end = [], 0
    for at in sorted(replaced):
        start, stop = matches[at].span(1)
        parts += [html[end:start], replaced[at]]
        end = stop
    return "".join([*parts, html[end:]])
