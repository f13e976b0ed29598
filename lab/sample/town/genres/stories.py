"""Stories and tales in which objects change hands and places: pages that teach who has what and what lies where."""

from types import SimpleNamespace

from lab.sample.town.draft import Draft
from lab.sample.town.english import listed
from lab.sample.town.facts import Fact, WorldState
from lab.sample.town.people import Person
from lab.sample.town.scene import Scene

TALE_CAST = 4


def cast(draft: Draft, people: list[Person], site: SimpleNamespace, low: int, high: int) -> dict[str, str]:
    """Objects of the story, `low` to `high`: those that the people hold and those that lie at the site.

    Where there are too few, objects are brought from elsewhere: a change, whose sentence is the object's value in the
    dict ("" for those that were here).
    """
    state, names = draft.world.state, {person.name for person in people}
    here, elsewhere = [], []
    for name in draft.world.objects:
        fact = state.object(name)
        near = fact.value in names if fact.kind == "holder" else fact.value in site.spot
        (here if near else elsewhere).append(name)
    draft.random.shuffle(here)
    objects = dict.fromkeys(here[:high], "")
    while len(objects) < low:
        name = elsewhere.pop(draft.random.randrange(len(elsewhere)))
        bringer = draft.random.choice(people)
        objects[name] = draft.change(Fact("holder", name, bringer.name), draft.say("bring", A=bringer, o=name))
    return objects


def story(draft: Draft) -> None:
    """People meet at a place; objects are given, put, taken; the end says who has what and what lies where."""
    random = draft.random
    people = draft.people(random.randint(3, 5))
    site = random.choice(draft.world.sites)
    draft.bind(site=site)
    opening = [draft.say("story_opening", A=people[0], B=people[1])]
    opening += [draft.say("story_company", A=people[-1], rest=listed([person.name for person in people[2:]]))]
    opening += draft.some("story_site", "about_past", low=0, high=2)
    brought = cast(draft, people, site, 2, 4)
    objects = list(brought)
    scene = draft.scene(people, objects, list(site.spot))
    draft.topics += [site.name, *objects]
    draft.paragraph(opening, [brought[name] or scene.start(name) for name in objects])
    for _ in range(random.randint(3, 5)):
        draft.paragraph(_passage(scene, random.randint(3, 6)))
    closing = [scene.claim(name, "end") for name in random.sample(objects, len(objects))]
    draft.paragraph(scene.meanwhile(), closing, draft.say("story_moral", A=people[0], B=people[1]))
    draft.bind(o=objects[0])
    draft.entitle("story_title")


def _passage(scene: Scene, steps: int) -> list[str]:
    """Changes, claims and things that change nothing, mixed."""
    random = scene.random
    sentences = []
    for _ in range(steps):
        name = random.choice(scene.objects)
        sentences.append(scene.change(name))
        if random.random() < 0.35:
            sentences.append(scene.claim(name))
        if random.random() < 0.45:
            sentences.append(scene.meanwhile())
    return sentences


def tale(draft: Draft) -> None:
    """Animals on their way through the wood, and what they give each other. Nothing in it is true of the town."""
    random, words = draft.random, draft.grammar.words
    animals = [
        Person(name, "", random.choice(("she", "he")), years=3)
        for name in random.sample(words["tale_animal"], TALE_CAST)
    ]
    draft.bind(**dict(zip("ABCD", animals, strict=True)), friends=listed([animal.name for animal in animals[1:]]))
    wood: SimpleNamespace = random.choice(draft.grammar.records["wood"])
    objects = random.sample(words["object"], random.randint(2, 3))
    spots = random.sample(wood.spot, len(objects))
    scene = Scene(
        draft.grammar, draft.speaker, _initial_state(draft, animals, objects, spots), animals, objects, list(wood.spot)
    )
    draft.bind(o=objects[0])
    draft.entitle("tale_title")
    draft.paragraph(draft.lines("tale_open", 1), draft.say("tale_friends"), [scene.start(name) for name in objects])
    for _ in range(random.randint(4, 6)):
        draft.bind(**dict(zip("ABCD", random.sample(animals, TALE_CAST), strict=True)))
        talk = draft.some("tale_talk", "tale_walk", "about_animal", "tale_talk", "tale_walk", low=2, high=4)
        draft.paragraph(talk, [scene.change(random.choice(objects)) for _ in range(random.randint(1, 3))])
    draft.bind(**dict(zip("ABCD", animals, strict=True)))
    draft.paragraph([scene.claim(name, "end") for name in objects], draft.say("tale_moral"))


def _initial_state(draft: Draft, animals: list[Person], objects: list[str], spots: list[str]) -> WorldState:
    """The state in which the tale begins: some objects are held, others lie somewhere."""
    random = draft.random
    return WorldState(
        Fact("holder", name, random.choice(animals).name) if random.random() < 0.6 else Fact("place", name, spot)
        for name, spot in zip(objects, spots, strict=True)
    )
