"""The documents of GPT-2's zero-shot tasks that lm-eval lacks, as the task files beside this one ask for them.

In: rows of the hub's data sets, or enwik8's file. Out: rows with `text`, `words` and `bytes`: what the model reads, and
by how many units of the original its log-likelihood is divided (Radford et al. 2019, section 3.1 and table 3). A line
of WikiText, PTB and 1BW counts its words and one unit for its end, as in the papers that gave the figures.
"""

import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import datasets
from lm_eval.tasks.wikitext.preprocess_wikitext import wikitext_detokenizer

from lab.download import download
from lab.errors import InputError

ENWIK8 = "http://mattmahoney.net/dc/enwik8.zip"
ENWIK8_SHA256 = "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc"
ENWIK8_TEST = 5_000_000  # bytes, the last ones: the split that all papers use
PIECE = 50_000  # characters of a long text per item, so that the score has a standard error
SENTENCES = 100  # of PTB per item
BLANK = "XXXXX"  # in CBT's questions

BEFORE = set(",.;:?!%)]}")  # marks that follow a word without a space; dots and dashes in a row too
AFTER = set("([{$£#")  # marks that a word follows without a space
PLAIN = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}

_CONTRACTION = re.compile(r"(?:n't|'(?:s|m|d|re|ve|ll))$", re.IGNORECASE)
_TITLE = re.compile(r"^ = [^=].*[^=] = \n?$")


def wikitext(rows: Iterable[Mapping]) -> datasets.Dataset:
    """Lines -> articles."""
    return _dataset(
        _text(wikitext_detokenizer({"page": "".join(lines)}), "".join(lines), _units(lines))
        for lines in _articles(row["text"] for row in rows)
    )


def penn_treebank(rows: datasets.Dataset) -> datasets.Dataset:
    """Sentences in order -> passages."""
    passages = (rows[first : first + SENTENCES]["sentence"] for first in range(0, len(rows), SENTENCES))
    return _dataset(
        _text("\n".join(map(detokenize, lines)), "\n".join(lines) + "\n", _units(lines)) for lines in passages
    )


def billion_words(rows: datasets.Dataset) -> datasets.Dataset:
    """Sentences in no order -> one item each."""
    return _dataset(_text(detokenize(row["text"]), row["text"] + "\n", _units([row["text"]])) for row in rows)


def text8(rows: datasets.Dataset) -> datasets.Dataset:
    """One long text -> pieces."""
    return _dataset(piece for row in rows for piece in _pieces(row["text"]))


def enwik8(**metadata: object) -> dict[str, datasets.Dataset]:
    """Wikipedia's source, downloaded once into the Hugging Face home. InputError where it is another file."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    path = home / "lab" / "enwik8.zip"
    if not path.exists():
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            raise InputError(f"{path}: no such file, and this evaluation must not use the net.")
        try:
            download(ENWIK8, path)
        except InputError as error:  # lab.evaluate.suites lists what can't be reached
            raise ConnectionError(str(error)) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != ENWIK8_SHA256:
        raise InputError(f"{path}: not the file that {ENWIK8} was. Remove it and fetch it again.")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("enwik8")[-ENWIK8_TEST:].decode("utf-8", "replace")
    return {"test": _dataset(_pieces(text))}


def cloze(rows: datasets.Dataset) -> datasets.Dataset:
    """CBT: `context` up to the blank, and each option with the rest of the sentence (Hill et al. 2016)."""

    def item(row: Mapping) -> dict:
        before, _, after = row["question"].partition(BLANK)
        story = "".join(f"{detokenize(sentence)} " for sentence in row["sentences"])
        start = detokenize(before)
        filled = [detokenize(f"{before} {option} {after}") for option in row["options"]]
        # Where the sentence begins with the blank, the space belongs to the option: tokens begin with theirs.
        context, space = (story + start, "") if start else (story.rstrip(), " ")
        choices = [space + sentence[len(start) :] for sentence in filled]
        return {"context": context, "choices": choices, "answer": row["options"].index(row["answer"])}

    return datasets.Dataset.from_list([item(row) for row in rows])


def detokenize(text: str) -> str:
    """Words split as treebanks split them -> text as people write it: one line, whose quotes open and close in turn.

    Only spaces are removed (and directed quotes and brackets become plain ones), so that nothing is lost: the result
    has the log-probability of the original, as with the invertible de-tokenizers of Radford et al. 2019 (section 3.1).

    >>> detokenize('" I do n\\'t know , " said the boys \\' uncle ( 40 ) .')
    '"I don\\'t know," said the boys\\' uncle (40).'
    """
    written: list[str] = []
    inside = dict.fromkeys("\"'", False)  # whether this quote is open
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


def process_results(doc: Mapping, results: Iterable[float]) -> dict[str, tuple[float, int]]:
    """lm-eval's pairs of log-likelihood and units."""
    (likelihood,) = results
    return {"word_perplexity": (likelihood, doc["words"]), "bits_per_byte": (likelihood, doc["bytes"])}


def process_bits(doc: Mapping, results: Iterable[float]) -> dict[str, tuple[float, int]]:
    """The same for texts that are not measured in words."""
    return {"bits_per_byte": process_results(doc, results)["bits_per_byte"]}


def _follows(word: str, last: str) -> bool:
    """Whether a word stands close to the one before it."""
    if word == "'":
        return last.endswith("s")  # the boys' uncle; elsewhere it is a quote
    return word in BEFORE or bool(_CONTRACTION.match(word))


def _articles(lines: Iterable[str]) -> Iterator[list[str]]:
    article: list[str] = []
    for line in lines:
        if _TITLE.match(line) and any(part.strip() for part in article):
            yield article
            article = []
        article.append(line if line.endswith("\n") else f"{line}\n")
    if article:
        yield article


def _units(lines: Iterable[str]) -> int:
    return sum(len(line.split()) + 1 for line in lines)


def _pieces(text: str) -> Iterator[dict]:
    for piece in (text[first : first + PIECE] for first in range(0, len(text), PIECE)):
        yield _text(piece, piece, len(piece.split()))


def _text(text: str, original: str, words: int) -> dict:
    return {"text": text, "words": words, "bytes": len(original.encode("utf-8"))}


def _dataset(rows: Iterable[dict]) -> datasets.Dataset:
    return datasets.Dataset.from_list(list(rows))
