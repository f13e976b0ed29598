"""The embedded sample crawl: a small web made on the spot, as a crawler would have recorded it.

In: parameters (seed, numbers of pages, the lock file). Out: data/crawl/warc/*.warc.gz (WARC/1.1), manifest.json,
truth.parquet (what must become of the planted pages) and blacklist/ (UT1's layout). The same lock, Python and seed give
the same bytes, with any number of workers: pages come from shards of documentation and of towns, are planned onto files
in one place, and are dressed and written file by file.
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

from lab import engine as engines
from lab.documents import RowWriter
from lab.errors import ParameterError
from lab.files import write_json
from lab.params import CrawlParams, EngineParams, SampleParams
from lab.sample import sources
from lab.sample.blacklist import write_blacklist
from lab.sample.dress import dress
from lab.sample.planted import SIMILARITIES, TRUTH, Case, Planter, bases_needed
from lab.sample.sources import Reference
from lab.sample.warc_writer import Capture, compress, damaged, records, warcinfo
from lab.sample.web import Delivery, Page, capture, generator

SECONDS_BETWEEN_PAGES = 2
RELATED_LINKS = 5


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Write the sample crawl into `out`; returns counts. ParameterError where there are too few pages to plant on."""
    sample = params.sample
    for stale in ("warc", "blacklist"):
        shutil.rmtree(out / stale, ignore_errors=True)
    made = sources.gather(sample, bases_needed(sample.planted_per_kind), engine)
    related = _related(sample, made.pages)
    cases = _cases(sample, made, related)
    plans = _write_plans(sample, made, cases, related)
    items = {path.stem: {"plan": str(path), "sources": made.files} for path in plans}
    shards = engines.run(
        "crawl.warc",
        partial(write_warc, seed=sample.seed),
        items,
        engine=engine,
        params=sample,
        inputs=lambda item: [Path(item["plan"]), *map(Path, item["sources"].values())],
        out=out,
    )
    write_blacklist(out / "blacklist", sample.planted_per_kind)
    with RowWriter(out / "truth.parquet", TRUTH) as truth:
        for case in cases:
            truth.write(case.row())
    files = [{"path": (out / "warc" / f"{shard.name}.warc.gz").as_posix(), **shard.result["file"]} for shard in shards]
    write_json(out / "manifest.json", {"source": "sample", "seed": sample.seed, "files": files})
    pages = Counter(reference.kind for reference in made.pages)
    kinds = Counter(case.kind for case in cases)
    return {
        "source": "sample",
        "pages": {**dict(sorted(pages.items())), "planted": len(cases), "total": len(made.pages) + len(cases)},
        "planted": dict(sorted(kinds.items())),
        "records": dict(sorted(sum((Counter(shard.result["records"]) for shard in shards), Counter()).items())),
        "files": len(files),
        "bytes": sum(file["bytes"] for file in files),
        "libraries": made.libraries,
        "failed": made.failed,
    }


def page_count(sample: SampleParams) -> int:
    """Pages that these parameters ask for, the planted ones left out."""
    return sample.town_pages + sample.documentation_pages


def _cases(sample: SampleParams, made: sources.Sources, related: dict[str, list]) -> list[Case]:
    """The planted cases, made of pages that stand nowhere else and of copies of pages that are in the crawl."""
    chance = generator(sample.seed, "originals")
    order = chance.sample(made.pages, len(made.pages))
    wanted = len(SIMILARITIES) * sample.planted_per_kind
    sound = (page for page in map(made.read, (one for one in order if one.kind == "town")) if sources.is_sound(page))
    doubled = list(islice(sound, wanted))
    taken = {page.url for page in doubled}
    rest = (one for one in order if one.url not in taken)
    revisited = [made.read(one) for one in islice(rest, sample.planted_per_kind)]
    if len(doubled) < wanted or len(revisited) < sample.planted_per_kind:
        raise ParameterError(
            f"crawl.sample: {page_count(sample)} pages are too few to plant {sample.planted_per_kind} near-duplicates "
            "of each kind on. Raise town_pages or lower planted_per_kind."
        )
    pools = (
        [replace(page, related=related.get(page.url, page.related)) for page in pool] for pool in (doubled, revisited)
    )
    return list(Planter(sample.seed, sample.planted_per_kind, made.bases(), *pools).cases())


