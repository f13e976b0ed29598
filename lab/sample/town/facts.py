"""What is true in a town: facts, the state that holds the current ones, and the statements of them on a page."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Something true for a time. Kinds: holder (object, person), place (object, "in the blue box"), job, price, ..."""

    kind: str
    subject: str
    value: str

    @property
    def key(self) -> tuple[str, str]:
        # An object is either held or lies somewhere: each of the two facts replaces the other.
        return ("object" if self.kind in ("holder", "place") else self.kind, self.subject)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a page and the fact that it says: a change (true from now on) or a claim (true already)."""

    change: bool
    fact: Fact
    sentence: str


class WorldState:
    """The facts that are true now."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._facts = {fact.key: fact for fact in facts}

    def set(self, fact: Fact) -> None:
        self._facts[fact.key] = fact

    def holds(self, fact: Fact) -> bool:
        return self._facts.get(fact.key) == fact

    def object(self, name: str) -> Fact:
        """Where the object is: its holder or place."""
        return self._facts["object", name]

    def value(self, kind: str, subject: str) -> str | None:
        fact = self._facts.get((kind, subject))
        return fact.value if fact else None

    def facts(self) -> list[Fact]:
        return list(self._facts.values())
