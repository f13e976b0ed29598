"""A page that is being written: collects blocks, statements and topics for one page of a world."""

from dataclasses import dataclass, field
from datetime import date
from random import Random
from types import SimpleNamespace

from lab.sample.town.facts import Fact, Statement
from lab.sample.town.grammar import Speaker
from lab.sample.town.people import Person
from lab.sample.town.scene import Scene
from lab.sample.town.world import Happening, World

# Rules about things in general.
ASIDES = ("about_thing", "about_building", "about_animal", "about_plant", "about_food", "about_worker", "about_past")


@dataclass(frozen=True, slots=True)
class PageBlock:
    """A piece of a page. kind: "paragraph", "heading", "item" (of a bulleted list) or "step" (of a numbered list)."""

    kind: str
    text: str


@dataclass(slots=True)
class TownPage:
    """A finished page, as text; lab.sample.town_sites makes it a web page.

    number: position in the town's order of days, from 0. slug: unique within the town. related: slugs of earlier pages
    of the town about the same people, animals or happenings. statements: what it says of the town's state, in order.
    """

    number: int
    slug: str
    title: str
    genre: str
    date: date
    author: str
    town: str
    blocks: list[PageBlock]
    topics: list[str]
    related: list[str]
    statements: list[Statement]

    @property
    def paragraphs(self) -> list[str]:
        return [block.text for block in self.blocks if block.kind == "paragraph"]

    @property
    def text(self) -> str:
        """Title and blocks, one per line."""
        return "\n".join([self.title, *(block.text for block in self.blocks)])


@dataclass
class Draft:
    """A page that is being written; the functions of lab.sample.town.genres write on it."""

    world: World
    number: int
    title: str = ""
    author: str = ""
    blocks: list[PageBlock] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)  # that this page reports or recalls

    def __post_init__(self) -> None:
        self.random = Random(f"town:{self.world.seed}:{self.number}")
        self.speaker = Speaker(self.random)
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
        self.speaker.bindings.update(bindings)

    def unbind(self, *names: str) -> None:
        """Let these words be drawn again."""
        for name in names:
            self.speaker.bindings.pop(name, None)

    def say(self, rule: str, **bindings: object) -> str:
        """A sentence (or a few) of a rule."""
        self.speaker.bindings.update(bindings)
        return self.grammar.say(rule, self.speaker)

    def entitle(self, rule: str) -> None:
        """Set the page's title, by a rule, without its final mark."""
        self.title = self.say(rule).rstrip(".")

    def lines(self, rule: str, low: int, high: int | None = None) -> list[str]:
        """Between low and high different sentences of a rule."""
        return [self.say(rule) for _ in range(self.random.randint(low, high or low))]

    def paragraph(self, *sentences: str | list[str]) -> None:
        """Add a paragraph of these sentences (lists are flattened)."""
        parts = [[part] if isinstance(part, str) else part for part in sentences]
        flat = [sentence for part in parts for sentence in part if sentence]
        if flat:
            self.blocks.append(PageBlock("paragraph", " ".join(flat)))

    def heading(self, text: str) -> None:
        self.blocks.append(PageBlock("heading", text))

    def item(self, text: str) -> None:
        self.blocks.append(PageBlock("item", text))

    def step(self, text: str) -> None:
        self.blocks.append(PageBlock("step", text))

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
        """Bind these people to A, B, C, ..."""
        self.bind(**dict(zip("ABCDEFG", people, strict=False)))
        self.topics += [person.full for person in people]

    def one(self, record: SimpleNamespace) -> SimpleNamespace:
        """The record with one value for each field, for texts that must be consistent."""
        fields = vars(record).items()
        return SimpleNamespace(
            **{key: self.random.choice(value) if isinstance(value, tuple) else value for key, value in fields}
        )

    def claim(self, fact: Fact, sentence: str) -> str:
        """Note that this sentence says this fact, which must be true already."""
        self.statements.append(Statement(False, fact, sentence))
        return sentence

    def change(self, fact: Fact, sentence: str) -> str:
        """Make the fact true and note the sentence that says so."""
        self.world.state.set(fact)
        self.statements.append(Statement(True, fact, sentence))
        return sentence

    def scene(self, people: list[Person], objects: list[str], spots: list[str]) -> Scene:
        return Scene(self.grammar, self.speaker, self.world.state, people, objects, spots, self.statements)
