"""The suite `sample`: tasks made from held-out pages and the town, so that any corpus can be scored without a net.

In: a dataset folder. Out: <folder>/<task>.parquet with items whose right answer is known and is in each place equally
often. The same dataset, seed and number give the same bytes. Entity tracking after Kim & Schuster 2023, minimal pairs
after BLiMP (Warstadt et al. 2020), bits per byte after the Pile (Gao et al. 2020).
"""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa

from lab.documents import RowWriter
from lab.errors import EmptyCorpusError
from lab.evaluate.held_out import HeldOutPage, Sentence, read_pages
from lab.sample.town.items import agreement_items, entity_items

TASKS = Path(__file__).parent / "tasks"
PAGES_PER_ITEM = 2  # read of each sort, because not every page gives an item
CHOICES = 4
FEWEST_ITEMS = 8  # a task with fewer is left out
BITS_CHARACTERS = 4000  # at the beginning of a page
CONTEXT_CHARACTERS = (150, 700)
SENTENCE_WORDS = (6, 30)
NEARBY = 16  # candidates; the nearest in length become wrong continuations

_TEXT = pa.string()
# text + one of the choices; choices[answer] is right. `kind`: a finer sort, for analysis.
CHOICE = pa.schema(
    [("text", _TEXT), ("choices", pa.list_(_TEXT)), ("answer", pa.int64()), ("kind", _TEXT), ("url", _TEXT)]
)
PASSAGE = pa.schema([("text", _TEXT), ("url", _TEXT)])  # a text to be predicted
_SENTENCE = re.compile(r"[^a-z\W_].*[.!?][\"')\]”’»]*$", re.DOTALL)

Pages = dict[str, list[HeldOutPage]]  # by sort


def task_file(task: str) -> Path:
    """The lm-eval task file of one of the suite's tasks."""
    return TASKS / f"{task}.yaml"


def make_sample(dataset: Path, folder: Path, count: int, seed: int) -> tuple[list[str], dict[str, str]]:
    """Write at most `count` items of each task; returns (tasks, reason for each that is left out)."""
    tasks, left_out = make_items(read_pages(dataset, PAGES_PER_ITEM * count, seed), count, seed)
    if not tasks:
        raise EmptyCorpusError(
            "evaluate: the validation split has too little text for any task of the suite 'sample'. Raise "
            "dataset.validation_share, curate more text, or choose other tasks in evaluate.suites."
        )
    for task, rows in tasks.items():
        with RowWriter(folder / f"{task}.parquet", CHOICE if "choices" in rows[0] else PASSAGE) as file:
            for row in rows:
                file.write(row)
    return list(tasks), left_out


def make_items(pages: Pages, count: int, seed: int) -> tuple[dict[str, list[dict]], dict[str, str]]:
    """(rows of each task, reason for each task that is left out); at most `count` rows per task."""
    tasks = {f"lab_bits_{sort}": bits(of_sort, count) for sort, of_sort in pages.items()}
    tasks["lab_continuation"] = continuations(pages, count, seed)
    tasks["lab_word_order"] = word_orders(pages, count, seed)
    left_out = {}
    if "town" in pages:
        tasks["lab_entities"] = entities(count, seed)
        tasks["lab_agreement"] = agreements(count, seed)
    else:
        left_out = dict.fromkeys(["lab_entities", "lab_agreement"], "no town pages: they are the sample crawl's own")
    for task, rows in tasks.items():
        fewest = min(2 if task.startswith("lab_bits_") else FEWEST_ITEMS, count)
        if len(rows) < fewest:
            left_out[task] = f"the held-out pages give {len(rows)} items; at least {fewest} are needed"
    return {task: rows for task, rows in tasks.items() if task not in left_out}, left_out


def bits(pages: list[HeldOutPage], count: int) -> list[dict]:
    """The beginnings of pages, cut between words."""
    return [{"text": _beginning(page.text), "url": page.url} for page in pages[:count] if page.text.strip()]


def continuations(pages: Pages, count: int, seed: int) -> list[dict]:
    """Which sentence comes next: the page's own or one of three from other pages of the same sort, about as long.

    All four are unseen in training, as is a part of the context, so that memory of the train split does not help.
    """
    by_sort = {
        sort: _continuations(of_sort, count, Random(f"{seed}:continuation:{sort}")) for sort, of_sort in pages.items()
    }
    return [
        _choice(text, right, wrong, number % CHOICES, sort, url)
        for number, (sort, (text, right, wrong, url)) in enumerate(_in_turn(by_sort, count))
    ]


def word_orders(pages: Pages, count: int, seed: int) -> list[dict]:
    """A sentence, and the same with two neighbouring words swapped."""
    by_sort = {sort: _swaps(of_sort, count, Random(f"{seed}:word order:{sort}")) for sort, of_sort in pages.items()}
    return [
        _choice("", right, [wrong], number % 2, sort, url)
        for number, (sort, (right, wrong, url)) in enumerate(_in_turn(by_sort, count))
    ]


