"""The thresholds of the quality filters: which statistic of a document each limits, and in which order they act.

In: a filter's parameters, or a document's statistics. Out: its rules, and the Reason by the first rule that is broken.
A statistic is named as its threshold, less `min_` or `max_`. The order is FineWeb's, as datatrove runs it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lab.documents import Reason
from lab.params import C4Params, FilterParams, FineWebParams, GopherParams, RepetitionParams, Section

FILTERS = ("repetition", "gopher", "c4", "fineweb")
_REPEATED_PARTS = (
    "max_duplicate_paragraph_share",
    "max_duplicate_paragraph_character_share",
    "max_duplicate_line_share",
    "max_duplicate_line_character_share",
)
_GOPHER = (
    "min_words",
    "max_words",
    "min_mean_word_length",
    "max_mean_word_length",
    "max_hash_ratio",
    "max_ellipsis_ratio",
    "max_bullet_line_share",
    "max_ellipsis_line_share",
    "min_alphabetic_word_share",
    "min_stop_words",
)
_C4 = ("min_sentences",)  # its other rules drop lines, or refuse for what a line says
_FINEWEB = (
    "min_terminal_punctuation_share",
    "max_short_line_share",
    "max_duplicate_line_character_share",
    "max_newline_ratio",
)


class Rule(NamedTuple):
    """A threshold: its parameter within the filter, and the limit that is still allowed (None: none)."""

    parameter: str
    limit: float | None

    @property
    def statistic(self) -> str:
        return self.parameter[4:]

    @property
    def least(self) -> bool:
        """Whether less than the limit is refused, and not more."""
        return self.parameter.startswith("min_")


def repetition(params: RepetitionParams) -> list[Rule]:
    """Gopher's repetition filter: parts, then n-grams from short to long."""
    rules = _simple(_REPEATED_PARTS, params)
    tops, repeats = params.max_top_ngram_share, params.max_duplicate_ngram_share
    for n in sorted({*tops, *repeats}):
        rules += [Rule(f"max_top_ngram_share.{n}", tops[n])] if n in tops else []
        rules += [Rule(f"max_duplicate_ngram_share.{n}", repeats[n])] if n in repeats else []
    return rules


def gopher(params: GopherParams) -> list[Rule]:
    """Gopher's quality filter."""
    return _simple(_GOPHER, params)


def c4(params: C4Params) -> list[Rule]:
    """What C4 asks of the lines that it leaves."""
    return _simple(_C4, params)


def fineweb(params: FineWebParams) -> list[Rule]:
    """FineWeb's own filter."""
    return _simple(_FINEWEB, params)


def enabled(params: FilterParams) -> dict[str, list[Rule]]:
    """Filter -> its rules, of the filters that are switched on, in the order in which they run."""
    found = (repetition(params.repetition), gopher(params.gopher), c4(params.c4), fineweb(params.fineweb))
    return {name: rules for name, rules in zip(FILTERS, found, strict=True) if getattr(params, name).enabled}


def first_broken(statistics: Mapping[str, float], rules: Sequence[Rule]) -> Reason | None:
    """Why a document with these statistics is refused, or None.

    A statistic that is not there could not be measured, for lack of words or lines: the reason is "empty".
    """
    for parameter, limit in rules:
        value = statistics.get(parameter[4:])
        if value is None:
            return Reason("empty")
        if limit is None:
            continue
        if parameter.startswith("min_"):
            if value < limit:
                return Reason(parameter, value, "<", limit)
        elif value > limit:
            return Reason(parameter, value, ">", limit)
    return None


def _simple(parameters: Sequence[str], params: Section) -> list[Rule]:
    return [Rule(parameter, getattr(params, parameter)) for parameter in parameters]
