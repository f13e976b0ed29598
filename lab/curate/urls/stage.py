"""The url_filter stage: the index without rows that are blocked, banned, repeated or not HTML.

In: index shards, and the crawl's blacklist. Out: the same schema; `removed/` has reason and detail too. The order of
rules is FineWeb's (Penedo et al. 2024): listed hosts, listed URLs, words. Unlike datatrove's filter, this one
recognises other spellings of a listed host (upper case, Unicode, IP addresses) and hosts at any depth below it.

Memory grows by 24 bytes per kept row: the hashes of URLs by which repeated ones are found.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from lab.crawl.index import INDEX_SCHEMA
from lab.curate.urls import blacklist as blacklists
from lab.curate.urls import repeats
from lab.curate.urls.blacklist import Blacklist
from lab.curate.urls.repeats import REMOVED_SCHEMA
from lab.curate.urls.spelling import hashes, host_of, normalised
from lab.curate.urls.words import BANNED, BANNED_SUBWORDS, SOFT_BANNED, WordRules
from lab.documents import Counts, Reason, excerpt, read_table, shards, write_table
from lab.engine import digest
from lab.engine import run as run_shards
from lab.params import EngineParams, UrlFilterParams

HTML = ("text/html", "application/xhtml+xml")


class UrlFilter:
    """What a URL alone rules out. `domains`, `urls`: entry -> category, or instead of both a compiled `blacklist`."""

    def __init__(
        self,
        domains: Mapping[str, str] | None = None,
        urls: Mapping[str, str] | None = None,
        *,
        blacklist: Blacklist | None = None,
        words: WordRules | None = None,
    ):
        self._blacklist = blacklist or Blacklist.of(domains or {}, urls or {})
        self._words = words or WordRules(BANNED, SOFT_BANNED, BANNED_SUBWORDS)

    @classmethod
    def from_params(cls, params: UrlFilterParams, crawl: Path | None = None) -> "UrlFilter":
        """`crawl`: the folder that a blacklist `auto` is in. InputError if a list is missing or can't be read."""
        return cls.load(params, compiled_blacklist(params, crawl))

    @classmethod
    def load(cls, params: UrlFilterParams, lists: Path | None) -> "UrlFilter":
        """With the compiled blacklist in the folder `lists`, instead of the one that the parameters name."""
        return cls(blacklist=Blacklist.load(lists) if lists else None, words=WordRules.from_params(params))

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, with the entry or words that it hit as detail; None: keep."""
        host = host_of(url)
        if not host:
            return Reason("malformed_url", excerpt(url))
        if entry := self._blacklist.domain(host):
            return Reason("blacklist_domain", entry)
        if entry := self._blacklist.url(url):
            return Reason("blacklist_url", entry)
        return self._words.reason(url)


def compiled_blacklist(params: UrlFilterParams, crawl: Path | None = None) -> Path | None:
    """The folder with the compiled lists that the parameters name; None: no lists."""
    if params.blacklist == "auto":
        source = crawl / "blacklist" if crawl and (crawl / "blacklist").is_dir() else None
    else:
        source = Path(params.blacklist) if params.blacklist else None
    return blacklists.compiled(source, params.categories) if source else None


@cache
def loaded_filter(params: str, lists: Path | None) -> UrlFilter:
    """One per process and parameters (JSON)."""
    return UrlFilter.load(UrlFilterParams.model_validate_json(params), lists)


def run(index: Path, crawl: Path, out: Path, params: UrlFilterParams, engine: EngineParams) -> dict:
    """Filter every shard of `index` into `out`: shard by shard, then duplicates over the whole crawl.

    EmptyCorpusError if nothing passes, InputError if a list is missing or can't be read.
    """
    lists = compiled_blacklist(params, crawl)
    WordRules.from_params(params)  # a missing list is an error here, not in a worker
    words = digest(sorted(Path(params.word_lists).glob("*.txt"))) if params.word_lists else None
    judged = run_shards(
        "url_filter.judged",
        partial(_judge_shard, params=params, lists=lists),
        {path.stem: path for path in shards(index)},
        engine=engine,
        params=[params.model_dump(mode="json"), lists and lists.name, words],
    )
    paths = [shard.folder / shard.name for shard in judged]
    (repeated,) = run_shards(
        "url_filter.repeated",
        partial(repeats.find, judged=paths),
        {"repeated": None},
        engine=engine,
        inputs=lambda _: [Path(f"{path}.keys.npy") for path in paths],
    )
    pairs = {path.name: (Path(f"{path}.parquet"), repeated.folder / f"{path.name}.parquet") for path in paths}
    results = run_shards("url_filter", repeats.split, pairs, engine=engine, inputs=list, out=out)
    counts = Counts.total(shard.result for shard in results).require_output("url_filter")
    return counts.as_dict() | {"blacklist": blacklists.categories_in_force(lists) if lists else {}}


def _judge_shard(source: Path, folder: Path, name: str, *, params: UrlFilterParams, lists: Path | None) -> dict:
    """The shard with reasons and details; and keys, uint64 [rows without a reason], that repeated URLs share."""
    urls = loaded_filter(params.model_dump_json(), lists)
    rows = read_table(source, INDEX_SCHEMA.names)
    fields = [rows[field].to_pylist() for field in ("url", "mime", "status")]
    reasons = [_reason(url or "", mime, status, params, urls) for url, mime, status in zip(*fields, strict=True)]
    details = [reason and reason.detail for reason in reasons]
    columns = [*rows.columns, pa.array(map(_label, reasons), pa.string()), pa.array(details, pa.string())]
    write_table(pa.table(columns, schema=REMOVED_SCHEMA), folder / f"{name}.parquet")
    kept = [url or "" for url, reason in zip(fields[0], reasons, strict=True) if reason is None]
    np.save(folder / f"{name}.keys.npy", hashes(map(normalised, kept if params.duplicate_urls else [])))
    return {"rows": len(rows)}


def _reason(url: str, mime: str | None, status: int | None, params: UrlFilterParams, urls: UrlFilter) -> Reason | None:
    if params.status_200_only and status != 200:
        return Reason("status", status, "is not", 200)
    if params.html_only and mime not in HTML:
        return Reason("not_html", mime or "no type")
    return urls.reason(url)


def _label(reason: Reason | None) -> str | None:
    return reason and str(reason)