def entities(count: int, seed: int) -> list[dict]:
    """Who has what, or where it is, at the end of a story."""
    rows = []
    for number, item in enumerate(entity_items(seed, count)):
        right = item.choices[item.answer]
        wrong = [choice for choice in item.choices if choice != right]
        place = number // 2 % CHOICES  # the kinds come in turn
        rows.append(_choice(f"{item.context} {item.question}", right, wrong, place, item.kind))
    return rows


def agreements(count: int, seed: int) -> list[dict]:
    """Subject-verb and pronoun agreement as minimal pairs."""
    pairs = enumerate(agreement_items(seed, count))
    return [_choice("", pair.good, [pair.bad], number % 2, pair.kind) for number, pair in pairs]


def _choice(text: str, right: str, wrong: list[str], place: int, kind: str, url: str = "") -> dict:
    """A row in which the right choice is at `place`."""
    choices = [*wrong[:place], right, *wrong[place:]]
    return {"text": text, "choices": choices, "answer": place, "kind": kind, "url": url}


def _beginning(text: str) -> str:
    cut = text[:BITS_CHARACTERS]
    return cut if len(text) <= BITS_CHARACTERS else cut.rsplit(None, 1)[0]


def _in_turn(by_sort: dict, count: int) -> list[tuple]:
    """(sort, item): one of each sort in turn, until each is used up or there are `count`."""
    turns = [(number, sort, item) for sort, items in by_sort.items() for number, item in enumerate(items)]
    turns.sort(key=lambda turn: turn[0])
    return [(sort, item) for _, sort, item in turns[:count]]


def _page_by_page(
    pages: list[HeldOutPage],
    sentences: list[list[Sentence]],
    count: int,
    random: Random,
    make: Callable[[int, Sentence], tuple | None],
) -> list[tuple]:
    """What `make(number of the page, sentence)` gives: one item of each page, then a second of each, and so on."""
    by_page = {}
    for number, parts in enumerate(sentences):
        sampled = random.sample(parts, min(len(parts), 1 + count // len(pages)))
        by_page[number] = [item for part in sampled if (item := make(number, part)) is not None]
    return [item for _, item in _in_turn(by_page, count)]


def _usable(page: HeldOutPage) -> list[Sentence]:
    """The sentences that are whole, neither short nor long, mostly letters, and unseen."""
    fewest, most = SENTENCE_WORDS
    return [
        part
        for part in page.sentences
        if part.text in page.unseen
        and fewest <= len(part.text.split()) <= most
        and _SENTENCE.match(part.text)
        and sum(character.isalpha() or character == " " for character in part.text) > 0.85 * len(part.text)
    ]


def _continuations(pages: list[HeldOutPage], count: int, random: Random) -> list[tuple[str, str, list[str], str]]:
    """(context, right, wrong, url)."""
    usable = [[part for part in _usable(page) if part.joined] for page in pages]
    pool = [(number, part.text) for number, parts in enumerate(usable) for part in parts]

    def item(number: int, part: Sentence) -> tuple | None:
        context, wrong = _context(pages[number], part.start), _wrong(pool, number, part.text, random)
        return (context, part.text, wrong, pages[number].url) if context and len(wrong) == CHOICES - 1 else None

    return _page_by_page(pages, usable, count, random, item)


def _context(page: HeldOutPage, end: int) -> str:
    """Whole sentences before `end`, at least one of them unseen; empty where they are too short."""
    fewest, most = CONTEXT_CHARACTERS
    before = [part for part in page.sentences if end - most <= part.start < end]
    text = page.text[before[0].start : end].rstrip() if before else ""
    return text if len(text) >= fewest and any(part.text in page.unseen for part in before) else ""


def _wrong(pool: list[tuple[int, str]], number: int, right: str, random: Random) -> list[str]:
    """Sentences of pages other than `number`: of some candidates the nearest in length."""
    sampled = random.sample(pool, min(len(pool), NEARBY + 4))
    candidates = dict.fromkeys(text for page, text in sampled if page != number and text != right)
    nearest = sorted(candidates, key=lambda text: abs(len(text.encode()) - len(right.encode())))[: CHOICES - 1]
    random.shuffle(nearest)
    return nearest


def _swaps(pages: list[HeldOutPage], count: int, random: Random) -> list[tuple[str, str, str]]:
    """(right, wrong, url)."""

    def item(number: int, part: Sentence) -> tuple | None:
        words = part.text.split(" ")
        places = [at for at in range(1, len(words) - 2) if _swappable(words[at], words[at + 1])]
        if not places:
            return None
        at = random.choice(places)
        wrong = [*words[:at], words[at + 1], words[at], *words[at + 2 :]]
        return part.text, " ".join(wrong), pages[number].url

    return _page_by_page(pages, [_usable(page) for page in pages], count, random, item)


def _swappable(one: str, other: str) -> bool:
    return one.isalpha() and other.isalpha() and one.islower() and other.islower() and one != other
