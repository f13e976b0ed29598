"""The crawl's source `sample`: a small web made from a seed, recorded as a crawler would.

In: parameters (seed, numbers of pages, the lock file). Out: data/crawl/warc/*.warc.gz (WARC/1.1), manifest.json,
truth.parquet (what must become of the planted pages) and blacklist/ (UT1's layout). The same lock, Python and seed give
the same bytes with any number of workers: pages are written by shards of documentation and of towns, planned onto files
in one place, then dressed and recorded file by file.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from lab.documents import RowWriter
from lab.engine import WORK
from lab.engine import run as run_shards
from lab.errors import ParameterError
from lab.files import write_json
from lab.params import CrawlParams, EngineParams, SampleParams
from lab.sample.catalogue import Catalogue, PageEntry, write_pages
from lab.sample.dress import dress
from lab.sample.planted import bases_needed, planted_cases
from lab.sample.planted.addresses import write_blacklist
from lab.sample.planted.cases import TRUTH, PlantedCase, Planter
from lab.sample.planted.texts import SIMILARITIES
from lab.sample.town_sites import is_sound
from lab.sample.warc_writer import compress, damaged, records, warcinfo
from lab.sample.web_page import Delivery, WebPage, capture, random_for

SECONDS_BETWEEN_PAGES = 2
RELATED_LINKS = 5
ABOUT = [
    ("software", "pretraining-lab sample crawl"),
    ("format", "WARC File Format 1.1"),
    ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
    ("description", "A small web that does not exist, made from a seed"),
    ("robots", "none"),
]

Links = dict[str, list[list[str]]]  # address -> [title, address] of other pages of its site


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Write the sample crawl into `out`; returns counts. ParameterError where there are too few pages to plant on."""
    # 1. Write all pages (`catalogue`), and choose those that planted cases copy.
    # 2. Plan which page goes into which WARC file, in which order.
    # 3. Write the WARC files in parallel, each from its plan; then the blacklist, the truth and the manifest.
    sample = params.sample
    for stale in ("warc", "blacklist"):
        shutil.rmtree(out / stale, ignore_errors=True)
    catalogue = write_pages(sample, bases_needed(sample.planted_per_kind), engine)
    related = _related_links(sample, catalogue.pages)
    cases = _planted_cases(sample, catalogue, related)
    plans = _write_plans(sample, catalogue, cases, related)
    shards = run_shards(
        "crawl.warc",
        partial(write_warc, seed=sample.seed),
        {plan.stem: {"plan": str(plan), "pages": catalogue.files} for plan in plans},
        engine=engine,
        params=sample,
        inputs=lambda item: [Path(item["plan"]), *map(Path, item["pages"].values())],
        out=out,
    )
    write_blacklist(out / "blacklist", sample.planted_per_kind)
    with RowWriter(out / "truth.parquet", TRUTH) as truth:
        for case in cases:
            truth.write(case.row())
    files = [{"path": (out / "warc" / f"{shard.name}.warc.gz").as_posix(), **shard.result["file"]} for shard in shards]
    write_json(out / "manifest.json", {"source": "sample", "seed": sample.seed, "files": files})
    pages = Counter(page.kind for page in catalogue.pages)
    kinds = Counter(case.kind for case in cases)
    return {
        "source": "sample",
        "pages": {**dict(sorted(pages.items())), "planted": len(cases), "total": len(catalogue.pages) + len(cases)},
        "planted": dict(sorted(kinds.items())),
        "records": dict(sorted(sum((Counter(shard.result["records"]) for shard in shards), Counter()).items())),
        "files": len(files),
        "bytes": sum(file["bytes"] for file in files),
        "libraries": catalogue.libraries,
        "failed": catalogue.failed,
    }


def _related_links(sample: SampleParams, pages: list[PageEntry]) -> Links:
    """Links from each page of documentation to others of its site (town pages bring their own)."""
    by_host: dict[str, list[PageEntry]] = {}
    for page in pages:
        if page.kind != "town":
            by_host.setdefault(page.url.split("/")[2], []).append(page)
    related = {}
    for host, members in by_host.items():
        random = random_for(sample.seed, "related", host)
        for page in members:
            chosen = random.sample(members, min(RELATED_LINKS, len(members)))
            related[page.url] = [[other.title, other.url] for other in chosen if other is not page]
    return related


