"""A page under way: what the genres write on. Takes a world and a number, collects blocks, facts and topics."""

from dataclasses import dataclass, field
from datetime import date
from random import Random
from types import SimpleNamespace

from lab.sample.town.facts import Fact, Told
from lab.sample.town.grammar import Text
from lab.sample.town.people import Person
from lab.sample.town.tracking import Scene
from lab.sample.town.world import Happening, World

# Rules about things in general: what agrees with a subject, and what comes between.
ASIDES = ("about_thing", "about_building", "about_animal", "about_plant", "about_food", "about_worker", "about_past")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page. kind: "paragraph", "heading", "item" (of a bulleted list) or "step" (of a numbered list)."""

    kind: str
    text: str


@dataclass(slots=True)
class TownPage:
    """A finished page; the site builder dresses it as HTML.

    number: place in the town's order of days, from 0. slug: unique within the town. related: slugs of earlier pages of
    the same town about the same people, animals or happenings. told: what it says of the town's state, in order.
    """

    number: int
    slug: str
    title: str
    genre: str
    date: date
    author: str
    town: str
    blocks: list[Block]
    topics: list[str]
    related: list[str]
    told: list[Told]

    @property
    def paragraphs(self) -> list[str]:
        return [block.text for block in self.blocks if block.kind == "paragraph"]

    @property
    def text(self) -> str:
        """Title and blocks, one a line."""
        return "\n".join([self.title, *(block.text for block in self.blocks)])


@dataclass
class Draft:
    """What a genre writes on."""

    world: World
    number: int
    title: str = ""
    author: str = ""
    blocks: list[Block] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)  # that this page has told or recalled

    def __post_init__(self) -> None:
        self.random = Random(f"town:{self.world.seed}:{self.number}")
        self.text = Text(self.random)
        self.grammar = self.world.grammar
        yesterday, today, tomorrow = self.world.weather
        self.bind(
            town=self.world.name,
            weather=today,
            yesterday=yesterday,
            tomorrow=tomorrow,
            season=self.world.season,
            month=self.world.month,
            day=self.world.weekday,
        )

    def bind(self, **bindings: object) -> None:
        self.text.bindings.update(bindings)

    def unbind(self, *names: str) -> None:
        """Lets these words be drawn afresh."""
        for name in names:
            self.text.bindings.pop(name, None)

    def say(self, rule: str, **bindings: object) -> str:
        """A sentence (or a few) of a rule."""
        self.text.bindings.update(bindings)
        return self.grammar.say(rule, self.text)

    def entitle(self, rule: str) -> None:
        """Gives the page its title, by a rule: no final mark."""
        self.title = self.say(rule).rstrip(".")

    def lines(self, rule: str, low: int, high: int | None = None) -> list[str]:
        """Between low and high different sentences of a rule."""
        return [self.say(rule) for _ in range(self.random.randint(low, high or low))]

    def paragraph(self, *sentences: str | list[str]) -> None:
        """Adds a paragraph of these sentences (lists are joined in)."""
        flat = [one for part in sentences for one in ([part] if isinstance(part, str) else part) if one]
        if flat:
            self.blocks.append(Block("paragraph", " ".join(flat)))

    def heading(self, text: str) -> None:
        self.blocks.append(Block("heading", text))

    def item(self, text: str) -> None:
        self.blocks.append(Block("item", text))

    def step(self, text: str) -> None:
        self.blocks.append(Block("step", text))

    def asides(self, low: int, high: int | None = None) -> list[str]:
        """Between low and high sentences about things in general."""
        count = self.random.randint(low, high or low)
        return [self.say(rule) for rule in self.random.choices(ASIDES, k=count)]

    def some(self, *rules: str, low: int, high: int) -> list[str]:
        """Between low and high sentences of these rules, one of each, in the order given."""
        count = min(self.random.randint(low, high), len(rules))
        return [self.say(rules[at]) for at in sorted(self.random.sample(range(len(rules)), count))]

    def people(self, count: int, among: list[Person] | None = None) -> list[Person]:
        """Different people, bound to A, B, C, ..."""
        chosen = self.random.sample(among or self.world.present(), count)
        self.name(*chosen)
        return chosen

    def name(self, *people: Person) -> None:
        """Binds these people to A, B, C, ..."""
        self.bind(**dict(zip("ABCDEFG", people, strict=False)))
        self.topics += [person.full for person in people]

    def one(self, record: SimpleNamespace) -> SimpleNamespace:
        """A record whose every field has one value, for texts that must not change their mind."""
        fields = vars(record).items()
        return SimpleNamespace(
            **{key: self.random.choice(value) if isinstance(value, tuple) else value for key, value in fields}
        )

    def claim(self, fact: Fact, sentence: str) -> str:
        """Notes that this sentence says this fact, which must hold already."""
        self.told.append(Told(False, fact, sentence))
        return sentence

    def change(self, fact: Fact, sentence: str) -> str:
        """Makes the fact true and notes the sentence that says so."""
        self.world.tell(fact)
        self.told.append(Told(True, fact, sentence))
        return sentence

    def scene(self, people: list[Person], objects: list[str], spots: list[str]) -> Scene:
        return Scene(self.grammar, self.text, self.world.state, people, objects, spots, self.told)
