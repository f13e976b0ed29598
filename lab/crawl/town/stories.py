"""Stories in which things change hands and places: the pages that teach who has what and what lies where."""

from types import SimpleNamespace

from lab.crawl.town.draft import Draft
from lab.crawl.town.people import Person
from lab.crawl.town.tracking import Scene, joined
from lab.crawl.town.world import Fact


def cast(draft: Draft, people: list[Person], site: SimpleNamespace, low: int, high: int) -> list[str]:
    """Objects that can be told of here: those the people hold and those that lie at the site; never fewer than `low`.

    Where there are too few, things from elsewhere are brought: that is a change, told as one ("had brought").
    """
    state, names = draft.world.state, {person.name for person in people}
    here, elsewhere = [], []
    for name in draft.world.objects:
        fact = state.object(name)
        near = fact.value in names if fact.kind == "holder" else fact.value in site.spot
        (here if near else elsewhere).append(name)
    draft.random.shuffle(here)
    objects = here[:high]
    while len(objects) < low:
        name = elsewhere.pop(draft.random.randrange(len(elsewhere)))
        bringer = draft.random.choice(people)
        sentence = draft.say("bring", A=bringer, o=name)
        draft.change(Fact("holder", name, bringer.name), sentence)
        draft.brought.append(sentence)
        objects.append(name)
    return objects


def story(draft: Draft) -> None:
    """People meet at a place; things are given, put, taken; in the end it is said who has what and what lies where."""
    random = draft.random
    people = draft.people(random.randint(3, 5))
    site = random.choice(draft.world.sites)
    draft.bind(site=site)
    draft.brought = []
    objects = cast(draft, people, site, 2, 4)
    scene = draft.scene(people, objects, list(site.spot))
    draft.title = draft.say("story_title", o=objects[0], A=people[0], B=people[1]).rstrip(".")
    draft.topics += [site.name, *objects]
    draft.paragraph(
        draft.say("story_opening", A=people[0], B=people[1]),
        draft.say("story_company", A=people[-1], rest=listed([person.name for person in people[1:]])),
        draft.say("story_site"),
        draft.brought,
        _beginnings(scene),
    )
    for _ in range(random.randint(2, 4)):
        draft.paragraph(_passage(scene, random.randint(3, 5)))
    closing = [scene.claim(name, "end") for name in random.sample(objects, len(objects))]
    draft.paragraph(scene.meanwhile(), closing, draft.say("story_moral", A=people[0], B=people[1]))


def _beginnings(scene: Scene) -> list[str]:
    return [joined([scene.start(name)]) for name in scene.objects]


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


def listed(names: list[str]) -> str:
    """ "Anna", "Anna and Ben", "Anna, Ben and Cora"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
