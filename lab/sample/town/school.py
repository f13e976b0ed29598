"""What children learn and readers ask: lessons, questions and answers. Each takes a draft and writes a page on it."""

from collections.abc import Callable

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.happenings import recall
from lab.sample.town.people import Person

CLASS = 3  # children who are named
ADVICE = ("repair", "chore", "animals", "store")


def lesson(draft: Draft) -> None:
    """One lesson: a question, what was found out, what the class made of it."""
    random, world = draft.random, draft.world
    pupils = [one for one in world.children() if one.name not in world.away]
    pupils += [one for one in world.grown() if one not in pupils][: max(0, CLASS - len(pupils))]
    draft.people(CLASS, pupils)
    draft.bind(lesson=random.choice(draft.grammar.records["lesson"]))
    draft.entitle("lesson_title")
    draft.paragraph(draft.say("lesson_intro"), draft.asides(1, 3))
    draft.paragraph(draft.lines("lesson_fact", 2, 4), draft.lines("lesson_compare", 1, 3))
    draft.paragraph(draft.lines("lesson_class", 2, 4), draft.asides(2, 4))
    draft.paragraph(draft.lines("lesson_fact", 1, 2), draft.lines("lesson_compare", 0, 2), recall(draft, 1))
    draft.paragraph(
        draft.asides(1, 3), draft.some("proverb", "idea", "weather_now", low=0, high=2), draft.say("lesson_end")
    )


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
    asked = draft.say("q_holder" if fact.kind == "holder" else "q_place", o=fact.subject)
    return asked, claims.tell_object(draft, fact, "a_holder", "a_place")


def _price(draft: Draft) -> Pair:
    shop = draft.random.choice(draft.world.shops)
    answer = claims.price(draft, shop, "a_price")
    return draft.say("q_price"), answer


def _trait(kind: str) -> Callable[[Draft], Pair]:
    def ask(draft: Draft) -> Pair:
        able: list[Person] = [one for one in draft.world.people if _known(kind, one) and one.full not in draft.topics]
        if not able:
            return None
        person = draft.random.choice(able)
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
    asked = draft.say("q_owner", pet=pet)
    return asked, draft.claim(Fact("owner", pet.name, pet.owner.name), draft.say("a_owner", O=pet.owner))


def _advice(draft: Draft) -> Pair:
    """Advice on things in general, in which question and answer speak of the same thing."""
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
