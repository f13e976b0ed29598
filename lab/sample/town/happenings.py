"""News of a town: makes something happen, and writes the sentences that report it.

A new fact is true from the sentence that first says it.
"""

from collections.abc import Callable
from types import SimpleNamespace

from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.people import Person, number_words, price_words
from lab.sample.town.world import Happening, World, family

RECENT_DAYS = 12
LONGEST_MEMORY = 40  # happenings that pages can recall
BABY_PARENT_YEARS = 46


def happen(draft: Draft) -> tuple[Happening, str]:
    """Something new, and the sentence that first reports it; its facts become true."""
    makers = list(MAKERS.items())
    news: News = None
    while news is None:
        kind, maker = draft.random.choice(makers)
        news = maker(draft, draft.world)
    bindings, changes = news
    happening = Happening(kind, draft.world.day, bindings, changes)
    sentence = draft.say(f"happen_{kind}", **bindings)
    for fact in changes:
        draft.change(fact, sentence)
    draft.topics += [who.full for who in happening.people]
    draft.world.news = [*draft.world.news[-LONGEST_MEMORY:], happening]
    draft.happenings.append(happening)
    return happening, sentence


def more(draft: Draft, happening: Happening, low: int, high: int) -> list[str]:
    """Sentences with the circumstances of a happening that was just reported."""
    return draft.lines(f"more_{happening.kind}", low, high)


def recall(draft: Draft, count: int, *apart: Person) -> list[str]:
    """Sentences about recent happenings that are still true and involve none of `apart`: claims of the same facts."""
    world = draft.world
    recent = [one for one in world.news if world.day - one.day <= RECENT_DAYS and _still_true(one, world)]
    recent = [one for one in recent if one not in draft.happenings and not any(who in apart for who in one.people)]
    sentences = []
    for happening in draft.random.sample(recent, min(count, len(recent))):
        sentence = draft.say(f"happen_{happening.kind}", **happening.bindings)
        for fact in happening.changes:
            draft.claim(fact, sentence)
        sentences.append(sentence)
        draft.happenings.append(happening)
        if draft.random.random() < 0.5:
            sentences += more(draft, happening, 1, 1)
    return sentences


def _still_true(happening: Happening, world: World) -> bool:
    return all(world.state.holds(fact) for fact in happening.changes)


News = tuple[dict[str, object], tuple[Fact, ...]] | None  # (bindings, changes); None: not possible now


def _new_job(draft: Draft, world: World) -> News:
    keepers = {shop.keeper.name for shop in world.shops}
    person = draft.random.choice([one for one in world.workers() if one.name not in keepers])
    if not world.free_jobs:
        return None
    job = world.free_jobs.pop(0)
    old = person.job
    world.free_jobs += [one for one in world.grammar.records["job"] if one.name == old]
    person.take_job(job)
    what = SimpleNamespace(job=job.name, old=old, tool=job.tool, work=job.work, day=_lately(draft))
    return {"P": person, "h": what}, (Fact("job", person.name, job.name),)


def _move(draft: Draft, world: World) -> News:
    free = [one for one in world.grown() if not one.partner and not one.children]
    if not free:
        return None
    person = draft.random.choice(free)
    old = person.street
    street = draft.random.choice([one for one in world.grammar.words["street"] if one != old])
    person.street = street
    return {"P": person, "h": SimpleNamespace(street=street, old=old)}, (Fact("home", person.name, street),)


def _adopt(draft: Draft, world: World) -> News:
    pet = draft.random.choice(world.animals)
    before = pet.owner
    after = draft.random.choice([one for one in world.grown() if one.street != before.street])
    pet.owner = after
    return {"P": after, "Q": before, "pet": pet}, (Fact("owner", pet.name, after.name),)


def _price(draft: Draft, world: World) -> News:
    shop = draft.random.choice(world.shops)
    ware = draft.random.choice(list(shop.prices))
    old = shop.prices[ware]
    price = max(50, old + draft.random.choice((-60, -40, -30, -20, 20, 30, 40, 50, 80)))
    if price == old:
        return None
    shop.prices[ware] = price
    what = SimpleNamespace(shop=shop.name, ware=ware, price=price_words(price), old=price_words(old))
    fact = Fact("price", f"{ware} at the {shop.name}", price_words(price))
    return {"P": shop.keeper, "h": what}, (fact,)


