"""Evaluation items with a known answer, in the language of the pages: who has what, what lies where, and agreement.

Held out by their random sources: towns draw from Random("town:<seed>..."), items from Random("items:<seed>:..."), so no
item's text comes from a town of the crawl, whatever the seeds. Names, objects, spots and patterns are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from random import Random
from types import SimpleNamespace

from lab.sample.town.english import listed
from lab.sample.town.facts import Fact, WorldState
from lab.sample.town.grammar import Grammar, Speaker, town_grammar
from lab.sample.town.people import Person
from lab.sample.town.scene import Scene

CHOICES = 4
TRIES = 5000


@dataclass(frozen=True, slots=True)
class EntityItem:
    """context + " " + question + " " + choices[answer] is true; all choices are named in the context.

    kind: "holder" (choices are people) or "place" (choices are phrases such as "in the blue cupboard").
    """

    context: str
    question: str
    choices: list[str]
    answer: int
    kind: str


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """Two sentences that differ in one word; only `good` is grammatical (or fits the person named).

    kind: "subject_verb", "subject_verb_attractor" (a phrase stands between them),
    "subject_verb_past" (was, were), "pronoun_reflexive" or "pronoun_possessive".
    """

    good: str
    bad: str
    kind: str


def entity_items(seed: int, count: int) -> list[EntityItem]:
    """Items, half of each kind, whose answer is equally often the first, second, third and last choice named.

    Both orders are balanced (by first and by last mention), so neither "the last named" nor "the first named" helps.
    """
    grammar = town_grammar()
    items = []
    for number in range(count):
        random = Random(f"items:{seed}:entity:{number}")
        kind = "holder" if number % 2 == 0 else "place"
        turn = number // 2
        rank_last, rank_first = turn % CHOICES, (turn // CHOICES) % CHOICES
        items.append(_balanced(grammar, random, kind, rank_last, rank_first))
    return items


def _balanced(grammar: Grammar, random: Random, kind: str, rank_last: int, rank_first: int) -> EntityItem:
    for _ in range(TRIES):
        item = _entity_item(grammar, random, kind)
        if item and _ranks(item) == (rank_last, rank_first):
            return item
    raise AssertionError(f"{TRIES} tries gave no {kind} item of ranks {rank_last} and {rank_first}")


def _ranks(item: EntityItem) -> tuple[int, int]:
    """The answer's rank among the choices by last and by first mention."""
    context, answer = item.context.lower(), item.choices[item.answer]
    choices = [choice.lower() for choice in item.choices]
    orders = sorted(choices, key=context.rfind), sorted(choices, key=context.find)
    return orders[0].index(answer.lower()), orders[1].index(answer.lower())


def _entity_item(grammar: Grammar, random: Random, kind: str) -> EntityItem | None:
    """One item, or None where no object ends up as `kind` says, or where the story does not name all choices."""
    speaker = Speaker(random)
    people = _people(grammar, random, CHOICES)
    site = random.choice(grammar.records["site"])
    spots = random.sample(site.spot, CHOICES)
    objects = random.sample(grammar.words["object"], random.randint(2, 3) if kind == "holder" else 4)
    state = WorldState(
        Fact("holder", name, random.choice(people).name)
        if random.random() < (0.75 if kind == "holder" else 0.2)
        else Fact("place", name, spot)
        for name, spot in zip(objects, spots, strict=False)
    )
    scene = Scene(grammar, speaker, state, people, objects, spots)
    sentences = [_opening(scene, site), *(scene.start(name) for name in objects)]
    for _ in range(random.randint(4, 7)):
        name = random.choice(objects)
        sentences.append(scene.change(name, 0.75 if kind == "holder" else 0.3))
        if random.random() < 0.3:
            sentences.append(scene.meanwhile())
    moved = {statement.fact.subject for statement in scene.statements if statement.change}
    askable = [name for name in objects if name in moved and state.object(name).kind == kind]
    if not askable:
        return None
    asked = random.choice(askable)
    fact = state.object(asked)
    context = " ".join(sentences)
    choices = [person.name for person in people] if kind == "holder" else spots
    if not all(choice.lower() in context.lower() for choice in choices):
        return None
    question = scene.say(f"{kind}_question", o=asked).rstrip(".")
    return EntityItem(context, question, choices, choices.index(fact.value), kind)


def _opening(scene: Scene, site: SimpleNamespace) -> str:
    names = listed([person.name for person in scene.people])
    return scene.say("scene_opening", site=site, names=names)


def _people(grammar: Grammar, random: Random, count: int) -> list[Person]:
    people = []
    for pronoun in random.choices(("she", "he"), k=count):
        taken = {person.name for person in people}
        name = random.choice([name for name in grammar.words[f"name_{pronoun}"] if name not in taken])
        people.append(Person(name, "", pronoun))
    return people


def agreement_items(seed: int, count: int) -> list[MinimalPair]:
    """Minimal pairs, the five kinds in turn."""
    grammar, pairs = town_grammar(), zip(range(count), cycle(PAIRS.items()), strict=False)
    return [make(grammar, f"items:{seed}:agreement:{number}", kind) for number, (kind, make) in pairs]


def _verb_pair(
    grammar: Grammar, name: str, kind: str, *, rules: tuple[str, ...], attractor: bool | None
) -> MinimalPair:
    """The same sentence twice, from equal random sources, the second time with the verb of the other number."""
    for attempt in range(TRIES):
        seed = f"{name}:{attempt}"
        speakers = [Speaker(Random(seed), {"season": "summer"}, wrong=wrong) for wrong in (False, True)]
        good, bad = (grammar.say(speaker.random.choice(rules), speaker) for speaker in speakers)
        if attractor is not None and attractor != bool(speakers[0].attractor):
            continue
        if _differences(good, bad) == 1:
            return MinimalPair(good, bad, kind)
    raise AssertionError(f"the grammar makes no pair of kind {kind}")


def _pronoun_pair(grammar: Grammar, name: str, kind: str) -> MinimalPair:
    random = Random(name)
    described = random.random() < 0.4
    pronoun, other = random.sample(("she", "he"), 2)
    if described and kind == "pronoun_reflexive" and random.random() < 0.4:
        pronoun, other = random.choice((("they", "she"), ("they", "he")))
    words = grammar.words[f"described_{pronoun}" if described else f"name_{pronoun}"]
    subject = random.choice(words)
    people = {key: Person(subject, "", key) for key in (pronoun, other)}
    seed = random.random()
    good, bad = (grammar.say(kind, Speaker(Random(seed), {"A": subject, "R": people[key]})) for key in (pronoun, other))
    return MinimalPair(good, bad, kind)


def _differences(one: str, other: str) -> int:
    """Number of words that differ; -1 where the sentences differ in length."""
    first, second = one.split(), other.split()
    return sum(a != b for a, b in zip(first, second, strict=True)) if len(first) == len(second) else -1


VERBS = ("agree_be", "agree_verb", "agree_have")
PAIRS: dict[str, Callable[[Grammar, str, str], MinimalPair]] = {
    "subject_verb": partial(_verb_pair, rules=VERBS, attractor=False),
    "subject_verb_attractor": partial(_verb_pair, rules=VERBS, attractor=True),
    "subject_verb_past": partial(_verb_pair, rules=("agree_be_past",), attractor=None),
    "pronoun_reflexive": _pronoun_pair,
    "pronoun_possessive": _pronoun_pair,
}
