"""Who holds what and what lies where: changes and claims, in sentences. For stories, tales and evaluation items.

In: a state, the people present, the objects and the spots of a place. Out: sentences, and Statements of their facts.
"""

from dataclasses import dataclass, field
from random import Random

from lab.sample.town.facts import Fact, Statement, WorldState
from lab.sample.town.grammar import Grammar, Speaker
from lab.sample.town.people import Person


@dataclass
class Scene:
    """People, objects and spots of one place, and the state that they change."""

    grammar: Grammar
    speaker: Speaker
    state: WorldState
    people: list[Person]
    objects: list[str]
    spots: list[str]
    statements: list[Statement] = field(default_factory=list)

    @property
    def random(self) -> Random:
        return self.speaker.random

    def holder(self, name: str) -> Person | None:
        """The person present who has the object; None where it lies somewhere."""
        fact = self.state.object(name)
        if fact.kind == "place":
            return None
        return next(person for person in self.people if person.name == fact.value)

    def say(self, rule: str, **bindings: object) -> str:
        self.speaker.bindings.update(bindings)
        return self.grammar.say(rule, self.speaker)

    def other(self, *persons: Person) -> Person:
        """A person present who is none of these."""
        return self.random.choice([person for person in self.people if person not in persons])

    def other_spot(self, spot: str = "") -> str:
        return self.random.choice([other for other in self.spots if other != spot])

    def start(self, name: str) -> str:
        """Where the object is as the story begins."""
        fact = self.state.object(name)
        if fact.kind == "holder":
            sentence = self.say("holder_start", A=self.holder(name), o=name)
        else:
            sentence = self.say("place_start", spot=fact.value, o=name)
        self.statements.append(Statement(False, fact, sentence))
        return sentence

    def give(self, name: str, receiver: Person | None = None) -> str:
        giver = self.holder(name)
        receiver = receiver or self.other(giver)
        return self._change("give", Fact("holder", name, receiver.name), A=giver, B=receiver, o=name)

    def put(self, name: str, spot: str = "") -> str:
        spot = spot or self.other_spot()
        return self._change("put", Fact("place", name, spot), A=self.holder(name), o=name, spot=spot)

    def take(self, name: str, taker: Person | None = None) -> str:
        spot = self.state.object(name).value
        taker = taker or self.random.choice(self.people)
        return self._change("take", Fact("holder", name, taker.name), A=taker, o=name, spot=spot)

    def move(self, name: str, spot: str = "") -> str:
        source = self.state.object(name).value
        spot = spot or self.other_spot(source)
        mover = self.random.choice(self.people)
        return self._change("move", Fact("place", name, spot), A=mover, o=name, source=source, spot=spot)

    def change(self, name: str, giving: float = 0.6) -> str:
        """A change of this object: its holder gives it or puts it down, or somebody takes or moves it."""
        if self.holder(name):
            return self.give(name) if self.random.random() < giving else self.put(name)
        return self.take(name) if self.random.random() < 0.65 else self.move(name)

    def claim(self, name: str, moment: str = "now") -> str:
        """Where the object is now, or (moment "end") in the end."""
        fact = self.state.object(name)
        bindings = {"A": self.holder(name)} if fact.kind == "holder" else {"spot": fact.value}
        sentence = self.say(f"{fact.kind}_{moment}", o=name, **bindings)
        self.statements.append(Statement(False, fact, sentence))
        return sentence

    def meanwhile(self) -> str:
        """Something that changes nothing."""
        person = self.random.choice(self.people)
        return self.say("meanwhile", A=person, B=self.other(person))

    def _change(self, rule: str, fact: Fact, **bindings: object) -> str:
        sentence = self.say(rule, **bindings)
        self.state.set(fact)
        self.statements.append(Statement(True, fact, sentence))
        return sentence
