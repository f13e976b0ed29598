"""Readers' questions with their answers: what is asked is a fact of the town, or advice. Writes the page on a draft."""

from collections.abc import Callable

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.happenings import recall
from lab.sample.town.people import Person

ADVICE = ("repair", "chore", "animals", "store")


def questions(draft: Draft) -> None:
    """Readers ask who has what, what lies where, who lives in which street: the answers are the town's facts."""
    random, world = draft.random, draft.world
    helper, friend = draft.people(2, world.grown())
    draft.author = helper.full
    draft.entitle("qa_title")
    draft.paragraph(draft.say("qa_intro"), draft.asides(0, 1))
    for _ in range(random.randint(9, 13)):
        ask = random.choices(list(ASKED), list(ASKED.values()))[0]
        pair = ask(draft)
        draft.name(helper, friend)
        if pair:
            draft.paragraph(pair[0])
            draft.paragraph(pair[1], draft.asides(0, 1))
    draft.paragraph(draft.some("proverb", "idea", "weather_now", "town_fact", low=1, high=2), recall(draft, 1))


Pair = tuple[str, str] | None


def _object(draft: Draft) -> Pair:
    fact = claims.pick_object(draft)
    if not fact:
        return None
    question = draft.say("q_holder" if fact.kind == "holder" else "q_place", o=fact.subject)
    return question, claims.say_object(draft, fact, "a_holder", "a_place")


def _price(draft: Draft) -> Pair:
    shop = draft.random.choice(draft.world.shops)
    answer = claims.price(draft, shop, "a_price")
    return draft.say("q_price"), answer


def _trait(kind: str) -> Callable[[Draft], Pair]:
    def ask(draft: Draft) -> Pair:
        people = [one for one in draft.world.people if _known(kind, one) and one.full not in draft.topics]
        if not people:
            return None
        person = draft.random.choice(people)
        draft.topics.append(person.full)
        return draft.say(f"q_{kind}", X=person), claims.trait(draft, kind, person, f"a_{kind}")

    return ask


def _known(kind: str, person: Person) -> bool:
    if kind == "parents":
        return bool(person.parents)
    return person.years >= 5 and (kind != "job" or person.working)


def _owner(draft: Draft) -> Pair:
    pets = [pet for pet in draft.world.animals if pet.name not in draft.topics]
    if not pets:
        return None
    pet = draft.random.choice(pets)
    draft.topics.append(pet.name)
    question = draft.say("q_owner", pet=pet)
    return question, draft.claim(Fact("owner", pet.name, pet.owner.name), draft.say("a_owner", O=pet.owner))


def _advice(draft: Draft) -> Pair:
    """Advice on things in general; question and answer name the same thing."""
    words, topic = draft.grammar.words, draft.random.choice(ADVICE)
    draft.bind(**{name: draft.random.choice(words[name]) for name in ("thing", "animal", "fruit", "chore")})
    pair = draft.say(f"qa_{topic}_q"), draft.say(f"qa_{topic}_a")
    draft.unbind("thing", "animal", "fruit", "chore")
    return pair


ASKED: dict[Callable[[Draft], Pair], int] = {
    _object: 5,
    _price: 2,
    _trait("job"): 1,
    _trait("home"): 1,
    _trait("age"): 1,
    _trait("parents"): 1,
    _owner: 1,
    _advice: 2,
}
