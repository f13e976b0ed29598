"""Words of scripts that put no spaces between them: Chinese, Japanese and Thai.

In: a run of characters of one of them. Out: its words, by the segmenters behind spaCy's tokenisers for them, which
datatrove uses: jieba, Sudachi (its shortest units) and PyThaiNLP's newmm. They make up the extra `languages`, and a
dictionary is loaded when the first document of its language is met.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import regex

from lab.errors import InputError

Segment = Callable[[str], list[str]]


@dataclass(frozen=True)
class Script:
    """What a language's segmenter is made by, and the characters that it gets."""

    runs: regex.Pattern  # with one group, so that splitting by it keeps the runs
    load: Callable[[], Segment]


def _chinese() -> Segment:
    import rjieba

    return rjieba.cut


def _japanese() -> Segment:
    from sudachipy import Dictionary, SplitMode

    # No field of a word is asked for but its spelling.
    tokenizer = Dictionary(dict="small").tokenizer(SplitMode.A, fields=set())
    return lambda run: [morpheme.surface() for morpheme in tokenizer.tokenize(run)]


def _thai() -> Segment:
    os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")  # else its import makes a folder in the user's home
    from pythainlp.tokenize.newmm import segment

    return segment


SCRIPTS = {
    "zh": Script(regex.compile(r"(\p{Han}+)"), _chinese),
    "ja": Script(regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}ーｰ]+)"), _japanese),
    "th": Script(regex.compile(r"(\p{Thai}+)"), _thai),
}


def load(language: str) -> Segment:
    """The segmenter of a language of SCRIPTS. InputError where its package is not installed."""
    try:
        return SCRIPTS[language].load()
    except ImportError as error:
        raise InputError(
            f"Documents in '{language}' (language.keep) can't be split into words: {error.name} is not installed. "
            "Run pip install -e '.[languages]', or leave the language out of language.keep."
        ) from None
