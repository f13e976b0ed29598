"""What a town prints: news, notices, minutes, weather, reviews, interviews, portraits, sport.

Each function writes its page on a draft.
"""

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.english import listed
from lab.sample.town.facts import Fact
from lab.sample.town.happenings import happen, more, recall

NOTICES = [f"notice_{kind}" for kind in "lost found sale wanted event thanks rule".split()]
QUESTIONS = ("job", "tool", "day", "free", "town", "wish")


def news(draft: Draft) -> None:
    """Three to five things that have just happened, with what people say about them."""
    random = draft.random
    (reporter,) = draft.people(1, draft.world.grown())
    draft.author = reporter.full
    opening = [draft.say("news_lead"), *draft.some("weather_now", "town_fact", low=0, high=1)]
    for number in range(random.randint(3, 5)):
        happening, sentence = happen(draft)
        others = [one for one in draft.world.present() if one not in [reporter, *happening.people]]
        draft.name(reporter, *random.sample(others, 2))
        link = [draft.say("news_link")] if number and random.random() < 0.6 else []
        quote = draft.lines("news_quote", 0, 1)
        draft.paragraph(opening, link, sentence, more(draft, happening, 2, 4), quote)
        opening = []
    market = draft.some("news_market", "news_sport", "news_market", low=1, high=2)
    draft.paragraph(draft.asides(1, 2), market, draft.asides(1, 2), recall(draft, random.randint(0, 2)))
    draft.paragraph(draft.asides(1, 2), draft.say("news_end"))
    draft.entitle("news_title")


def notice(draft: Draft) -> None:
    """The board of notices: lost, found, for sale, wanted."""
    draft.people(4, draft.world.workers())
    draft.entitle("notice_title")
    draft.paragraph(draft.say("notice_intro"))
    for rule in draft.random.sample([*NOTICES, *NOTICES], draft.random.randint(7, 11)):
        draft.people(4, draft.world.workers())
        draft.paragraph(draft.say(rule), draft.asides(0, 1))


def minutes(draft: Draft) -> None:
    """A meeting of the council: what was reported, proposed and agreed, and where the town's things are."""
    random = draft.random
    present = draft.people(4, draft.world.grown())
    draft.author = present[1].full
    draft.bind(names=listed([person.full for person in present]))
    draft.entitle("minutes_title")
    draft.paragraph(draft.say("minutes_open"))
    for _ in range(random.randint(3, 4)):
        draft.paragraph(draft.lines("minutes_matter", 1, 3), draft.asides(0, 2))
    draft.paragraph(
        recall(draft, random.randint(1, 2)),
        claims.some_object(draft, "minutes_keys", "minutes_place", *present),
        claims.some_object(draft, "minutes_keys", "minutes_place", *present),
    )
    if random.random() < 0.5:
        happening, sentence = happen(draft)
        draft.paragraph(sentence, more(draft, happening, 1, 2))
        draft.name(*present)
    draft.paragraph(draft.lines("minutes_matter", 1, 2), draft.say("minutes_close"))


def forecast(draft: Draft) -> None:
    """The weather of yesterday, today and tomorrow in the town."""
    random = draft.random
    draft.people(2, draft.world.grown())
    draft.bind(site=random.choice(draft.world.sites))
    draft.entitle("forecast_title")
    draft.paragraph(draft.lines("forecast_past", 1, 2), draft.lines("forecast_now", 2, 3), draft.asides(1, 2))
    draft.paragraph(draft.lines("forecast_people", 1, 3), draft.asides(1, 2))
    draft.paragraph(draft.lines("forecast_compare", 2, 3), draft.asides(2, 4))
    middle = draft.some("idea", "proverb", "town_fact", low=1, high=2)
    draft.paragraph(draft.lines("forecast_next", 1, 2), middle, recall(draft, 2))


def review(draft: Draft) -> None:
    """A visit to a shop, with its current prices and hours."""
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
    """Questions to somebody who works, with the answers."""
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
    turns = draft.grammar.in_order("sport_play", draft.speaker)
    play = [turns[at] for at in sorted(draft.random.sample(range(len(turns)), draft.random.randint(5, 7)))]
    draft.paragraph(draft.say("sport_open"), play[:3], draft.asides(1, 3))
    draft.paragraph(play[3:], draft.asides(2, 4))
    draft.paragraph(draft.say("sport_end"), draft.lines("sport_after", 2, 4), draft.asides(1, 2), recall(draft, 1))
