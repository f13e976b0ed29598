"""Stories in which things change hands and places: the pages that teach who has what and what lies where."""

from types import SimpleNamespace

from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.newspaper import listed
from lab.sample.town.people import Person
from lab.sample.town.tracking import Scene


def cast(draft: Draft, people: list[Person], site: SimpleNamespace, low: int, high: int) -> dict[str, str]:
    """Objects that can be told of here: those the people hold and those that lie at the site; never fewer than `low`.

    Where there are too few, things from elsewhere are brought: that is a change, told in the sentence that stands
    beside the object ("" for those that were here).
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
    """People meet at a place; things are given, put, taken; in the end it is said who has what and what lies where."""
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
