"""Which evaluation items stand in the train split, and what the scores are without them.

In: the train split, data/evaluate/<task>.jsonl (lab.evaluate.scores.item_row). Out: <task>.jsonl with each item's share
of words that lie in a shared n-gram, and scores over all items, those that overlap and those that do not. Words and n
are GPT-3's (Brown et al. 2020, appendix C): lower case, no punctuation, n between 8 and 13; the covered share is Llama
3's (Grattafiori et al. 2024, section 5.1.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import regex

from lab import engine
from lab.documents import read_rows, shards
from lab.errors import InputError
from lab.evaluate.item_text import item_text
from lab.evaluate.metrics import Score, metrics_of, score
from lab.files import read_json_lines, write_json_lines
from lab.params import ContaminationParams, EngineParams

_NO_WORD = regex.compile(r"[^\p{L}\p{N}\s]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd: no word of an n-gram is lost modulo 2^64
SHORT_ITEMS = 5  # percentile of the items' lengths that n follows


@dataclass(frozen=True)
class Task:
    """A task's items as words: `ngram`, its n; `grams` uint64 [n-grams], `owners` int64 [n-grams] their item,
    `starts` int64 [n-grams] their first word in it; `lengths` int64 [items] in words."""

    name: str
    rows: list[dict]
    ngram: int
    grams: np.ndarray
    owners: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


class Words(dict):
    """The items' words -> numbers from 1; a word that no item has is 0, and so is every n-gram with it a mismatch."""

    def __missing__(self, word: str) -> int:
        return 0

    def numbers(self, text: str) -> np.ndarray:
        """uint64 [words]."""
        return np.fromiter((self[word] for word in split_words(text)), np.uint64)


def split_words(text: str) -> list[str]:
    """Words in lower case, without punctuation; where words are not set apart by spaces, letters.

    >>> split_words("Don't stop -- the cat's (black) 13-gram! 東京")
    ['dont', 'stop', 'the', 'cats', 'black', '13gram', '東', '京']
    """
    return _UNSPACED.sub(r" \g<0> ", _NO_WORD.sub("", text.lower())).split()