def _planted_cases(sample: SampleParams, catalogue: Catalogue, related: Links) -> list[PlantedCase]:
    """Cases made from pages that are nowhere else in the crawl, and from copies of pages that are in it."""
    order = random_for(sample.seed, "originals").sample(catalogue.pages, len(catalogue.pages))
    count = len(SIMILARITIES) * sample.planted_per_kind
    town_pages = (catalogue.read(page) for page in order if page.kind == "town")
    doubled = list(islice((page for page in town_pages if is_sound(page)), count))
    taken = {page.url for page in doubled}
    others = (page for page in order if page.url not in taken)
    revisited = [catalogue.read(page) for page in islice(others, sample.planted_per_kind)]
    if len(doubled) < count or len(revisited) < sample.planted_per_kind:
        raise ParameterError(
            f"crawl.sample: {sample.town_pages + sample.documentation_pages} pages are too few to plant "
            f"{sample.planted_per_kind} near-duplicates of each kind on. Raise town_pages or lower planted_per_kind."
        )
    pools = (
        [replace(page, related=related.get(page.url, page.related)) for page in pool] for pool in (doubled, revisited)
    )
    bases = [catalogue.read(page) for page in catalogue.base_pages]
    return list(planted_cases(Planter(sample.seed, sample.planted_per_kind, bases, *pools)))


def _write_plans(sample: SampleParams, catalogue: Catalogue, cases: list[PlantedCase], related: Links) -> list[Path]:
    """One JSON lines file per WARC file: what is written into it, in order."""
    random = random_for(sample.seed, "order")
    order: list[PageEntry | PlantedCase] = [
        *catalogue.pages,
        *(case for case in cases if not case.page.delivery.damage),
    ]
    random.shuffle(order)
    _put_originals_first(order)
    size = -(-len(order) // sample.files)
    parts = [order[at * size : (at + 1) * size] for at in range(sample.files)]
    for number, case in enumerate(case for case in cases if case.page.delivery.damage):
        part = parts[number % len(parts)]
        part.insert(random.randint(len(part) // 4, len(part) * 3 // 4), case)  # in the middle: there is more to read
    folder = WORK / "crawl.plan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [folder / f"sample-{number:05d}.jsonl" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        with open(path, "w", encoding="utf-8") as file:
            for entry in part:
                if isinstance(entry, PlantedCase):
                    line = {"page": entry.page.as_dict()}
                else:
                    line = {"shard": entry.shard, "offset": entry.offset, "related": related.get(entry.url, [])}
                file.write(json.dumps(line, ensure_ascii=True) + "\n")
    return paths


def _put_originals_first(order: list[PageEntry | PlantedCase]) -> None:
    """Swap copies under another address with their originals where they come first: a crawl keeps what it met first."""
    place = {(entry.page.url if isinstance(entry, PlantedCase) else entry.url): at for at, entry in enumerate(order)}
    for case in [entry for entry in order if isinstance(entry, PlantedCase) and entry.kind == "session_id"]:
        copy, original = place[case.page.url], place[case.original]
        if copy < original:
            order[copy], order[original] = order[original], order[copy]


def write_warc(item: dict, folder: Path, name: str, *, seed: int) -> dict:
    """Shard function: one WARC file from its plan. Returns counts of records, and bytes and hash of the file."""
    start = random_for(seed, "start").randrange(300 * 86_400)
    counts: Counter[str] = Counter(["warcinfo"])
    path = folder / "warc" / f"{name}.warc.gz"
    path.parent.mkdir()
    total = sha256()
    with open(path, "wb") as file:

        def write(member: bytes) -> None:
            file.write(member)
            total.update(member)

        warcinfo_id, opening = warcinfo(_crawl_time(start), path.name, ABOUT)
        write(compress(opening))
        for number, page in enumerate(_planned_pages(item, seed)):
            fetched = capture(page, dress(page, seed), _crawl_time(start + number * SECONDS_BETWEEN_PAGES))
            for kind, record in records(fetched, warcinfo_id):
                damage = page.delivery.damage if kind == "response" else None
                write(damaged(record, damage) if damage else compress(record))
                counts["broken" if damage else kind] += 1
    return {"records": dict(counts), "file": {"bytes": path.stat().st_size, "sha256": total.hexdigest()}}


def _planned_pages(item: dict, seed: int) -> Iterator[WebPage]:
    files = {name: open(path, "rb") for name, path in item["pages"].items()}  # noqa: SIM115
    try:
        with open(item["plan"], encoding="utf-8") as plan:
            for line in map(json.loads, plan):
                if "page" in line:
                    yield WebPage.from_dict(line["page"])
                    continue
                file = files[line["shard"]]
                file.seek(line["offset"])
                page = json.loads(file.readline())
                page["related"] = line["related"] or page["related"]
                yield WebPage.from_dict({**page, "delivery": _usual_delivery(seed, page["url"])})
    finally:
        for file in files.values():
            file.close()


def _usual_delivery(seed: int, url: str) -> dict:
    """Most servers send plain bodies; some compress them, some send them in chunks."""
    random = random_for(seed, "delivery", url)
    return {**vars(Delivery()), "gzip": random.random() < 0.2, "chunked": random.random() < 0.15}


def _crawl_time(seconds: int) -> str:
    """A time of the crawl, `seconds` after the start of 2024: no output depends on the clock."""
    return f"{datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
