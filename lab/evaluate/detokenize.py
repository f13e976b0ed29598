"""Words split as treebanks split them -> text as people write it.

In: text whose words, marks and contractions stand apart ("do n't stop , he said ."). Out: it without these spaces. Only
spaces go (and directed quotes and brackets become plain ones), so that nothing is lost: the log-probability of
the result is that of the original, as for the invertible de-tokenizers of Radford et al. 2019 (section 3.1).
"""

import re

BEFORE = set(",.;:?!%)]}")  # marks that follow a word without a space; dots and dashes in a row too
AFTER = set("([{$£#")  # marks that a word follows without a space
PLAIN = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}

_CONTRACTION = re.compile(r"(?:n't|'(?:s|m|d|re|ve|ll))$", re.IGNORECASE)


def detokenize(text: str) -> str:
    """One line; its quotes open and close in turn.

    >>> detokenize('" I do n\\'t know , " said the boys \\' uncle ( 40 ) .')
    '"I don\\'t know," said the boys\\' uncle (40).'
    """
    written: list[str] = []
    inside = dict.fromkeys("\"'", False)  # whether such a quote is open
    joined = True  # whether the next word follows without a space
    last = ""
    for token in text.split():
        word = PLAIN.get(token, token)
        joins, opens = _follows(word, last), word in AFTER
        if token in ("``", "''"):
            joins, opens = token == "''", token == "``"
        elif word in inside and not joins:
            joins, opens = inside[word], not inside[word]
            inside[word] = opens
        written.append(word if joined or joins else f" {word}")
        joined, last = opens, word
    return "".join(written)


def _follows(word: str, last: str) -> bool:
    """Whether a word stands close to the one before it."""
    if word == "'":
        return last.endswith("s")  # the boys' uncle; elsewhere it is a quote
    return word in BEFORE or bool(_CONTRACTION.match(word))
