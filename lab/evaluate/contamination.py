"""The stage: which evaluation items are in the train split, and the scores without them.

Out: <task>.jsonl with each item's share of words that lie in a shared n-gram, and scores over all items, those that
overlap and those that do not. Words and n are GPT-3's (Brown et al. 2020, appendix C): lower case, no punctuation, n
between 8 and 13; the covered share is Llama 3's (Grattafiori et al. 2024, section 5.1.4).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import regex

from lab.documents import read_rows, shards
from lab.engine import run as run_shards
from lab.errors import InputError
from lab.evaluate.answers import item_text, once, task_files
from lab.evaluate.scores import item_metrics, score_items
from lab.files import read_json_lines, write_json_lines
from lab.params import ContaminationParams, EngineParams

_NO_WORD = regex.compile(r"[^\p{L}\p{N}\s]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd: no word of an n-gram is lost modulo 2^64
GAP = ""  # no word
SHORT_ITEMS = 5  # percentile of the items' lengths that n follows


@dataclass(frozen=True)
class Task:
    """A task's items as words in a row, with a gap of one place after each item."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    lengths: np.ndarray  # of the items, in words; int64 [items]
    ngram: int  # n
    starts: np.ndarray  # of the n-grams in the row of words, int64 [n-grams]
    grams: np.ndarray  # uint64 [n-grams]


class Words(dict):
    """The items' words -> numbers from 1; other words are 0."""

    def __missing__(self, word: str) -> int:
        return 0

    def numbers(self, words: Iterable[str]) -> np.ndarray:
        """uint64 [words]."""
        return np.fromiter((self[word] for word in words), np.uint64)


def split_words(text: str) -> list[str]:
    """Words in lower case, without punctuation; letters where a script puts no spaces between words.

    >>> split_words("Don't stop -- the cat's (black) 13-gram! 東京")
    ['dont', 'stop', 'the', 'cats', 'black', '13gram', '東', '京']
    """
    return _UNSPACED.sub(r" \g<0> ", _NO_WORD.sub("", text.lower())).split()


def run(dataset: Path, evaluate: Path, out: Path, params: ContaminationParams, engine: EngineParams) -> dict:
    """Write <task>.jsonl; returns {"tasks": {task: overlaps and scores}}. InputError without shards or items."""
    # Words of all items get numbers, n-grams of these numbers get hashes. Each train shard is asked which of the items'
    # hashes it has; a word is covered if an n-gram around it is among them.
    files = task_files(evaluate)
    if not files:
        raise InputError(f"{evaluate}: no items (<task>.jsonl) here. Run `dvc repro evaluate`.")
    words, tasks = read_tasks(files, params)
    sizes = sorted({task.ngram for task in tasks})
    grams = {n: np.unique(np.concatenate([task.grams for task in tasks if task.ngram == n])) for n in sizes}
    train_shards = run_shards(
        "contamination",
        partial(_look_up, words=words, grams=grams),
        {path.stem: path for path in shards(dataset / "train")},
        engine=engine,
        params=params,
        inputs=lambda path: [path, *files.values()],
    )
    hits = {
        n: of_size[sorted({place for shard in train_shards for place in shard.result[str(n)]})]
        for n, of_size in grams.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    return {"tasks": {task.name: _write(task, covered_shares(task, hits[task.ngram]), out, params) for task in tasks}}


def read_tasks(files: Mapping[str, Path], params: ContaminationParams) -> tuple[Words, list[Task]]:
    """The items of all tasks ({task: its file}), as numbers of the words that any of them has."""
    words, tasks = Words(), []
    for name, path in files.items():
        rows = once(read_json_lines(path))
        texts = [split_words(item_text(row)) for row in rows]
        for word in (word for text in texts for word in text):
            words.setdefault(word, len(words) + 1)
        lengths = np.array([len(text) for text in texts], np.int64)
        short = int(np.percentile(lengths, SHORT_ITEMS)) if len(lengths) else params.min_ngram
        n = min(max(short, params.min_ngram), params.max_ngram)
        in_a_row = words.numbers(word for text in texts for word in (*text, GAP))
        tasks.append(Task(name, rows, lengths, n, *ngrams(in_a_row, n)))
    return words, tasks


def ngrams(numbers: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(first word, hash) of each n-gram of word numbers, uint64 [words], that has no 0; int64 and uint64 [n-grams]."""
    count = max(0, len(numbers) - n + 1)
    keys = np.zeros(count, np.uint64)
    for offset in range(n):
        keys = keys * _BASE + numbers[offset : offset + count]
    unknown = np.concatenate([[0], np.cumsum(numbers == 0)])
    starts = np.flatnonzero(unknown[n:] == unknown[:count])
    return starts, keys[starts]


def covered_shares(task: Task, hits: np.ndarray) -> np.ndarray:
    """Share, float64 [items], of each item's words that lie in an n-gram which is among `hits`."""
    ends = np.cumsum(task.lengths + 1) - 1  # of the items in the row of words
    first = task.starts[np.isin(task.grams, hits)]
    marks = np.zeros((task.lengths + 1).sum(), np.int64)
    marks[first[:, None] + np.arange(task.ngram)] = 1
    before = np.concatenate([[0], np.cumsum(marks)])
    return (before[ends] - before[ends - task.lengths]) / np.maximum(task.lengths, 1)


def _look_up(path: Path, folder: Path, name: str, *, words: Words, grams: dict[int, np.ndarray]) -> dict:
    """Which of the items' n-grams a train shard has: n -> places in `grams`."""
    places: dict[int, set[int]] = {n: set() for n in grams}
    for row in read_rows(path, ["text"]):
        numbers = words.numbers(split_words(row["text"]))
        for n, of_size in grams.items():
            _, keys = ngrams(numbers, n)
            nearest = np.searchsorted(of_size, keys)
            inside = nearest < len(of_size)
            places[n].update(nearest[inside][of_size[nearest[inside]] == keys[inside]].tolist())
    return {str(n): sorted(of_size) for n, of_size in places.items()}


def _write(task: Task, shares: np.ndarray, out: Path, params: ContaminationParams) -> dict:
    overlaps = shares > params.max_covered_share
    lines = (
        {name: row[name] for name in ("doc_id", "doc_hash")} | {"covered": round(share, 6), "overlaps": overlap}
        for row, share, overlap in zip(task.rows, shares.tolist(), overlaps.tolist(), strict=True)
    )
    write_json_lines(out / f"{task.name}.jsonl", lines)
    groups = {"all": np.ones_like(overlaps), "clean": ~overlaps, "overlapping": overlaps}
    return {
        "items": len(task.rows),
        "ngram": task.ngram,
        "short": int((task.lengths < task.ngram).sum()),  # items with fewer words than n can't overlap
        "overlapping": int(overlaps.sum()),
        "share": round(float(overlaps.mean()), 6) if len(overlaps) else 0.0,
        "covered": round(float(shares.mean()), 6) if len(shares) else 0.0,
        "scores": {
            metric: {group: _score(task, metric, members) for group, members in groups.items()}
            for metric in item_metrics(task.rows)
        },
    }


def _score(task: Task, metric: str, members: np.ndarray) -> dict | None:
    """The score over the items for which `members`, bool [items], is true; None without any."""
    score = score_items(task.name, metric, [row for row, member in zip(task.rows, members, strict=True) if member])
    return None if score is None else {"value": round(score.value, 6), "error": score.error and round(score.error, 6)}
