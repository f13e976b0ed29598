"""What a town prints: news, notices, minutes, the weather. Each takes a draft and writes a page on it."""

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.happenings import happen, more, recall

NOTICES = (
    "notice_lost",
    "notice_found",
    "notice_sale",
    "notice_wanted",
    "notice_event",
    "notice_thanks",
    "notice_rule",
)


def listed(names: list[str]) -> str:
    """Names in a row: "Anna", "Anna and Ben", "Anna, Ben and Cora"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def news(draft: Draft) -> None:
    """Two to four things that have just happened, with what people say to them."""
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
    """The weather of yesterday, today and tomorrow, as the town's days have it."""
    random = draft.random
    draft.people(2, draft.world.grown())
    draft.bind(site=random.choice(draft.world.sites))
    draft.entitle("forecast_title")
    draft.paragraph(draft.lines("forecast_past", 1, 2), draft.lines("forecast_now", 2, 3), draft.asides(1, 2))
    draft.paragraph(draft.lines("forecast_people", 1, 3), draft.asides(1, 2))
    draft.paragraph(draft.lines("forecast_compare", 2, 3), draft.asides(2, 4))
    middle = draft.some("idea", "proverb", "town_fact", low=1, high=2)
    draft.paragraph(draft.lines("forecast_next", 1, 2), middle, recall(draft, 2))
