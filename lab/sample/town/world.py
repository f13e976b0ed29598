"""A town on some day: people, shops, animals, weather, and the facts that are true of them. Made from a seed.

Pages may only say Facts; the WorldState holds those that are true now, and a happening is a set of new ones. Towns draw
from Random("town:<seed>"), evaluation items from other names (items.py), so no item is about a town of the crawl.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from types import SimpleNamespace

from lab.sample.town.english import listed
from lab.sample.town.facts import Fact, WorldState
from lab.sample.town.grammar import Grammar, town_grammar
from lab.sample.town.people import ADULT_YEARS, RETIRED_YEARS, Animal, Person, Shop, household, price_words

POPULATION = 54
SHOPS = 10
ANIMALS = 16
OBJECTS = 26
SHOP_WORK = ("serve customers", "write in the ledger", "arrange the window", "count the takings", "wrap parcels")
SEASONS = "winter winter spring spring spring summer summer summer autumn autumn autumn winter".split()
COLOURS = ("black", "white", "brown", "grey", "spotted", "golden", "black and white")


@dataclass(eq=False)
class Happening:
    """A piece of news: its kind (rules happen_<kind>, more_<kind>), the rules' bindings, the facts that it changes."""

    kind: str
    day: int
    bindings: dict[str, object]
    changes: tuple[Fact, ...] = ()

    @property
    def people(self) -> list[Person]:
        return [who for who in self.bindings.values() if isinstance(who, Person)]


