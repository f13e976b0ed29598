"""Journeys, shops, interviews, portraits and games of a town. Each takes a draft and writes a page on it."""

from types import SimpleNamespace

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.facts import Fact
from lab.sample.town.happenings import recall

QUESTIONS = ("job", "tool", "day", "free", "town", "wish")


def travel(draft: Draft) -> None:
    """A journey, told by the one who made it."""
    traveller, _ = draft.people(2, draft.world.grown())
    draft.author = traveller.full
    trip = draft.random.choice(draft.grammar.records["trip"])
    draft.bind(trip=SimpleNamespace(**vars(trip) | {"means": draft.random.choice(trip.means)}))
    draft.entitle("travel_title")
    draft.paragraph(draft.say("travel_start"), draft.lines("travel_way", 2, 3))
    draft.paragraph(draft.lines("travel_way", 2, 3), draft.asides(1, 3))
    draft.paragraph(draft.lines("travel_there", 3, 5), draft.lines("about_past", 2, 3))
    draft.paragraph(draft.lines("travel_there", 2, 4), draft.asides(1, 3))
    draft.paragraph(draft.lines("travel_end", 1, 3), draft.some("proverb", "idea", low=0, high=1))


def review(draft: Draft) -> None:
    """A visit to a shop, with its prices and hours as they are."""
    world, shop = draft.world, draft.random.choice(draft.world.shops)
    visitor, companion = draft.people(2, [one for one in world.grown() if one is not shop.keeper])
    draft.author = visitor.full
    draft.topics += [shop.keeper.full, shop.name]
    draft.bind(shop=shop, K=shop.keeper)
    draft.entitle("review_title")
    draft.paragraph(draft.say("review_intro"), draft.lines("review_look", 1, 2), draft.asides(1, 3))
    prices = [claims.price(draft, shop, "review_price") for _ in range(draft.random.randint(1, 3))]
    draft.paragraph(draft.lines("review_goods", 2, 3), prices, draft.asides(1, 3))
    draft.paragraph(draft.lines("review_keeper", 2, 3), draft.lines("review_bad", 0, 1), recall(draft, 1))
    draft.name(visitor, companion)
    draft.paragraph(draft.say("review_hours"), draft.asides(1, 3), draft.lines("review_end", 1, 3))


def interview(draft: Draft) -> None:
    """Questions to somebody who works."""
    person = draft.people(3, draft.world.workers())[0]
    draft.bind(hobby=person.hobby)
    draft.entitle("interview_title")
    opening = draft.say("interview_intro")
    draft.claim(Fact("job", person.name, person.job), opening)
    draft.paragraph(opening, draft.asides(0, 1))
    for topic in draft.random.sample(QUESTIONS, draft.random.randint(5, 6)):
        question, answer = draft.say(f"talk_{topic}").split(" // ")
        draft.paragraph(question)
        draft.paragraph(answer, draft.asides(1, 2))
    draft.paragraph(draft.say("interview_end"))


def profile(draft: Draft) -> None:
    """A portrait of somebody who works."""
    person, _ = draft.people(2, draft.world.workers())
    draft.bind(hobby=person.hobby)
    draft.entitle("profile_title")
    opening = draft.say("profile_who")
    for fact in (Fact("job", person.name, person.job), Fact("home", person.name, person.street)):
        draft.claim(fact, opening)
    draft.paragraph(opening, draft.lines("profile_look", 1, 3), draft.asides(1, 3))
    draft.paragraph(draft.lines("profile_life", 3, 5), draft.asides(1, 3))
    draft.paragraph(draft.lines("profile_life", 2, 4), draft.asides(2, 4), recall(draft, 1))
    draft.name(person)
    draft.paragraph(draft.some("proverb", "idea", low=0, high=1), draft.say("profile_end"))


def sport(draft: Draft) -> None:
    """Two people at a game, and how it ended."""
    draft.people(4)
    draft.bind(game=draft.random.choice(draft.grammar.words["game"]))
    draft.entitle("sport_title")
    turns = draft.grammar.in_order("sport_play", draft.text)
    told = [turns[at] for at in sorted(draft.random.sample(range(len(turns)), draft.random.randint(5, 7)))]
    draft.paragraph(draft.say("sport_open"), told[:3], draft.asides(1, 3))
    draft.paragraph(told[3:], draft.asides(2, 4))
    draft.paragraph(draft.say("sport_end"), draft.lines("sport_after", 2, 4), draft.asides(1, 2), recall(draft, 1))
