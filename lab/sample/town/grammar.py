"""The sentence grammar: from rules (rules/*.txt) and bindings to sentences. Like Tracery, with agreement.

A rules file holds, in any order,
    = name        patterns follow, one per line; a pattern is text with choices and references
    : name        words or phrases follow, separated by commas
    @ name: a|b   records follow, one per line, fields separated by |, alternatives within a field by /
In a pattern, `[x|y|]` is a choice (here, possibly nothing), and `<...>` a reference:
    <tool>        one word of the list, one pattern of the rule, or the binding of that name
    <tool.s>      its plural; other word forms: .ed past, .en participle, .ing, .z third person, .cap, .title; they add
                  up: <tool.s.cap>
    <A.he>        a field of a person or record; <A.v:walk> the verb agreeing with the pronoun (they walk, she walks)
    <t=tool>      the same, and binds t for later references
    <np:tool>     a subject noun phrase, singular or plural at random; <is>, <was>, <has>, <do>, <v:need>, <it>, <its>
                  and <them> agree with the latest one
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace

from lab.sample.town import english

Node = object  # str, tuple of sequences (a choice), or a function that appends to the text
RULES_FOLDER = Path(__file__).with_name("rules")
TOKEN = re.compile(r"[\[\]|]|<[^<>]*>|[^\[\]|<>]+")
WORD_FORMS = {
    "s": english.plural,
    "ed": english.past,
    "en": english.participle,
    "ing": english.gerund,
    "z": english.third,
    "cap": lambda text: text[:1].upper() + text[1:],
    "title": english.titled,
}
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()


@dataclass
class Speaker:
    """Who says the sentences of one text: the random source, the bindings, and what has been used already."""

    random: Random
    bindings: dict[str, object] = field(default_factory=dict)
    plural: bool = False  # whether the latest <np:...> is
    attractor: str = ""  # phrase between that noun and its verb
    wrong: bool = False  # agree with the other number: the bad sentences of minimal pairs
    used: dict[str, set[int]] = field(default_factory=dict)

    def pick(self, name: str, options: list) -> object:
        """One of the options at random, none a second time until nearly all have been used."""
        used = self.used.get(name)
        if used is None:
            used = self.used[name] = set()
        count = len(options)
        if len(used) >= count - (count > 3):
            used.clear()
        draw = self.random.random
        index = int(draw() * count)
        while index in used:
            index = int(draw() * count)
        used.add(index)
        return options[index]


class Grammar:
    """The rules of some files, compiled."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.words: dict[str, list[str]] = {}
        self.patterns: dict[str, list[list[Node]]] = {}
        self.records: dict[str, list[SimpleNamespace]] = {}
        for source in sources:
            self._read(source)

    def _read(self, source: str) -> None:
        kind, name, fields = "", "", []
        for raw in source.splitlines():
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line[0] in "=:@" and line[1:2] == " ":
                kind, name = line[0], line[2:].strip()
                if kind == "@":
                    name, _, listed = name.partition(":")
                    fields = listed.strip().split("|")
            elif kind == "=":
                self.patterns.setdefault(name, []).append(self._compile(line))
            elif kind == ":":
                self.words.setdefault(name, []).extend(word for part in line.split(",") if (word := part.strip()))
            else:
                values = [tuple(value.strip().split("/")) for value in line.split("|")]
                if len(values) != len(fields):
                    raise ValueError(f"{name}: {line!r} has {len(values)} fields, not {len(fields)}")
                record = {key: value if len(value) > 1 else value[0] for key, value in zip(fields, values, strict=True)}
                self.records.setdefault(name, []).append(SimpleNamespace(**record))

    def _compile(self, pattern: str) -> list[Node]:
        # The stack holds, for the pattern and for each open bracket in it, the alternatives so far; tokens go into the
        # last alternative of the innermost. A closed bracket becomes a tuple of its alternatives.
        stack: list[list[list[Node]]] = [[[]]]
        for token in TOKEN.findall(pattern):
            if token == "[":
                stack.append([[]])
            elif token == "|" and len(stack) > 1:
                stack[-1].append([])
            elif token == "]":
                stack[-2][-1].append(tuple(stack.pop()))
            elif token[0] == "<":
                stack[-1][-1].append(self._reference(token[1:-1]))
            else:
                stack[-1][-1].append(token)
        if len(stack) != 1:
            raise ValueError(f"unbalanced brackets in {pattern!r}")
        return stack[0][0]

    def _reference(self, inner: str) -> Callable[[Speaker, list[str]], None]:
        # Everything that the reference alone decides is decided here, once; the function returned appends its text.
        if inner in AGREEING:
            singular, plural = AGREEING[inner]
            return lambda speaker, out: out.append(plural if speaker.plural != speaker.wrong else singular)
        target, _, rest = inner.partition("=") if "=" in inner else ("", "", inner)
        path, _, argument = rest.partition(":")
        name, *parts = path.split(".")
        if name == "np":
            return lambda speaker, out: self._noun_phrase(argument, speaker, out)
        if name == "v":
            third = english.third(argument)
            return lambda speaker, out: out.append(argument if speaker.plural != speaker.wrong else third)
        if name == "num":
            low, high = (int(part) for part in argument.split("-"))
            return lambda speaker, out: out.append(NUMBERS[speaker.random.randint(low, high)])
        if parts == ["v"]:
            return lambda speaker, out: out.append(argument if speaker.bindings[name].many else english.third(argument))
        field_name = parts.pop(0) if parts and parts[0] not in WORD_FORMS else ""
        forms = [WORD_FORMS[form] for form in parts]

        def say(speaker: Speaker, out: list[str]) -> None:
            value = speaker.bindings.get(name)
            if value is None:
                value = self._draw(name, speaker)
            if target and not isinstance(value, str):
                speaker.bindings[target] = value
            if field_name:
                value = getattr(value, field_name)
                if type(value) is tuple:
                    value = speaker.pick(f"{name}.{field_name}", value)
            elif not isinstance(value, str):
                value = value.name
            if target:
                speaker.bindings.setdefault(target, value)
            for form in forms:
                value = form(value)
            out.append(value)

        return say

    def _draw(self, name: str, speaker: Speaker) -> object:
        if name in self.words:
            return speaker.pick(name, self.words[name])
        if name in self.patterns:
            out: list[str] = []
            self._expand(speaker.pick(name, self.patterns[name]), speaker, out)
            return "".join(out)
        if name in self.records:
            return speaker.pick(name, self.records[name])
        raise KeyError(f"no word list, rule, record or binding is called {name!r}")

    def _expand(self, nodes: list[Node], speaker: Speaker, out: list[str]) -> None:
        for node in nodes:
            kind = type(node)
            if kind is str:
                out.append(node)
            elif kind is tuple:
                self._expand(node[int(speaker.random.random() * len(node))], speaker, out)
            else:
                node(speaker, out)

    def _noun_phrase(self, name: str, speaker: Speaker, out: list[str]) -> None:
        """A subject of either number: "the old keys in the drawer", "every lamp", "both chairs"."""
        noun = speaker.pick(name, self.words[name])
        speaker.plural = speaker.random.random() < 0.5
        if speaker.plural:
            determiner = self._draw("determiner_plural", speaker)
            noun = english.plural(noun)
        else:
            determiner = self._draw("determiner_singular", speaker)
        adjective = ""
        if speaker.random.random() < 0.4 and f"adj_{name}" in self.words:
            adjective = speaker.pick(f"adj_{name}", self.words[f"adj_{name}"]) + " "
        speaker.attractor = self._draw(f"attractor_{name}", speaker) if speaker.random.random() < 0.45 else ""
        out.append(f"{determiner} {adjective}{noun} {speaker.attractor}")

    def say(self, name: str, speaker: Speaker) -> str:
        """The sentence (or sentences) of one pattern of a rule, tidied."""
        out: list[str] = []
        self._expand(speaker.pick(name, self.patterns[name]), speaker, out)
        return english.tidy("".join(out))

    def in_order(self, name: str, speaker: Speaker) -> list[str]:
        """The sentences of all patterns of a rule, in the order of the file."""
        sentences = []
        for pattern in self.patterns[name]:
            out: list[str] = []
            self._expand(pattern, speaker, out)
            sentences.append(english.tidy("".join(out)))
        return sentences


# Words that agree with the latest <np:...>: singular, plural.
AGREEING = {
    "is": ("is", "are"),
    "was": ("was", "were"),
    "has": ("has", "have"),
    "do": ("does", "do"),
    "it": ("it", "they"),
    "its": ("its", "their"),
    "them": ("it", "them"),
    "itself": ("itself", "themselves"),
}


@cache
def town_grammar() -> Grammar:
    """The grammar of the town: all rules files, read once per process."""
    return Grammar(path.read_text(encoding="utf-8") for path in sorted(RULES_FOLDER.glob("*.txt")))