@dataclass
class World:
    """A town on some day; `advance` goes to the next day."""

    seed: int
    grammar: Grammar = field(default_factory=town_grammar)

    def __post_init__(self) -> None:
        self.random = random = Random(f"town:{self.seed}")
        self.name = town_name(self.seed)
        self.day = 0
        self.start = date(2004 + random.randrange(14), random.randint(1, 12), 1)
        self.people = self._populate()
        self.shops = self._open_shops()
        self._employ()
        self.animals = self._keep_animals()
        self.objects = random.sample(self.grammar.words["object"], OBJECTS)
        self.sites = random.sample(self.grammar.records["site"], 11)
        self.state = WorldState(self._initial_facts())
        self.news: list[Happening] = []
        self.away: dict[str, SimpleNamespace] = {}
        self.weather: list[SimpleNamespace] = []  # yesterday, today, tomorrow
        for day in range(3):
            self.weather.append(self._weather(day))

    @property
    def date(self) -> date:
        return self.start + timedelta(days=self.day)

    # By hand: strftime's names follow the machine's locale.
    @property
    def month(self) -> str:
        return self.grammar.words["month"][self.date.month - 1]

    @property
    def weekday(self) -> str:
        return self.grammar.words["weekday"][self.date.weekday()]

    @property
    def season(self) -> str:
        return SEASONS[self.date.month - 1]

    def person(self, name: str) -> Person:
        return self._by_name[name]

    def add(self, person: Person) -> None:
        """Add a newborn child."""
        self.people.append(person)
        self._by_name[person.name] = person

    def site_of(self, spot: str) -> SimpleNamespace:
        """The site that has this spot."""
        return next(site for site in self.sites if spot in site.spot)

    def grown(self) -> list[Person]:
        return [person for person in self.people if person.grown and person.name not in self.away]

    def workers(self) -> list[Person]:
        return [person for person in self.grown() if person.working]

    def children(self) -> list[Person]:
        return [person for person in self.people if 5 <= person.years < ADULT_YEARS]

    def present(self) -> list[Person]:
        return [person for person in self.people if person.years >= 5 and person.name not in self.away]

    def relation(self, one: Person, other: Person) -> str:
        """What `other` is to `one`."""
        if other is one.partner:
            return {"she": "wife", "he": "husband"}.get(other.pronoun, "partner")
        if other in one.parents:
            return {"she": "mother", "he": "father"}.get(other.pronoun, "parent")
        if other in one.children:
            return {"she": "daughter", "he": "son"}.get(other.pronoun, "child")
        if one.parents and one.parents == other.parents:
            return {"she": "sister", "he": "brother"}.get(other.pronoun, "twin")
        if one.street == other.street:
            return "neighbour"
        return "friend" if abs(one.years - other.years) < 15 else "old friend" if one.years > 30 else "young friend"

    def advance(self) -> None:
        """Go to the next day: tomorrow's weather becomes today's."""
        self.day += 1
        self.weather = [*self.weather[1:], self._weather(self.day + 1)]

    def _populate(self) -> list[Person]:
        random, words = self.random, self.grammar.words
        names = {key: random.sample(words[f"name_{key}"], len(words[f"name_{key}"])) for key in ("she", "he", "they")}
        surnames = random.sample(words["surname"], len(words["surname"]))
        people: list[Person] = []
        while len(people) < POPULATION:
            people += household(self.grammar, random, names, surnames.pop(), random.choice(words["street"]))
        self.spare_names = names
        self._by_name = {person.name: person for person in people}
        return people

    def _open_shops(self) -> list[Shop]:
        random, words = self.random, self.grammar.words
        keepers = [person for person in self.people if ADULT_YEARS <= person.years < RETIRED_YEARS]
        kinds = random.sample(self.grammar.records["shop"], SHOPS)
        shops = []
        for kind, keeper in zip(kinds, random.sample(keepers, min(SHOPS, len(keepers))), strict=False):
            record = next((job for job in self.grammar.records["job"] if job.name == kind.keeper), None)
            keeper.take_job(
                record
                or SimpleNamespace(name=kind.keeper, place=kind.name, tool="ledger", work=SHOP_WORK, product=kind.goods)
            )
            prices = {ware: random.randrange(60, 900, 10) for ware in kind.goods}
            opens, closes = random.choice(("seven", "eight", "half past eight", "nine")), random.choice(("five", "six"))
            weekday = random.choice(words["weekday"][:3])
            shops.append(Shop(kind, keeper, random.choice(words["street"]), prices, opens, closes, weekday))
        return shops

    def _employ(self) -> None:
        taken = {person.job for person in self.people}
        jobs = [job for job in self.grammar.records["job"] if job.name not in taken]
        self.random.shuffle(jobs)
        for person in self.people:
            if person.job or not person.grown:
                continue
            if person.years >= RETIRED_YEARS or not jobs:
                person.job = "retired " + self.random.choice(self.grammar.records["job"]).name
            else:
                person.take_job(jobs.pop())
        self.free_jobs = jobs

    def _keep_animals(self) -> list[Animal]:
        random = self.random
        names = random.sample(self.grammar.words["pet_name"], ANIMALS)
        kinds = [kind for kind in self.grammar.records["pet"] if kind.name != "bee"]
        choose = random.choice
        return [
            Animal(name, choose(kinds), choose(COLOURS), choose(self.people), choose(("she", "he"))) for name in names
        ]

    def _initial_facts(self) -> list[Fact]:
        random = self.random
        facts = [Fact("job", person.name, person.job) for person in self.people if person.grown]
        facts += [Fact("home", person.name, person.street) for person in self.people]
        facts += [Fact("owner", animal.name, animal.owner.name) for animal in self.animals]
        facts += [Fact("age", person.name, person.age) for person in self.people]
        facts += [Fact("parents", one.name, family(one.parents)) for one in self.people if one.parents]
        for shop in self.shops:
            facts += [Fact("price", f"{ware} at the {shop.name}", price_words(p)) for ware, p in shop.prices.items()]
        for name in self.objects:
            if random.random() < 0.6:
                facts.append(Fact("holder", name, random.choice(self.people).name))
            else:
                facts.append(Fact("place", name, random.choice(random.choice(self.sites).spot)))
        return facts

    def _weather(self, day: int) -> SimpleNamespace:
        season = SEASONS[(self.start + timedelta(days=day)).month - 1]
        kinds = [kind for kind in self.grammar.records["weather"] if season in kind.seasons]
        if day and self.random.random() < 0.35 and season in self.weather[-1].seasons:
            return self.weather[-1]
        return self.random.choice(kinds)


def family(parents: tuple[Person, ...]) -> str:
    """Parents by name: "Anna" or "Anna and Ben"."""
    return listed([parent.name for parent in parents])


def town_name(seed: int) -> str:
    """The town's name; a thousand consecutive seeds give different ones."""
    words = town_grammar().words
    heads, tails = words["town_head"], words["town_tail"]
    index = (seed * 617 + 131) % (len(heads) * len(tails))
    return heads[index % len(heads)] + tails[index // len(heads)]
