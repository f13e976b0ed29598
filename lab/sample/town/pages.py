"""The pages of a town, in the order of its days. In: a seed and a count. Out: TownPages."""

import re
from collections.abc import Iterator

from lab.sample.town.draft import Draft, TownPage
from lab.sample.town.genres import GENRES
from lab.sample.town.world import World

PAGES_A_DAY = 3
RELATED = 4
NOT_SLUG = re.compile(r"[^a-z0-9]+")


def town_pages(seed: int, count: int) -> Iterator[TownPage]:
    """The first `count` pages of the town of this seed. The first n of them do not depend on count."""
    world = World(seed)
    names, weights = zip(*((name, weight) for name, (weight, _) in GENRES.items()), strict=True)
    slugs: set[str] = set()
    by_topic: dict[str, list[str]] = {}
    for number in range(count):
        if number and number % PAGES_A_DAY == 0:
            world.advance()
        draft = Draft(world, number)
        genre = draft.random.choices(names, weights)[0]
        GENRES[genre][1](draft)
        yield _finished(draft, genre, slugs, by_topic)


def _finished(draft: Draft, genre: str, slugs: set[str], by_topic: dict[str, list[str]]) -> TownPage:
    slug = NOT_SLUG.sub("-", draft.title.lower()).strip("-")
    if slug in slugs:
        slug = f"{slug}-{draft.number}"
    slugs.add(slug)
    topics = list(dict.fromkeys(draft.topics))
    related: list[str] = []
    for topic in topics:
        related += [other for other in by_topic.get(topic, [])[-2:] if other not in related]
        by_topic.setdefault(topic, []).append(slug)
    world = draft.world
    return TownPage(
        number=draft.number,
        slug=slug,
        title=draft.title,
        genre=genre,
        date=world.date,
        author=draft.author or world.random.choice(world.grown()).full,
        town=world.name,
        blocks=draft.blocks,
        topics=topics,
        related=related[-RELATED:],
        statements=draft.statements,
    )
