"""Words of languages without spaces between words: Chinese, Japanese and Thai.

In: a run of characters of one script. Out: its words, by the segmenters of spaCy's tokenisers, which datatrove uses:
jieba, Sudachi (its shortest units) and PyThaiNLP's newmm. They are installed by the extra `languages`; a dictionary is
loaded for the first document of its language.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import regex

from lab.errors import InputError

Segment = Callable[[str], list[str]]


@dataclass(frozen=True)
class Script:
    """How a language's segmenter is loaded, and which characters it gets."""

    runs: regex.Pattern  # with a group, so that splitting by it keeps the runs
    load: Callable[[], Segment]


def _chinese() -> Segment:
    import rjieba

    return rjieba.cut


def _japanese() -> Segment:
    from sudachipy import Dictionary, SplitMode

    # Only the spelling of a word is used, no other field.
    tokenizer = Dictionary(dict="small").tokenizer(SplitMode.A, fields=set())
    return lambda run: [morpheme.surface() for morpheme in tokenizer.tokenize(run)]


def _thai() -> Segment:
    os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")  # without it, importing creates a folder in the user's home
    from pythainlp.tokenize.newmm import segment

    return segment


SCRIPTS = {
    "zh": Script(regex.compile(r"(\p{Han}+)"), _chinese),
    "ja": Script(regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}ーｰ]+)"), _japanese),
    "th": Script(regex.compile(r"(\p{Thai}+)"), _thai),
}


def load(language: str) -> Segment:
    """The segmenter of a language of SCRIPTS. InputError if its package is not installed."""
    try:
        return SCRIPTS[language].load()
    except ImportError as error:
        raise InputError(
            f"Documents in '{language}' (language.keep) can't be split into words: {error.name} is not installed. "
            "Run pip install -e '.[languages]', or leave the language out of language.keep."
        ) from None