def measure(
    train: Path, evaluation: Path, out: Path, params: ContaminationParams, engine_params: EngineParams
) -> dict[str, dict]:
    """Write each item's covered share to `out`/<task>.jsonl; returns, for each task, how many overlap and its scores.

    Raises InputError where there are no shards or no items.
    """
    paths = sorted(evaluation.glob("*.jsonl"))
    if not paths:
        raise InputError(f"{evaluation}: no items (<task>.jsonl) here. Run `dvc repro evaluate`.")
    words, tasks = read_tasks(paths, params)
    wanted = {n: np.unique(np.concatenate([task.grams for task in tasks if task.ngram == n])) for n in _ngrams(tasks)}
    items = {path.stem: path for path in shards(train)}
    found = engine.run(
        "contamination",
        partial(_look_up, words=words, wanted=wanted),
        items,
        engine=engine_params,
        params=params,
        inputs=lambda path: [path, *paths],
    )
    hits = {
        n: grams[sorted({place for shard in found for place in shard.result[str(n)]})] for n, grams in wanted.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    return {task.name: _write(task, covered_shares(task, hits[task.ngram]), out, params) for task in tasks}


def read_tasks(paths: Sequence[Path], params: ContaminationParams) -> tuple[Words, list[Task]]:
    """The items of all tasks, as numbers of the words that any of them has."""
    words, tasks = Words(), []
    for path in paths:
        rows = read_json_lines(path)
        rows = [row for row in rows if row.get("filter") == rows[0].get("filter")]  # each item once
        texts = [split_words(item_text(row)) for row in rows]
        for word in (word for text in texts for word in text):
            words.setdefault(word, len(words) + 1)
        lengths = np.array([len(text) for text in texts], np.int64)
        short = int(np.percentile(lengths, SHORT_ITEMS)) if len(lengths) else params.min_ngram
        n = min(max(short, params.min_ngram), params.max_ngram)
        grams = [ngrams(np.array([words[word] for word in text], np.uint64), n) for text in texts]
        owners = np.repeat(np.arange(len(grams)), [len(found) for found in grams])
        starts = np.concatenate([np.arange(len(found)) for found in grams]) if grams else np.zeros(0, np.int64)
        every = np.concatenate(grams) if grams else np.zeros(0, np.uint64)
        tasks.append(Task(path.stem, rows, n, every, owners, starts, lengths))
    return words, tasks


def ngrams(numbers: np.ndarray, n: int) -> np.ndarray:
    """Hashes, uint64 [words - n + 1], of the n-grams of word numbers, uint64 [words]."""
    count = len(numbers) - n + 1
    keys = np.zeros(max(0, count), np.uint64)
    for offset in range(n if count > 0 else 0):
        keys = keys * _BASE + numbers[offset : offset + count]
    return keys


def covered_shares(task: Task, hits: np.ndarray) -> np.ndarray:
    """Share, float64 [items], of each item's words that lie in an n-gram which is among `hits`."""
    shared = np.isin(task.grams, hits)
    ends = np.cumsum(task.lengths)
    first = (ends - task.lengths)[task.owners[shared]] + task.starts[shared]  # words, over all items in a row
    marks = np.zeros(task.lengths.sum() + 1, np.int64)
    marks[np.unique(first[:, None] + np.arange(task.ngram))] = 1
    before = np.concatenate([[0], np.cumsum(marks)])
    return (before[ends] - before[ends - task.lengths]) / np.maximum(task.lengths, 1)


def _look_up(path: Path, folder: Path, name: str, *, words: Words, wanted: dict[int, np.ndarray]) -> dict:
    """The places in `wanted` of the n-grams that a train shard has, by n."""
    found: dict[int, set[int]] = {n: set() for n in wanted}
    for row in read_rows(path, ["text"]):
        numbers = words.numbers(row["text"])
        for n, grams in wanted.items():
            keys = ngrams(numbers, n)
            keys = keys[_whole(numbers, n)]
            places = np.searchsorted(grams, keys)
            inside = places < len(grams)
            found[n].update(places[inside][grams[places[inside]] == keys[inside]].tolist())
    return {str(n): sorted(places) for n, places in found.items()}


def _whole(numbers: np.ndarray, n: int) -> np.ndarray:
    """Which n-grams have known words only, bool [words - n + 1]."""
    unknown = np.concatenate([[0], np.cumsum(numbers == 0)])
    return unknown[n:] == unknown[:-n] if len(unknown) > n else np.zeros(0, bool)


def _ngrams(tasks: Sequence[Task]) -> list[int]:
    return sorted({task.ngram for task in tasks})


def _write(task: Task, shares: np.ndarray, out: Path, params: ContaminationParams) -> dict:
    dirty = shares > params.max_covered_share
    write_json_lines(out / f"{task.name}.jsonl", _lines(task, shares, dirty))
    return {
        "items": len(task.rows),
        "ngram": task.ngram,
        "short": int((task.lengths < task.ngram).sum()),  # too short to be looked for
        "overlapping": int(dirty.sum()),
        "share": round(float(dirty.mean()), 6) if len(dirty) else 0.0,
        "covered": round(float(shares.mean()), 6) if len(shares) else 0.0,
        "scores": {
            metric: {
                "all": _shown(score(metric, task.rows)),
                "clean": _shown(score(metric, [row for row, bad in zip(task.rows, dirty, strict=True) if not bad])),
                "overlapping": _shown(score(metric, [row for row, bad in zip(task.rows, dirty, strict=True) if bad])),
            }
            for metric in metrics_of(task.rows)
        },
    }


def _lines(task: Task, shares: np.ndarray, dirty: np.ndarray) -> Iterator[dict]:
    for row, share, bad in zip(task.rows, shares, dirty, strict=True):
        line = {"doc_id": row["doc_id"], "doc_hash": row["doc_hash"], "covered": round(float(share), 6)}
        yield line | {"overlaps": bool(bad)}


def _shown(value: Score | None) -> dict | None:
    return None if value is None else {"value": round(value.value, 6), "error": value.error and round(value.error, 6)}
