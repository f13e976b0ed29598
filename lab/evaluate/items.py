"""The sample suite's items: plain rows with a known right answer.

In: held-out pages of each sort, the town's own items. Out: for each task its rows, or why it has none. The right
answer is in each place equally often. Entity tracking after Kim & Schuster 2023, minimal pairs after BLiMP
(Warstadt et al. 2020), bits per byte after the Pile (Gao et al. 2020).
"""

import re
from dataclasses import asdict, dataclass
from random import Random

from lab.evaluate.held_out import HeldOutPage
from lab.sample.town.items import agreement_items, entity_items

CHOICES = 4
FEWEST_ITEMS = 8  # a task with fewer is left out
BITS_CHARACTERS = 4000  # at the beginning of a page
CONTEXT_CHARACTERS = (150, 700)
SENTENCE_WORDS = (6, 30)
NEARBY = 16  # candidates; the nearest in length become wrong continuations

_SENTENCE = re.compile(r"[^a-z\W_].*[.!?][\"')\]”’»]*$", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """text + one of the choices; choices[answer] is right. `kind`: a finer sort, for analysis."""

    text: str
    choices: list[str]
    answer: int
    kind: str
    url: str


@dataclass(frozen=True)
class Passage:
    """A text to be predicted."""

    text: str
    url: str


def make_items(
    pages: dict[str, list[HeldOutPage]], count: int, seed: int
) -> tuple[dict[str, list[dict]], dict[str, str]]:
    """(rows of each task, reason for each task that is left out); at most `count` rows per task."""
    tasks: dict[str, list] = {f"lab_bits_{sort}": bits(of_sort, count) for sort, of_sort in pages.items()}
    tasks["lab_continuation"] = continuations(pages, count, seed)
    tasks["lab_word_order"] = word_orders(pages, count, seed)
    left_out = {}
    if "town" in pages:
        tasks["lab_entities"] = entities(count, seed)
        tasks["lab_agreement"] = agreements(count, seed)
    else:
        left_out = dict.fromkeys(["lab_entities", "lab_agreement"], "no town pages: they are the sample crawl's own")
    for task, rows in tasks.items():
        fewest = 2 if task.startswith("lab_bits_") else FEWEST_ITEMS
        if len(rows) < min(fewest, count):
            left_out[task] = f"the held-out pages give {len(rows)} items; at least {min(fewest, count)} are needed"
    kept = {task: [asdict(row) for row in rows] for task, rows in tasks.items() if task not in left_out}
    return kept, left_out


def bits(pages: list[HeldOutPage], count: int) -> list[Passage]:
    """The beginnings of pages, cut between words."""
    return [Passage(_beginning(page.text), page.url) for page in pages[:count] if page.text.strip()]


def continuations(pages: dict[str, list[HeldOutPage]], count: int, seed: int) -> list[Choice]:
    """Which sentence comes next: the page's own or one of three from other pages of the same sort, about as long.

    All four are unseen in training, as is a part of the context, so that memory of the train split does not help.
    """
    by_sort = {
        sort: _continuations(of_sort, count, Random(f"{seed}:continuation:{sort}")) for sort, of_sort in pages.items()
    }
    return [
        Choice(text, _placed(right, wrong, number % CHOICES), number % CHOICES, sort, url)
        for number, (sort, (text, right, wrong, url)) in enumerate(_in_turn(by_sort, count))
    ]


def word_orders(pages: dict[str, list[HeldOutPage]], count: int, seed: int) -> list[Choice]:
    """A sentence, and the same with two neighbouring words swapped."""
    by_sort = {sort: _swaps(of_sort, count, Random(f"{seed}:word order:{sort}")) for sort, of_sort in pages.items()}
    return [
        Choice("", _placed(right, [wrong], number % 2), number % 2, sort, url)
        for number, (sort, (right, wrong, url)) in enumerate(_in_turn(by_sort, count))
    ]


def entities(count: int, seed: int) -> list[Choice]:
    """Who has what, or where it is, at the end of a story."""
    choices = []
    for number, item in enumerate(entity_items(seed, count)):
        place = number // 2 % CHOICES  # the kinds come in turn
        wrong = [choice for choice in item.choices if choice != item.choices[item.answer]]
        placed = _placed(item.choices[item.answer], wrong, place)
        choices.append(Choice(f"{item.context} {item.question}", placed, place, item.kind, ""))
    return choices


def agreements(count: int, seed: int) -> list[Choice]:
    """Subject-verb and pronoun agreement as minimal pairs."""
    return [
        Choice("", _placed(pair.good, [pair.bad], number % 2), number % 2, pair.kind, "")
        for number, pair in enumerate(agreement_items(seed, count))
    ]


def _beginning(text: str) -> str:
    cut = text[:BITS_CHARACTERS]
    return cut if len(text) <= BITS_CHARACTERS else cut.rsplit(None, 1)[0]


def _placed(right: str, wrong: list[str], place: int) -> list[str]:
    return [*wrong[:place], right, *wrong[place:]]


def _in_turn(by_sort: dict[str, list], count: int) -> list[tuple]:
    """(sort, item): one of each sort in turn, until each is used up or there are `count`."""
    turns = [(number, sort, item) for sort, items in by_sort.items() for number, item in enumerate(items)]
    turns.sort(key=lambda turn: turn[0])
    return [(sort, item) for _, sort, item in turns[:count]]


def _usable(page: HeldOutPage, text: str) -> bool:
    """Whether a sentence is whole, neither short nor long, mostly letters, and unseen."""
    words = text.split()
    letters = sum(character.isalpha() or character == " " for character in text)
    return (
        text in page.unseen
        and SENTENCE_WORDS[0] <= len(words) <= SENTENCE_WORDS[1]
        and bool(_SENTENCE.match(text))
        and letters > 0.85 * len(text)
    )


def _continuations(pages: list[HeldOutPage], count: int, random: Random) -> list[tuple[str, str, list[str], str]]:
    """(context, right, wrong, url): one of each page, then a second of each page, and so on."""
    usable = [[part for part in page.sentences if part.joined and _usable(page, part.text)] for page in pages]
    pool = [(number, part.text) for number, parts in enumerate(usable) for part in parts]
    by_page: dict[str, list] = {}
    for number, (page, parts) in enumerate(zip(pages, usable, strict=True)):
        for part in random.sample(parts, min(len(parts), 1 + count // len(pages))):
            context = _context(page, part.start)
            wrong = _wrong(pool, number, part.text, random)
            if context and len(wrong) == CHOICES - 1:
                by_page.setdefault(str(number), []).append((context, part.text, wrong, page.url))
    return [item for _, item in _in_turn(by_page, count)]


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
    """(right, wrong, url): one of each page, then a second of each page, and so on."""
    by_page: dict[str, list] = {}
    for number, page in enumerate(pages):
        parts = [part.text for part in page.sentences if _usable(page, part.text)]
        for right in random.sample(parts, min(len(parts), 1 + count // len(pages))):
            words = right.split(" ")
            places = [at for at in range(1, len(words) - 2) if _swappable(words[at], words[at + 1])]
            if places:
                at = random.choice(places)
                wrong = [*words[:at], words[at + 1], words[at], *words[at + 2 :]]
                by_page.setdefault(str(number), []).append((right, " ".join(wrong), page.url))
    return [item for _, item in _in_turn(by_page, count)]


def _swappable(one: str, other: str) -> bool:
    return one.isalpha() and other.isalpha() and one.islower() and other.islower() and one != other