def _write_plans(
    sample: SampleParams, made: sources.Sources, cases: list[Case], related: dict[str, list]
) -> list[Path]:
    """One JSON lines file for each WARC file: what is written into it, in order."""
    chance = generator(sample.seed, "order")
    whole = [case for case in cases if not case.page.delivery.damage]
    order: list[Reference | Case] = [*made.pages, *whole]
    chance.shuffle(order)
    _originals_first(order)
    size = -(-len(order) // sample.files)
    parts = [order[at * size : (at + 1) * size] for at in range(sample.files)]
    for number, case in enumerate(case for case in cases if case.page.delivery.damage):
        part = parts[number % len(parts)]
        part.insert(chance.randint(len(part) // 4, len(part) * 3 // 4), case)  # in the middle: there is more to read
    folder = engines.WORK / "crawl.plan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [folder / f"sample-{number:05d}.jsonl" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        with open(path, "w", encoding="utf-8") as file:
            for entry in part:
                if isinstance(entry, Case):
                    line = {"page": entry.page.as_dict()}
                else:
                    line = {"source": entry.source, "offset": entry.offset, "related": related.get(entry.url, [])}
                file.write(json.dumps(line, ensure_ascii=True) + "\n")
    return paths


def _originals_first(order: list[Reference | Case]) -> None:
    """Bring the copies that only differ in their address behind their originals: a crawl keeps what it met first."""
    place = {(entry.page.url if isinstance(entry, Case) else entry.url): at for at, entry in enumerate(order)}
    for case in [entry for entry in order if isinstance(entry, Case) and entry.kind == "session_id"]:
        copy, original = place[case.page.url], place[case.original]
        if copy < original:
            order[copy], order[original] = order[original], order[copy]


def _related(sample: SampleParams, pages: list[Reference]) -> dict[str, list[list[str]]]:
    """Links from each page of documentation to others of its site (town pages bring their own)."""
    by_host: dict[str, list[Reference]] = {}
    for page in pages:
        if page.kind != "town":
            by_host.setdefault(page.url.split("/")[2], []).append(page)
    related = {}
    for host, members in by_host.items():
        chance = generator(sample.seed, "related", host)
        for page in members:
            chosen = chance.sample(members, min(RELATED_LINKS, len(members)))
            related[page.url] = [[other.title, other.url] for other in chosen if other is not page]
    return related


def write_warc(item: dict, folder: Path, name: str, *, seed: int) -> dict:
    """Shard function: one WARC file from its plan. Returns counts of records, and bytes and hash of the file."""
    start = generator(seed, "start").randrange(300 * 86_400)
    counts: Counter[str] = Counter(["warcinfo"])
    path = folder / "warc" / f"{name}.warc.gz"
    path.parent.mkdir()
    total = sha256()
    with open(path, "wb") as file:

        def write(member: bytes) -> None:
            file.write(member)
            total.update(member)

        moment = _moment(start, 0)
        warcinfo_id, opening = warcinfo(moment, path.name, _about())
        write(compress(opening))
        for number, page in enumerate(_planned(item, seed)):
            fetched: Capture = capture(page, dress(page, seed), _moment(start, number * SECONDS_BETWEEN_PAGES))
            for kind, record in records(fetched, warcinfo_id):
                broken = page.delivery.damage if kind == "response" else None
                write(damaged(record, broken) if broken else compress(record))
                counts["broken" if broken else kind] += 1
    return {"records": dict(counts), "file": {"bytes": path.stat().st_size, "sha256": total.hexdigest()}}


def _planned(item: dict, seed: int) -> Iterator[Page]:
    files = {name: open(path, "rb") for name, path in item["sources"].items()}  # noqa: SIM115
    try:
        with open(item["plan"], encoding="utf-8") as plan:
            for line in map(json.loads, plan):
                if "page" in line:
                    yield Page.from_dict(line["page"])
                    continue
                file = files[line["source"]]
                file.seek(line["offset"])
                page = json.loads(file.readline())
                page["related"] = line["related"] or page["related"]
                yield Page.from_dict({**page, "delivery": _usual_delivery(seed, page["url"])})
    finally:
        for file in files.values():
            file.close()


def _usual_delivery(seed: int, url: str) -> dict:
    """Most servers send plain bodies; some compress them, some send them in chunks."""
    chance = generator(seed, "delivery", url)
    return {**vars(Delivery()), "gzip": chance.random() < 0.2, "chunked": chance.random() < 0.15}


def _moment(start: int, seconds: int) -> str:
    """A time of the crawl, in 2024, whatever the clock says."""
    return f"{datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=start + seconds):%Y-%m-%dT%H:%M:%SZ}"


def _about() -> list[tuple[str, str]]:
    return [
        ("software", "pretraining-lab sample crawl"),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
        ("description", "A small web that does not exist, made from a seed"),
        ("robots", "none"),
    ]
