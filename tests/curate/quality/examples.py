"""Texts that the tests of several filters share, and what they all ask of a reason."""

from collections.abc import Iterable

from hypothesis import strategies as st

from lab.curate.quality.params import QualityParams
from lab.curate.quality.stage import assess
from lab.curate.text.text import Text
from lab.documents import Reason

PROSE = (
    "The ferry to the island leaves at nine and comes back before the evening bell. Most people who take it have "
    "friends on the other side, and they bring bread, letters and news with them. On stormy days nobody sails, so the "
    "island waits; the harbour master reads old logs and writes new ones that nobody will ever ask to see again."
)


PIECES = [*"aé京#•-….\n \t\u2028\x00", "the", "...", "word"]
TEXTS = st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=200).map("".join)


def words(count: int, prefix: str = "word") -> list[str]:
    """Different words of letters only, with the stop words that the filter asks for."""
    letters = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(count - 2)]
    return ["the", "and", *(prefix + pair for pair in letters)]


def filtered(
    text: str | Text, params: QualityParams, language: str | None = None
) -> tuple[str, Reason | None, dict[str, int]]:
    """The text as the filters leave it, why it is refused (or None), and how many lines went, by `c4:parameter`.

    A refused text comes back as it was.
    """
    text = Text.of(text, language)
    judgement = assess(text, params)
    return (text.text, judgement.reason, {}) if judgement.reason else (judgement.text, None, judgement.changed)


def check_details(reasons: Iterable[Reason | None]) -> None:
    """Each reason's detail says what was measured and the limit that it broke."""
    for reason in reasons:
        if reason and reason != "empty":
            measured, relation, limit = reason.detail.split(" ")
            # Shown with four digits, so that the two may look the same.
            assert float(measured) >= float(limit) if relation == ">" else float(measured) <= float(limit)
