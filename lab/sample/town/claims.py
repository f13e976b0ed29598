"""Sentences that say a fact that is true already: holders, places, prices, jobs, homes, ages, parents.

In: a draft and a rule. Out: the sentence, noted in the draft with its fact.
"""

from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.people import Person, Shop, price_words
from lab.sample.town.world import family


def pick_object(draft: Draft, apart: tuple[Person, ...] = ()) -> Fact | None:
    """Where some object is that this page has not mentioned and none of `apart` has; None if there is none."""
    world, names = draft.world, {person.name for person in apart}
    facts = [world.state.object(name) for name in world.objects if name not in draft.topics]
    usable = [fact for fact in facts if fact.kind == "place" or fact.value not in names]
    return draft.random.choice(usable) if usable else None


def say_object(draft: Draft, fact: Fact, held: str, lies: str) -> str:
    """The sentence of the fact by rule `held` (binds H and o) or `lies` (binds o, spot and where)."""
    draft.topics.append(fact.subject)
    if fact.kind == "holder":
        return draft.claim(fact, draft.say(held, H=draft.world.person(fact.value), o=fact.subject))
    where = draft.world.site_of(fact.value).name
    return draft.claim(fact, draft.say(lies, o=fact.subject, spot=fact.value, where=where))


def some_object(draft: Draft, held: str, lies: str, *apart: Person) -> list[str]:
    """One such sentence, or none where every object has been mentioned."""
    fact = pick_object(draft, apart)
    return [say_object(draft, fact, held, lies)] if fact else []


def price(draft: Draft, shop: Shop, rule: str) -> str:
    """The price of a ware in the shop, if possible one that is not mentioned yet: binds ware, cost, shop and K."""
    named = {ware: f"{ware} at the {shop.name}" for ware in shop.goods}
    ware = draft.random.choice([ware for ware, name in named.items() if name not in draft.topics] or shop.goods)
    cost = price_words(shop.prices[ware])
    draft.topics.append(named[ware])
    draft.bind(ware=ware, cost=cost, shop=shop, K=shop.keeper)
    return draft.claim(Fact("price", named[ware], cost), draft.say(rule))


def trait(draft: Draft, kind: str, person: Person, rule: str) -> str:
    """A fact of kind job, home, age or parents about a person: binds X and `parents`."""
    value = {"job": person.job, "home": person.street, "age": person.age, "parents": family(person.parents)}[kind]
    return draft.claim(Fact(kind, person.name, value), draft.say(rule, X=person, parents=family(person.parents)))
