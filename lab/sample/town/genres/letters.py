"""Letters, diaries and journeys: one person's view. Each function writes its page on a draft."""

from types import SimpleNamespace

from lab.sample.town import claims
from lab.sample.town.draft import Draft
from lab.sample.town.happenings import happen, more, recall
from lab.sample.town.people import Person

FAR_RELATIONS = ("cousin", "friend", "old friend", "old schoolfriend")


def letter(draft: Draft) -> None:
    """Somebody writes to a person who is away: of the weather, the neighbours, the news, and where things are."""
    random, world = draft.random, draft.world
    news, involved = _news(draft) if random.random() < 0.4 else ([], [])
    (writer,) = draft.people(1, [one for one in world.workers() if one not in involved])
    news = news or recall(draft, random.randint(1, 2), writer)
    reader, relation = _reader(draft, writer)
    friends = random.sample([one for one in world.grown() if one is not writer], 2)
    draft.name(writer, reader, *friends)
    draft.author = writer.full
    draft.bind(rel_back=relation, hobby=writer.hobby)
    draft.entitle("letter_title")
    draft.paragraph(draft.say("letter_hello"), draft.say("letter_weather"), draft.lines("letter_self", 1, 3))
    draft.paragraph(news, draft.lines("letter_friends", 1, 3), draft.asides(1, 3))
    pets = [animal for animal in world.animals if animal.owner is writer]
    animal = [draft.say("letter_animal", pet=random.choice(pets))] if pets else []
    things = claims.some_object(draft, "has_object", "lies_object", writer)
    draft.paragraph(animal, draft.lines("letter_self", 1, 2), things, draft.asides(1, 3))
    draft.paragraph(
        draft.lines("letter_ask", 1, 3),
        draft.asides(0, 2),
        draft.some("proverb", "idea", "greeting_end", low=0, high=2),
    )
    draft.paragraph(draft.say("letter_end"))
    draft.paragraph(draft.say("letter_sign"))


def _reader(draft: Draft, writer: Person) -> tuple[Person, str]:
    """(reader, what the writer is to the reader): somebody who is away, or not of the town."""
    away = [draft.world.person(name) for name in draft.world.away]
    if away and draft.random.random() < 0.6:
        reader = draft.random.choice(away)
        return reader, draft.world.relation(reader, writer)
    pronoun = draft.random.choice(("she", "he"))
    known = {person.name for person in draft.world.people}
    name = draft.random.choice([name for name in draft.grammar.words[f"name_{pronoun}"] if name not in known])
    return Person(name, writer.surname, pronoun), draft.random.choice(FAR_RELATIONS)


def _news(draft: Draft) -> tuple[list[str], list[Person]]:
    """(sentences about something new that this page is the first to report, the people involved)."""
    happening, sentence = happen(draft)
    return [sentence, *more(draft, happening, 1, 2)], happening.people


def diary(draft: Draft) -> None:
    """A day of a grown-up or a child: morning, work or school, people met, evening."""
    random, world = draft.random, draft.world
    news, involved = _news(draft) if random.random() < 0.3 else ([], [])
    young = random.random() < 0.35
    pool = [one for one in world.children() if one.name not in world.away] if young else world.workers()
    writer = random.choice([one for one in pool if one not in involved] or world.workers())
    company = random.sample([one for one in world.present() if one is not writer], 2)
    people = [writer, *company]
    draft.name(*people)
    draft.author = writer.full
    draft.entitle("diary_title")
    rule = "diary_work" if writer.working else "diary_school"
    draft.paragraph(draft.say("diary_morning"), draft.lines(rule, 2, 4), draft.asides(1, 3))
    draft.paragraph(draft.lines("diary_meeting", 2, 4), draft.lines("diary_thought", 0, 1))
    draft.paragraph(news or recall(draft, 2, writer), draft.asides(1, 3))
    things = [claims.some_object(draft, "diary_object", "diary_place", writer) for _ in range(random.randint(0, 2))]
    draft.paragraph(*things, draft.asides(2, 4), draft.lines("diary_thought", 2, 4))
    draft.paragraph(draft.lines("diary_evening", 1, 3), draft.some("proverb", "idea", low=0, high=1))


def travel(draft: Draft) -> None:
    """A journey, in the words of the traveller."""
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
