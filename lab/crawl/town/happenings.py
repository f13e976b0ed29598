"""News of a town: makes something happen, told by a page as it becomes true. Takes a draft; gives happenings and sentences."""

from collections.abc import Callable
from types import SimpleNamespace

from lab.crawl.town.draft import Draft
from lab.crawl.town.people import Person, number_words, price_words
from lab.crawl.town.world import Fact, Happening, World

RECENT_DAYS = 12
LONGEST_MEMORY = 40  # happenings that the town still talks about
BABY_PARENT_YEARS = 46


def happen(draft: Draft) -> Happening:
    """Something new; it becomes true when its sentence is told with `report`."""
    makers = list(MAKERS.items())
    while True:
        kind, maker = draft.random.choice(makers)
        made = maker(draft, draft.world)
        if made is not None:
            bindings, changes, effect = made
            happening = Happening(kind, draft.world.day, bindings, changes)
            if effect:
                effect()
            return happening


def report(draft: Draft, happening: Happening) -> str:
    """The sentence that first tells a happening: its facts become true."""
    sentence = draft.say(f"happen_{happening.kind}", **happening.bindings)
    for fact in happening.changes:
        draft.change(fact, sentence)
    draft.topics += [who.full for who in happening.bindings.values() if isinstance(who, Person)]
    draft.world.news = [*draft.world.news[-LONGEST_MEMORY:], happening]
    return sentence


def recall(draft: Draft, count: int) -> list[str]:
    """Sentences about recent happenings that are still true: claims of the same facts."""
    world = draft.world
    recent = [
        one
        for one in world.news
        if world.day - one.day <= RECENT_DAYS and all(world.state.holds(fact) for fact in one.changes)
    ]
    sentences = []
    for happening in draft.random.sample(recent, min(count, len(recent))):
        sentence = draft.say(f"happen_{happening.kind}", **happening.bindings)
        for fact in happening.changes:
            draft.claim(fact, sentence)
        sentences.append(sentence)
        if draft.random.random() < 0.5:
            sentences.append(draft.say(f"talk_{happening.kind}" if False else f"more_{happening.kind}"))
    return sentences


Made = tuple[dict[str, object], tuple[Fact, ...], Callable[[], None] | None] | None


def _new_job(draft: Draft, world: World) -> Made:
    keepers = {shop.keeper.name for shop in world.shops}
    person = draft.random.choice([one for one in world.workers() if one.name not in keepers])
    if not world.free_jobs:
        return None
    job = world.free_jobs.pop(0)
    old = person.job
    world.free_jobs += [one for one in world.grammar.records["job"] if one.name == old]
    person.take_job(job)
    what = SimpleNamespace(job=job.name, old=old, tool=job.tool, work=job.work)
    return {"P": person, "h": what}, (Fact("job", person.name, job.name),), None


def _move(draft: Draft, world: World) -> Made:
    person = draft.random.choice([one for one in world.grown() if not one.partner and not one.children])
    old = person.street
    street = draft.random.choice([one for one in world.grammar.words["street"] if one != old])
    person.street = street
    return {"P": person, "h": SimpleNamespace(street=street, old=old)}, (Fact("home", person.name, street),), None


def _adopt(draft: Draft, world: World) -> Made:
    pet = draft.random.choice(world.animals)
    before = pet.owner
    after = draft.random.choice([one for one in world.grown() if one.street != before.street])
    pet.owner = after
    return {"P": after, "Q": before, "pet": pet}, (Fact("owner", pet.name, after.name),), None


def _price(draft: Draft, world: World) -> Made:
    shop = draft.random.choice(world.shops)
    ware = draft.random.choice(list(shop.prices))
    old = shop.prices[ware]
    price = max(50, old + draft.random.choice((-60, -40, -30, -20, 20, 30, 40, 50, 80)))
    if price == old:
        return None
    shop.prices[ware] = price
    what = SimpleNamespace(shop=shop.name, ware=ware, price=price_words(price), old=price_words(old))
    fact = Fact("price", f"{ware} at the {shop.name}", price_words(price))
    return {"P": shop.keeper, "h": what}, (fact,), None


