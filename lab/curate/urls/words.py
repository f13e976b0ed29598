"""Words in a URL that rule it out: FineWeb's three rules (Penedo et al. 2024), as datatrove 0.10.1 applies them.

In: a URL. Out: the Reason, or None. A banned word is a whole run of ASCII letters and digits, in lower case; two
different soft-banned words count as one banned word; a banned subword may go across the marks between words and be in
any case ("free-sex-videos"). Unlike datatrove's it must begin or end where a word does, and not begin within the name
of a place ("sussexcampus", "essex-toys"): of UT1's adult hosts with a banned subword 93 % still have one that counts.
The lists beside this file are the lab's own; a folder can hold others, such as datatrove's.
"""

import re
from itertools import accumulate
from pathlib import Path

from lab.documents import Reason
from lab.errors import InputError
from lab.params import UrlFilterParams

SOFT_WORD_LIMIT = 2
_BREAKS = re.compile(r"[^a-zA-Z0-9]+")
_PLACES = re.compile(r"(?:es|sus|wes|middle|uni)sex")  # words in which another one must not begin, and "unisex"


class WordRules:
    """The three lists and the search for their words. InputError if the folder of word lists lacks one of them."""

    def __init__(self, params: UrlFilterParams):
        folder = Path(params.word_lists or Path(__file__).parent)
        words = {
            name: _read(folder / f"{name}.txt") for name in ("banned_words", "soft_banned_words", "banned_subwords")
        }
        enabled = {name: listed if getattr(params, name) else frozenset() for name, listed in words.items()}
        self._banned, self._soft, subwords = enabled.values()
        self._subwords = sorted(subwords)

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, with the words that it hit as detail; None: keep."""
        words = _BREAKS.split(url)
        if hit := next((word for word in words if word in self._banned), None):
            return Reason("banned_word", hit)
        hits = sorted(self._soft.intersection(words), key=words.index)
        if len(hits) >= SOFT_WORD_LIMIT:
            return Reason("soft_banned_words", ", ".join(hits))
        hit = self._subword([word.lower() for word in words])
        return Reason("banned_subword", hit) if hit else None

    def _subword(self, words: list[str]) -> str | None:
        """The first banned subword of a URL's words that begins or ends (perhaps as a plural) where a word does."""
        together = "".join(words)
        hits = [part for part in self._subwords if part in together]
        if not hits:
            return None
        borders = {0, *accumulate(map(len, words))}
        places = [match.span() for match in _PLACES.finditer(together)]
        for part in hits:
            for occurrence in re.finditer(f"(?={part})", together):  # overlapping ones too
                start, end = occurrence.start(), occurrence.start() + len(part)
                plural = together.startswith("s", end) and end + 1 in borders
                within_place = any(first < start < last for first, last in places)
                if (start in borders or end in borders or plural) and not within_place:
                    return part
        return None


def _read(path: Path) -> frozenset[str]:
    """The words of a list, of each its ASCII letters and digits in lower case."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a word list ({error}). Correct url_filter.word_lists.") from None
    return frozenset(_BREAKS.sub("", line).lower() for line in lines if not line.startswith("#")) - {""}