def _baby(draft: Draft, world: World) -> News:
    couples = [one for one in world.grown() if one.partner and max(one.years, one.partner.years) < BABY_PARENT_YEARS]
    pronoun = draft.random.choice(("she", "he"))
    if not couples or not world.spare_names[pronoun] or draft.random.random() < 0.8:
        return None
    one = draft.random.choice(couples)
    other = one.partner
    baby = Person(world.spare_names[pronoun].pop(), one.surname, pronoun, 0, one.street, one.trait, "")
    baby.parents = (one, other)
    one.children.append(baby)
    other.children.append(baby)
    world.add(baby)
    fact = Fact("parents", baby.name, family(baby.parents))
    return {"P": one, "Q": other, "h": SimpleNamespace(baby=baby.name)}, (fact,)


def _wedding(draft: Draft, world: World) -> News:
    single = [one for one in world.grown() if not one.partner and not one.parents and not one.children]
    if len(single) < 2 or draft.random.random() < 0.7:
        return None
    one, other = draft.random.sample(single, 2)
    one.partner, other.partner = other, one
    other.street = one.street
    facts = (Fact("partner", one.name, other.name), Fact("partner", other.name, one.name))
    facts += (Fact("home", other.name, one.street),)
    return {"P": one, "Q": other, "h": SimpleNamespace(day=_lately(draft))}, facts


def _leave(draft: Draft, world: World) -> News:
    keepers = {shop.keeper.name for shop in world.shops}
    if len(world.away) > 4:
        return None
    person = draft.random.choice([one for one in world.grown() if one.name not in keepers])
    trip = draft.random.choice(world.grammar.records["trip"])
    world.away[person.name] = trip
    means = draft.random.choice(trip.means)
    what = SimpleNamespace(trip=trip.name, means=means, sight=trip.sight, day=_lately(draft))
    return {"P": person, "h": what}, (Fact("away", person.name, trip.name),)


def _return(draft: Draft, world: World) -> News:
    if not world.away:
        return None
    name = draft.random.choice(list(world.away))
    trip = world.away.pop(name)
    what = SimpleNamespace(trip=trip.name, sight=trip.sight, sight2=trip.sight2, food=trip.food)
    return {"P": world.person(name), "h": what}, (Fact("away", name, "home"),)


def _festival(draft: Draft, world: World) -> News:
    one, other = draft.random.sample(world.present(), 2)
    event = draft.random.choice(world.grammar.words["event_name"])
    number = number_words(10 * draft.random.randint(4, 19))
    what = SimpleNamespace(event=event, number=number)
    return {"P": one, "Q": other, "h": what}, (Fact("winner", event, one.name),)


def _repair(draft: Draft, world: World) -> News:
    person, site = draft.random.choice(world.workers()), draft.random.choice(world.sites)
    return {"P": person, "h": SimpleNamespace(site=site.name)}, (Fact("repaired", site.name, person.name),)


def _rescue(draft: Draft, world: World) -> News:
    pet = draft.random.choice(world.animals)
    person = draft.random.choice([one for one in world.present() if one is not pet.owner])
    what = SimpleNamespace(place=draft.random.choice(world.grammar.words["peril"]))
    return {"P": person, "Q": pet.owner, "pet": pet, "h": what}, (Fact("rescuer", pet.name, person.name),)


def _find(draft: Draft, world: World) -> News:
    hidden = [thing for thing in world.grammar.words["treasure"] if not world.state.value("finder", thing)]
    if not hidden or draft.random.random() < 0.5:
        return None
    person = draft.random.choice(world.grown())
    what = SimpleNamespace(
        thing=draft.random.choice(hidden), activity=draft.random.choice(world.grammar.words["digging"])
    )
    return {"P": person, "h": what}, (Fact("finder", what.thing, person.name),)


def _ill(draft: Draft, world: World) -> News:
    what = SimpleNamespace(illness=draft.random.choice(world.grammar.words["illness"]))
    return {"P": draft.random.choice(world.present()), "h": what}, ()


def _decision(draft: Draft, world: World) -> News:
    open_decisions = [thing for thing in world.grammar.words["grand_thing"] if not world.state.value("decision", thing)]
    if not open_decisions or draft.random.random() < 0.5:
        return None
    one, other = draft.random.sample(world.grown(), 2)
    thing = draft.random.choice(open_decisions)
    return {"P": one, "Q": other, "h": SimpleNamespace(thing=thing)}, (Fact("decision", thing, "agreed"),)


def _lately(draft: Draft) -> str:
    """A day of the last week."""
    return draft.random.choice([day for day in draft.grammar.words["weekday"] if day != draft.world.weekday])


MAKERS: dict[str, Callable[[Draft, World], News]] = {
    maker.__name__[1:]: maker
    for maker in (
        _new_job, _move, _adopt, _price, _baby, _wedding, _leave, _return, _festival, _repair, _rescue, _find, _ill,
        _decision,
    )
}  # fmt: skip
