"""Planted cases: pages of which it is known what the pipeline must do with them (`data/crawl/truth.parquet`)."""

from collections.abc import Iterator

from lab.sample.planted import addresses, responses, spam, texts
from lab.sample.planted.cases import PlantedCase, Planter

BASES = 3 + len(spam.KINDS) + 3 + 10 + 4 + 1 + 1  # kinds that use one each
KINDS = (
    texts.languages, addresses.blocked, addresses.sessions, texts.spam_pages, texts.near_duplicates, texts.personal,
    responses.charsets, responses.deliveries, responses.not_articles, responses.broken,
)  # fmt: skip


def planted_cases(planter: Planter) -> Iterator[PlantedCase]:
    """All cases, kind after kind. Uses `bases_needed(planter.count)` bases at most."""
    for kind in KINDS:
        yield from kind(planter)


def bases_needed(count: int) -> int:
    """How many bases a Planter of `count` uses."""
    return count * BASES
