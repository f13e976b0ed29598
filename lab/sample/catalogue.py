"""The pages of the sample web, documentation and towns, made in parallel and listed.

In: the sample's parameters. Out: a Catalogue, which knows where each page's JSON line is, so that pages are read when
they are needed and memory holds one entry for each.
"""

import json
import math
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from lab.engine import run as run_shards
from lab.params import EngineParams, SampleParams
from lab.sample.documentation.libraries import STANDARD_LIBRARY, Library, find_libraries
from lab.sample.documentation.pages import write_library
from lab.sample.town.grammar import RULES_FOLDER
from lab.sample.town_sites import write_town
from lab.sample.web_page import WebPage

TOWN_PAGES = 1250  # of one town; more pages are more towns
LIBRARIES = 8  # at least, where few pages are asked for
RICH_SHARE, ABOUT_SHARE = 0.65, 0.1  # of the documentation's pages: rich in prose; descriptions and licences
BASES = "town-bases"

Results = dict[str, tuple[Path, dict]]  # shard -> (its file of JSON lines, what its function returned)


@dataclass(frozen=True)
class PageEntry:
    """Where a page's JSON line is, and what the planning needs to know of the page."""

    url: str
    title: str
    kind: str  # town, documentation, description, licence
    prose: float  # share of its text
    shard: str
    offset: int


@dataclass(frozen=True)
class Catalogue:
    files: dict[str, str]  # shard -> its file of JSON lines
    pages: list[PageEntry]
    base_pages: list[PageEntry]  # sound town pages that are nowhere in the crawl
    libraries: dict[str, int | str]  # how many are used, and those that cannot be, by reason
    failed: dict[str, int]  # source files that could not be read, by reason

    def read(self, entry: PageEntry) -> WebPage:
        with open(self.files[entry.shard], "rb") as file:
            file.seek(entry.offset)
            return WebPage.from_dict(json.loads(file.readline()))


def write_pages(sample: SampleParams, bases: int, engine: EngineParams) -> Catalogue:
    """Write the pages of all towns and libraries, and `bases` further town pages to plant cases on."""
    # 1. The towns, and as many libraries as should do for the pages asked for.
    # 2. While there are too few pages of documentation: more pages of the same libraries, and more libraries.
    # 3. Of the documentation, choose as many pages as asked for.
    libraries, unusable = find_libraries(Path(sample.lock))
    order = _shuffled(libraries, sample.seed)
    used = max(LIBRARIES, math.ceil(sample.documentation_pages / 10)) if sample.documentation_pages else 0
    items = _town_items(sample, bases) | _library_items(order[:used], sample.documentation_pages)
    results = _run(items, sample, engine)
    while _too_few(results, sample) and (more := _more_items(results, items, order)):
        items |= more
        results |= _run(more, sample, engine)

    entries = {
        shard: [PageEntry(*page[:4], shard=shard, offset=page[4]) for page in result["pages"]]
        for shard, (_, result) in results.items()
    }
    base_pages = entries.pop(BASES)
    pages = [page for shard, listed in entries.items() if "town" in items[shard] for page in listed]
    pages += _chosen([page for listed in entries.values() for page in listed if page.kind != "town"], sample)
    failed: dict[str, int] = {}
    for _, result in results.values():
        for reason, count in result["failed"].items():
            failed[reason] = failed.get(reason, 0) + count
    counts: dict[str, int | str] = {"used": sum("library" in item for item in items.values())}
    for reason, names in unusable.items():
        counts[reason] = len(names)
        counts |= {f"{reason}: names": ", ".join(names)} if names else {}
    return Catalogue({shard: str(path) for shard, (path, _) in results.items()}, pages, base_pages, counts, failed)


def write_shard(item: dict, folder: Path, name: str, *, seed: int) -> dict:
    """Shard function: the pages of one library, or of one town, as JSON lines."""
    return write_library(item, folder, name, seed=seed) if "library" in item else write_town(item, folder, name)


def _run(items: dict[str, dict], sample: SampleParams, engine: EngineParams) -> Results:
    rules = sorted(RULES_FOLDER.glob("*.txt"))
    shards = run_shards(
        "crawl.pages",
        partial(write_shard, seed=sample.seed),
        items,
        engine=engine,
        params={"seed": sample.seed},
        inputs=lambda item: rules if "town" in item else [],
    )
    return {shard.name: (shard.folder / f"{shard.name}.jsonl", shard.result) for shard in shards}


def _town_items(sample: SampleParams, bases: int) -> dict[str, dict]:
    items = {BASES: {"town": _town_seed(sample.seed, "bases"), "sound_pages": bases}}
    for number, start in enumerate(range(0, sample.town_pages, TOWN_PAGES)):
        pages = min(TOWN_PAGES, sample.town_pages - start)
        items[f"town-{number:02d}"] = {"town": _town_seed(sample.seed, number), "pages": pages}
    return items


def _town_seed(seed: int, name: object) -> int:
    """A seed for each town, far from those that a person would type."""
    return int.from_bytes(sha256(f"town {seed} {name}".encode()).digest()[:6], "big")


def _shuffled(libraries: list[Library], seed: int) -> list[Library]:
    """The libraries in the order of a seed; the standard library always first."""
    first, *others = libraries
    return [first, *sorted(others, key=lambda library: sha256(f"{seed} {library.name}".encode()).digest())]


def _library_items(libraries: list[Library], count: int) -> dict[str, dict]:
    """How many pages each library is to give: more for the larger, but not in proportion."""
    weights = [
        math.sqrt(library.source_bytes) * (3 if library.name == STANDARD_LIBRARY else 1) for library in libraries
    ]
    total = sum(weights) or 1.0
    return {
        f"documentation-{library.name}": {
            "library": library.name,
            "version": library.version,
            "rich_pages": max(2, math.ceil(count * weight / total)),
        }
        for library, weight in zip(libraries, weights, strict=True)
    }


def _too_few(results: Results, sample: SampleParams) -> bool:
    pages = [page for _, result in results.values() for page in result["pages"] if page[2] != "town"]
    return len(pages) < sample.documentation_pages


def _more_items(results: Results, items: dict[str, dict], order: list[Library]) -> dict[str, dict]:
    """Twice the pages of the libraries that have more, and as many libraries again."""
    more = {
        name: {**items[name], "rich_pages": 2 * items[name]["rich_pages"]}
        for name, (_, result) in results.items()
        if not result["exhausted"]
    }
    used = sum("library" in item for item in items.values())
    return more | _library_items(order[used : 2 * used], 10 * used)


def _chosen(candidates: list[PageEntry], sample: SampleParams) -> list[PageEntry]:
    """The documentation's pages: mostly those rich in prose, some descriptions and licences, and others."""
    count = sample.documentation_pages
    order = sorted(candidates, key=lambda page: sha256(f"{sample.seed} {page.url}".encode()).digest())
    about = [page for page in order if page.kind != "documentation"]
    order = [page for page in order if page.kind == "documentation"]
    rich = sorted((page for page in order if page.prose >= 0.5), key=lambda page: -round(page.prose, 1))
    chosen = about[: int(count * ABOUT_SHARE)] + rich[: int(count * RICH_SHARE)]
    taken = {page.url for page in chosen}
    rest = [page for page in [*order, *about] if page.url not in taken]
    return chosen + rest[: count - len(chosen)]