def _baby(draft: Draft, world: World) -> Made:
    couples = [
        one for one in world.grown() if one.partner and max(one.years, one.partner.years) < BABY_PARENT_YEARS
    ]
    if not couples or draft.random.random() < 0.8:
        return None
    parent = draft.random.choice(couples)
    pronoun = draft.random.choice(("she", "he"))
    if not world.spare_names[pronoun]:
        return None
    baby = Person(world.spare_names[pronoun].pop(), parent.surname, pronoun, 0, parent.street, parent.trait, "")
    baby.parents = (parent, parent.partner)
    parent.children.append(baby)
    parent.partner.children.append(baby)
    world.add(baby)
    fact = Fact("home", baby.name, baby.street)
    fact = Fact("parent", baby.name, parent.name)
    return {"P": parent, "Q": parent.partner, "h": SimpleNamespace(baby=baby.name)}, (fact,), None


def _wedding(draft: Draft, world: World) -> Made:
    single = [one for one in world.grown() if not one.partner and not one.parents and one.years < 70]
    if len(single) < 2 or draft.random.random() < 0.7:
        return None
    one, other = draft.random.sample(single, 2)
    if one.surname == other.surname:
        return None
    one.partner, other.partner = other, one
    other.street = one.street
    facts = (Fact("partner", one.name, other.name), Fact("partner", other.name, one.name))
    return {"P": one, "Q": other}, facts, None


def _leave(draft: Draft, world: World) -> Made:
    keepers = {shop.keeper.name for shop in world.shops}
    if len(world.away) > 4:
        return None
    person = draft.random.choice([one for one in world.grown() if one.name not in keepers])
    trip = draft.random.choice(world.grammar.records["trip"])
    world.away[person.name] = trip
    what = SimpleNamespace(trip=trip.name, means=trip.means, sight=trip.sight)
    return {"P": person, "h": what}, (Fact("away", person.name, trip.name),), None


def _return(draft: Draft, world: World) -> Made:
    if not world.away:
        return None
    name = draft.random.choice(list(world.away))
    trip = world.away.pop(name)
    what = SimpleNamespace(trip=trip.name, sight=trip.sight, sight2=trip.sight2, food=trip.food)
    return {"P": world.person(name), "h": what}, (Fact("away", name, "home"),), None


def _festival(draft: Draft, world: World) -> Made:
    one, other = draft.random.sample(world.present(), 2)
    event = draft.random.choice(world.grammar.words["event_name"])
    number = number_words(10 * draft.random.randint(4, 19))
    what = SimpleNamespace(event=event, number=number)
    return {"P": one, "Q": other, "h": what}, (Fact("winner", event, one.name),), None


def _repair(draft: Draft, world: World) -> Made:
    person, site = draft.random.choice(world.workers()), draft.random.choice(world.sites)
    return {"P": person, "h": SimpleNamespace(site=site.name)}, (Fact("repaired", site.name, person.name),), None


def _rescue(draft: Draft, world: World) -> Made:
    pet = draft.random.choice(world.animals)
    person = draft.random.choice([one for one in world.present() if one is not pet.owner])
    return {"P": person, "Q": pet.owner, "pet": pet}, (Fact("rescuer", pet.name, person.name),), None


def _find(draft: Draft, world: World) -> Made:
    person = draft.random.choice(world.grown())
    what = SimpleNamespace(
        thing=draft.random.choice(world.grammar.words["treasure"]),
        activity=draft.random.choice(world.grammar.words["digging"]),
    )
    return {"P": person, "h": what}, (Fact("finder", what.thing, person.name),), None


def _ill(draft: Draft, world: World) -> Made:
    return {"P": draft.random.choice(world.present())}, (), None


def _decision(draft: Draft, world: World) -> Made:
    one, other = draft.random.sample(world.grown(), 2)
    thing = draft.random.choice(world.grammar.words["grand_thing"])
    return {"P": one, "Q": other, "h": SimpleNamespace(thing=thing)}, (Fact("decision", thing, "agreed"),), None


MAKERS: dict[str, Callable[[Draft, World], Made]] = {
    "new_job": _new_job,
    "move": _move,
    "adopt": _adopt,
    "price": _price,
    "baby": _baby,
    "wedding": _wedding,
    "leave": _leave,
    "return": _return,
    "festival": _festival,
    "repair": _repair,
    "rescue": _rescue,
    "find": _find,
    "ill": _ill,
    "decision": _decision,
}
