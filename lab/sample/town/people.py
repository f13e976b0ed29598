"""People, animals and shops of a town. Fields have the names that the rules refer to."""

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace

from lab.sample.town.grammar import Grammar

PRONOUNS = {
    "she": ("she", "her", "her", "herself", "was", "is", "has"),
    "he": ("he", "him", "his", "himself", "was", "is", "has"),
    "they": ("they", "them", "their", "themselves", "were", "are", "have"),
}
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SMALL = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
ADULT_YEARS, RETIRED_YEARS = 18, 67


def number_words(number: int) -> str:
    """0 to 199 in words."""
    if number >= 100:
        rest = f" and {number_words(number - 100)}" if number > 100 else ""
        return "a hundred" + rest
    if number < 20:
        return SMALL[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] + (f"-{SMALL[ones]}" if ones else "")


def price_words(pence: int) -> str:
    """An amount of money: 50 -> "fifty pence", 150 -> "one pound fifty"."""
    pounds, rest = divmod(pence, 100)
    if not pounds:
        return f"{number_words(rest)} pence"
    unit = "pound" if pounds == 1 else "pounds"
    return f"{number_words(pounds)} {unit}" + (f" {number_words(rest)}" if rest else "")


@dataclass(eq=False)
class Person:
    """A person of the town; `many` is true where the pronoun is they (they walk)."""

    name: str
    surname: str
    pronoun: str
    years: int = 30
    street: str = ""
    trait: tuple[str, str] = ("", "")
    hobby: str = ""
    job: str = ""
    workplace: str = "school"
    tool: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    partner: "Person | None" = None
    parents: tuple["Person", ...] = ()
    children: list["Person"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.he, self.him, self.his, self.himself, self.was, self.is_, self.has = PRONOUNS[self.pronoun]
        self.many = self.pronoun == "they"
        self.full = f"{self.name} {self.surname}"

    @property
    def age(self) -> str:
        return number_words(self.years)

    @property
    def trait_a(self) -> str:
        return self.trait[0]

    @property
    def trait_b(self) -> str:
        return self.trait[1]

    @property
    def grown(self) -> bool:
        return self.years >= ADULT_YEARS

    @property
    def working(self) -> bool:
        return bool(self.work)

    @property
    def kind(self) -> str:
        """What a stranger would call this person: "baker", "girl"."""
        if self.grown:
            return self.job
        return {"she": "girl", "he": "boy", "they": "child"}[self.pronoun]

    @property
    def intro(self) -> tuple[str, ...]:
        """Ways to name this person to a reader for the first time."""
        if not self.grown:
            return (f"little {self.name}", f"{self.full}, who was {self.age},", f"{self.age}-year-old {self.name}")
        return (
            f"{self.full}, the {self.job},",
            f"the {self.job} {self.full}",
            f"{self.full} of {self.street}",
            f"{self.full}, a {self.trait[0]} {self.job},",  # english.tidy makes it "an" where needed
        )

    def take_job(self, job: SimpleNamespace) -> None:
        self.job, self.workplace = job.name, job.place
        self.tool, self.work, self.product = _tuple(job.tool), _tuple(job.work), _tuple(job.product)


def _tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


@dataclass(eq=False)
class Animal:
    """A named animal and its owner; `kind` is the record of its species."""

    name: str
    kind: SimpleNamespace
    colour: str
    owner: Person
    pronoun: str

    def __post_init__(self) -> None:
        self.he, self.him, self.his, self.himself, self.was, self.is_, self.has = PRONOUNS[self.pronoun]
        self.many = False
        self.species, self.food = self.kind.name, self.kind.food


@dataclass(eq=False)
class Shop:
    """A shop: its keeper, prices (pence, by ware) and opening hours."""

    kind: SimpleNamespace
    keeper: Person
    street: str
    prices: dict[str, int]
    opens: str
    closes: str
    closed_on: str

    def __post_init__(self) -> None:
        self.name = self.kind.name
        self.smell, self.feature, self.service = self.kind.smell, self.kind.feature, self.kind.service

    @property
    def goods(self) -> tuple[str, ...]:
        return tuple(self.prices)


def household(grammar: Grammar, random: Random, names: dict[str, list[str]], surname: str, street: str) -> list[Person]:
    """A family under one roof: one or two grown-ups, their children, perhaps a grandparent."""

    def person(years: int, pronoun: str = "") -> Person:
        if not pronoun:
            pronoun = "they" if names["they"] and random.random() < 0.05 else random.choice(("she", "he"))
        if not names[pronoun]:
            pronoun = next(key for key, spare in names.items() if spare)
        first = names[pronoun].pop()
        traits = tuple(random.sample(grammar.words["trait"], 2))
        return Person(first, surname, pronoun, years, street, traits, random.choice(grammar.words["hobby"]))

    head = person(random.randint(26, 72))
    members = [head]
    parents: tuple[Person, ...] = (head,)
    if random.random() < 0.7:
        pronoun = {"she": "he", "he": "she"}.get(head.pronoun, "") if random.random() < 0.9 else ""
        partner = person(max(24, head.years + random.randint(-6, 6)), pronoun)
        head.partner, partner.partner = partner, head
        parents = (head, partner)
        members.append(partner)
    youngest = min(parent.years for parent in parents)
    for _ in range(random.choice((0, 1, 1, 2, 2, 3))):
        taken = {member.years for member in members}
        ages = [age for age in range(max(5, youngest - 44), min(youngest - 20, ADULT_YEARS)) if age not in taken]
        if not ages:
            break
        child = person(random.choice(ages))
        child.parents = parents
        members.append(child)
        for parent in parents:
            parent.children.append(child)
    if head.years < 50 and random.random() < 0.3:
        elder = person(head.years + random.randint(22, 34))
        elder.children.append(head)
        head.parents = (elder,)
        members.append(elder)
    return members
