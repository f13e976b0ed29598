"""If these fail, the sample suite's scores say nothing: an answer is wrong, or can be guessed without reading."""

import re
from collections import Counter
from functools import cache

import pytest

from lab.sample.town import agreement_items, entity_items, town_pages
from lab.sample.town.grammar import RULES_FOLDER, town_grammar

COUNT = 96
SENTENCE_END = re.compile(r'(?<=[.!?]) (?=[A-Z"])|(?<=[.!?]") (?=[A-Z"])')
# What each rule of rules/tracking.txt does to the thing: who holds it, or where it lies, afterwards.
EFFECTS = {"give": "B", "put": "spot", "take": "A", "move": "spot", "holder_start": "A", "place_start": "spot"}


@pytest.fixture(scope="module")
def items() -> list:
    return entity_items(1, COUNT)


@pytest.fixture(scope="module")
def pairs() -> list:
    return agreement_items(1, 250)


def expression(pattern: str) -> re.Pattern:
    """A pattern of the rules as a regular expression; names, things and spots as groups."""
    grammar = town_grammar()
    words = {
        "A": r"\w+", "B": r"\w+", "o": "|".join(grammar.words["object"]),
        "spot": "|".join(spot for site in grammar.records["site"] for spot in site.spot),
    }  # fmt: skip
    words["source"] = words["spot"]
    seen: set[str] = set()

    def part(token: str) -> str:
        name = token[1:-1]
        if token in "[|]":
            return {"[": "(?:", "|": "|", "]": ")"}[token]
        if not token.startswith("<"):
            return re.escape(token).replace(r"\ ", " ?")  # a choice of nothing leaves no space behind
        if name not in words:
            return r"[\w-]+"  # a pronoun, or any other word
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{words[name]})"

    return re.compile("".join(map(part, re.findall(r"<[^>]*>|[\[\]|]|[^<\[\]|]+", pattern))) + r"[.!?]?", re.IGNORECASE)


@cache
def events() -> list[tuple[str, re.Pattern]]:
    rules: dict[str, list[str]] = {}
    for line in (RULES_FOLDER / "tracking.txt").read_text("utf-8").splitlines():
        if line.startswith("= "):
            lines = rules.setdefault(line[2:], [])
        elif line.strip() and not line.startswith("#"):
            lines.append(line)
    return [(rule, expression(pattern)) for rule in EFFECTS for pattern in rules[rule]]


def replayed(context: str) -> dict[str, str]:
    """Where each thing is in the end, read from the sentences alone."""
    state: dict[str, str] = {}
    for sentence in SENTENCE_END.split(context):
        for rule, pattern in events():
            if found := pattern.fullmatch(sentence):
                state[found["o"].lower()] = found[EFFECTS[rule]].lower()
                break
    return state


def test_the_answer_is_what_a_reader_finds(items: list):
    for item in items:
        asked = [name for name in town_grammar().words["object"] if f"the {name} " in f"{item.question} ".lower()]
        assert len(asked) == 1, item.question
        assert replayed(item.context)[asked[0]] == item.choices[item.answer].lower(), item


def test_it_does_not_help_to_take_the_last_or_the_first_that_is_named(items: list):
    for kind, few in (("holder", items[::2]), ("place", items[1::2])):
        last, first = Counter(), Counter()
        for item in few:
            assert item.kind == kind and len(set(item.choices)) == 4
            context, answer = item.context.lower(), item.choices[item.answer].lower()
            choices = [choice.lower() for choice in item.choices]
            last[sorted(choices, key=context.rfind).index(answer)] += 1
            first[sorted(choices, key=context.find).index(answer)] += 1
        assert set(last.values()) == set(first.values()) == {COUNT // 8}


def test_every_choice_stands_in_the_story(items: list):
    assert all(choice.lower() in item.context.lower() for item in items for choice in item.choices)
    assert not any(item.question.endswith((".", " ")) for item in items)


def test_items_are_held_out_and_depend_on_the_seed_alone(items: list):
    assert entity_items(1, 8) == items[:8] and entity_items(2, 8) != items[:8]
    text = " ".join(page.text for page in town_pages(1, 200))
    assert not any(item.context in text for item in items)


def test_pairs_differ_in_one_word_and_the_kinds_take_turns(pairs: list):
    assert set(Counter(pair.kind for pair in pairs).values()) == {50}
    for pair in pairs:
        good, bad = pair.good.split(), pair.bad.split()
        assert len(good) == len(bad) and sum(a != b for a, b in zip(good, bad, strict=True)) == 1


def test_the_good_one_of_a_pair_agrees_with_its_subject(pairs: list):
    checked = Counter()
    for pair in pairs:
        right = next(a for a, b in zip(pair.good.split(), pair.bad.split(), strict=True) if a != b)
        first = pair.good.split()[0]
        if pair.kind.startswith("subject"):
            many = not (right.endswith("s") or right == "has") or right == "discuss"
            many = {"is": False, "was": False, "has": False, "are": True, "were": True, "have": True}.get(right, many)
            if first in ("Every", "Each", "This", "That"):
                assert not many, pair
                checked["one"] += 1
            elif first in ("These", "Those", "Both", "Many", "Several", "Two", "Most"):
                assert many, pair
                checked["many"] += 1
        elif first in town_grammar().words["name_she"] + town_grammar().words["name_he"]:
            female = first in town_grammar().words["name_she"]
            assert right.strip(".").startswith("her" if female else ("his", "him")), pair
            checked["she" if female else "he"] += 1
    assert min(checked[key] for key in ("one", "many", "she", "he")) > 15, checked


def test_the_attractor_pairs_have_something_between_subject_and_verb(pairs: list):
    places: dict[str, list[int]] = {}
    for pair in pairs:
        differs = [a != b for a, b in zip(pair.good.split(), pair.bad.split(), strict=True)]
        places.setdefault(pair.kind, []).append(differs.index(True))
    assert min(places["subject_verb_attractor"]) >= 4 > min(places["subject_verb"])
