"""The pages of the sample web before they are planned onto files: documentation and towns, made in parallel.

In: the sample's parameters. Out: Sources, which knows where each page's JSON line lies, so that pages are read when
they are needed and memory holds no more than a line of facts for each.
"""

import json
import math
import re
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from lab import engine as engines
from lab.params import EngineParams, SampleParams
from lab.sample import documentation
from lab.sample.libraries import STANDARD_LIBRARY, Library, libraries
from lab.sample.near_duplicates import shingles, words
from lab.sample.sites import town_page
from lab.sample.town import town_pages
from lab.sample.town.grammar import RULES_FOLDER
from lab.sample.web import Page

TOWN_PAGES = 1250  # of one town; more pages are more towns
LIBRARIES = 8  # at least, where few pages are asked for
RICH_SHARE, ABOUT_SHARE = 0.65, 0.1  # of the documentation's pages: rich in prose; descriptions and licences
MIN_FRESH_SHARE = 0.97  # of a sound page's runs of five words that differ from one another
_SENTENCE_END = re.compile(r"[.!?][\"')]*(\s|<)")


@dataclass(frozen=True)
class Reference:
    """Where a page's JSON line lies, and what the planning needs to know of it."""

    url: str
    title: str
    kind: str  # town, documentation, description, licence
    prose: float  # share of its text
    source: str
    offset: int


@dataclass
class Sources:
    files: dict[str, str]  # name of a source -> its file of JSON lines
    pages: list[Reference]
    base_pages: list[Reference]  # sound town pages that stand nowhere in the crawl
    libraries: dict[str, int | str]
    failed: dict[str, int] = field(default_factory=dict)

    def read(self, reference: Reference) -> Page:
        with open(self.files[reference.source], "rb") as file:
            file.seek(reference.offset)
            return Page.from_dict(json.loads(file.readline()))

    def bases(self) -> list[Page]:
        return [self.read(reference) for reference in self.base_pages]


def gather(sample: SampleParams, bases: int, engine: EngineParams) -> Sources:
    """Make the pages of all sources, `bases` town pages for planting among them."""
    found, unusable = libraries(Path(sample.lock))
    order = _seeded(found, sample.seed)
    used = max(LIBRARIES, math.ceil(sample.documentation_pages / 10)) if sample.documentation_pages else 0
    items: dict[str, dict] = _town_items(sample, bases)
    items |= _library_items(order[:used], sample.documentation_pages)
    made = Sources({}, [], [], {})
    results = _run(items, sample, engine)
    while _short(results, sample) and (more := _more_items(results, items, order)):
        items |= more
        results |= _run(more, sample, engine)
    made.files = {name: str(path) for name, (path, _) in results.items()}
    listed = {name: _references(name, result) for name, (_, result) in results.items()}
    made.base_pages = listed.pop("town-bases")
    made.pages = [page for name, pages in listed.items() if "town" in items[name] for page in pages]
    made.pages += _chosen([page for pages in listed.values() for page in pages if page.kind != "town"], sample)
    for _, result in results.values():
        for reason, count in result["failed"].items():
            made.failed[reason] = made.failed.get(reason, 0) + count
    made.libraries = {"used": sum("library" in item for item in items.values())}
    for reason, names in unusable.items():
        made.libraries[reason] = len(names)
        made.libraries |= {f"{reason}: names": ", ".join(names)} if names else {}
    return made


def make(item: dict, folder: Path, name: str, *, seed: int) -> dict:
    """Shard function: the pages of one library, or of one town, as JSON lines."""
    return documentation.scan(item, folder, name, seed=seed) if "library" in item else _town(item, folder, name)


def is_sound(page: Page) -> bool:
    """Whether the text is running prose that no filter for prose can mind: enough whole sentences, few repeated."""
    text = page.body
    plain = set(re.findall(r"<(\w+)", text)) <= {"p", "code", "em", "strong", "a", "h2", "h3"}
    spoken = words(text)
    count, sentences = len(spoken), len(_SENTENCE_END.findall(text))
    paragraphs = re.findall(r"<p>(.*?)</p>", text)
    if len(set(paragraphs)) < len(paragraphs):
        return False
    if not plain or "{" in text or "..." in text or not 130 <= count <= 2000 or sentences < 8:
        return False
    fresh = len(shingles(spoken)) / (count - 4)
    return count / sentences < 40 and fresh > MIN_FRESH_SHARE


def _run(items: dict[str, dict], sample: SampleParams, engine: EngineParams) -> dict[str, tuple[Path, dict]]:
    function, rules = partial(make, seed=sample.seed), sorted(RULES_FOLDER.glob("*.txt"))
    shards = engines.run(
        "crawl.sources",
        function,
        items,
        engine=engine,
        params={"seed": sample.seed},
        inputs=lambda item: rules if "town" in item else [],
    )
    return {shard.name: (shard.folder / f"{shard.name}.jsonl", shard.result) for shard in shards}


def _town_items(sample: SampleParams, bases: int) -> dict[str, dict]:
    items, left = {"town-bases": {"town": _town_seed(sample.seed, "bases"), "sound_pages": bases}}, sample.town_pages
    while left > 0:
        number = len(items) - 1
        items[f"town-{number:02d}"] = {"town": _town_seed(sample.seed, number), "pages": min(left, TOWN_PAGES)}
        left -= TOWN_PAGES
    return items


def _town_seed(seed: int, name: object) -> int:
    """A seed for each town, far from those that a person would type."""
    return int.from_bytes(sha256(f"town {seed} {name}".encode()).digest()[:6], "big")


def _town(item: dict, folder: Path, name: str) -> dict:
    listed, genres, slugs = [], {}, 0
    sound_only = item.get("sound_pages")
    count = item["pages"] if sound_only is None else 40 * sound_only
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as out:
        for told in town_pages(item["town"], count):
            genres[told.slug] = (told.genre, told.title)
            slugs += 1
            page = town_page(told, genres)
            if sound_only is not None and not is_sound(page):
                continue
            listed.append([page.url, page.title, "town", 1.0, out.tell()])
            out.write(json.dumps(page.as_dict(), ensure_ascii=True) + "\n")
            if len(listed) == sound_only:
                break
    return {"pages": listed, "failed": {}, "exhausted": True}


def _seeded(libraries: list[Library], seed: int) -> list[Library]:
    """The libraries in an order of their own for each seed; the standard library always first."""
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


def _short(results: dict[str, tuple[Path, dict]], sample: SampleParams) -> bool:
    pages = [page for _, result in results.values() for page in result["pages"] if page[2] != "town"]
    return len(pages) < sample.documentation_pages


def _more_items(results: dict[str, tuple[Path, dict]], items: dict[str, dict], order: list[Library]) -> dict[str, dict]:
    """Twice the pages of the libraries that have more, and as many libraries again."""
    more = {
        name: {**items[name], "rich_pages": 2 * items[name]["rich_pages"]}
        for name, (_, result) in results.items()
        if not result["exhausted"]
    }
    used = sum("library" in item for item in items.values())
    return more | _library_items(order[used : 2 * used], 10 * used)


def _references(name: str, result: dict) -> list[Reference]:
    return [Reference(*page[:4], source=name, offset=page[4]) for page in result["pages"]]


def _chosen(candidates: list[Reference], sample: SampleParams) -> list[Reference]:
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
