"""Children's tales: animals that talk, and things that change paws. Takes a draft and writes a page on it."""

from types import SimpleNamespace

from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact, State
from lab.sample.town.newspaper import listed
from lab.sample.town.people import Person
from lab.sample.town.tracking import Scene

CAST = 4


def tale(draft: Draft) -> None:
    """Animals on their way through the wood, and what they gave each other. Nothing in it is true of the town."""
    random, words = draft.random, draft.grammar.words
    animals = [_animal(draft, name) for name in random.sample(words["tale_animal"], CAST)]
    draft.bind(**dict(zip("ABCD", animals, strict=True)), friends=listed([animal.name for animal in animals[1:]]))
    wood: SimpleNamespace = random.choice(draft.grammar.records["wood"])
    objects = random.sample(words["object"], random.randint(2, 3))
    spots = random.sample(wood.spot, len(objects))
    scene = Scene(
        draft.grammar, draft.text, _beginning(draft, animals, objects, spots), animals, objects, list(wood.spot)
    )
    draft.bind(o=objects[0])
    draft.entitle("tale_title")
    draft.paragraph(draft.lines("tale_open", 1), draft.say("tale_friends"), [scene.start(name) for name in objects])
    for _ in range(random.randint(4, 6)):
        draft.bind(**dict(zip("ABCD", random.sample(animals, CAST), strict=True)))
        talk = draft.some("tale_talk", "tale_walk", "about_animal", "tale_talk", "tale_walk", low=2, high=4)
        draft.paragraph(talk, [scene.change(random.choice(objects)) for _ in range(random.randint(1, 3))])
    draft.bind(**dict(zip("ABCD", animals, strict=True)))
    draft.paragraph([scene.claim(name, "end") for name in objects], draft.say("tale_moral"))


def _animal(draft: Draft, name: str) -> Person:
    return Person(name, "", draft.random.choice(("she", "he")), 3, "", ("", ""), "")


def _beginning(draft: Draft, animals: list[Person], objects: list[str], spots: list[str]) -> State:
    """A state of the tale's own: some things are held, others lie about."""
    random = draft.random
    return State(
        Fact("holder", name, random.choice(animals).name) if random.random() < 0.6 else Fact("place", name, spot)
        for name, spot in zip(objects, spots, strict=True)
    )
