"""The last touch to a generated sentence: spaces, articles, capitals, doubled and final marks. Text in, text out."""

import re

from lab.sample.town.english import takes_an

SPACES = re.compile(r" {2,}")
SPACE_BEFORE_MARK = re.compile(r" +([,.;:?!])")
COMMA_BEFORE_MARK = re.compile(r",+(?=[,.;:?!])")  # "the baker Anna Bell, of Mill Lane," at the end of a clause
ARTICLE = re.compile(r"\b([Aa]) (?=([A-Za-z]+-?))")
SENTENCE_START = re.compile(r"(?<=[.!?] )[a-z]")
SMALL_WORDS = frozenset("a an and at by for from in of on or the to with".split())


def _article(match: re.Match[str]) -> str:
    return match[1] + ("n " if takes_an(match[2]) else " ")


def tidy(sentence: str) -> str:
    """Spaces, articles, capitals and the final mark of a sentence as they should be."""
    sentence = SPACES.sub(" ", sentence.strip())
    sentence = COMMA_BEFORE_MARK.sub("", SPACE_BEFORE_MARK.sub(r"\1", sentence)).rstrip(",")
    sentence = ARTICLE.sub(_article, sentence)
    sentence = SENTENCE_START.sub(lambda match: match[0].upper(), sentence)
    first = 1 if sentence[0] == '"' else 0
    sentence = sentence[:first] + sentence[first].upper() + sentence[first + 1 :]
    body = sentence.rstrip('"')
    return sentence if body[-1] in ".!?:" else f"{body}.{sentence[len(body) :]}"


def titled(words: str) -> str:
    """Words as in a title: "jar of honey" -> "Jar of Honey"."""
    parts = words.split(" ")
    return " ".join(
        word if at and word in SMALL_WORDS else word[:1].upper() + word[1:] for at, word in enumerate(parts)
    )
