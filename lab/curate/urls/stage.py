"""The url_filter stage: the index without rows that are blocked, banned, repeated or not HTML.

In: index shards, and the crawl's blacklist. Out: the same schema; `removed/` has reason and detail too. The order of
rules is FineWeb's (Penedo et al. 2024): listed hosts, listed URLs, words. Unlike datatrove's filter, this one
recognises other spellings of a listed host (upper case, Unicode, IP addresses) and hosts at any depth below it.

Memory grows by 24 bytes per kept row: the hashes of URLs by which repeated ones are found.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import dataset

from lab.crawl.index import INDEX_SCHEMA
from lab.curate.urls.blacklist import Blacklist, compiled
from lab.curate.urls.spelling import hashes, host_of, normalised
from lab.curate.urls.words import WordRules
from lab.documents import Counts, Reason, excerpt, read_table, shards, write_table
from lab.engine import digest
from lab.engine import run as run_shards
from lab.params import EngineParams, UrlFilterParams

HTML = ("text/html", "application/xhtml+xml")
REMOVED_SCHEMA = INDEX_SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("detail", pa.string()))
REPEATED_SCHEMA = pa.schema([("row", pa.int64()), ("url", pa.string())])


class UrlFilter:
    """What a URL alone rules out."""

    def __init__(self, blacklist: Blacklist | None, words: WordRules):
        self._blacklist, self._words = blacklist, words

    @classmethod
    def from_params(cls, params: UrlFilterParams) -> "UrlFilter":
        """InputError if a list is missing or can't be read."""
        return cls.load(params, compiled_blacklist(params))

    @classmethod
    def load(cls, params: UrlFilterParams, lists: Path | None) -> "UrlFilter":
        """With the compiled blacklist in the folder `lists`, instead of the one that the parameters name."""
        return cls(Blacklist.load(lists) if lists else None, WordRules(params))

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, with the entry or words that it hit as detail; None: keep."""
        host = host_of(url)
        if not host:
            return Reason("malformed_url", excerpt(url))
        if self._blacklist and (entry := self._blacklist.domain(host)):
            return Reason("blacklist_domain", entry)
        if self._blacklist and (entry := self._blacklist.url(url)):
            return Reason("blacklist_url", entry)
        return self._words.reason(url)


def compiled_blacklist(params: UrlFilterParams, crawl: Path | None = None) -> Path | None:
    """The folder with the compiled lists that the parameters name; None: no lists. `auto` is a folder in `crawl`."""
    if params.blacklist == "auto":
        source = crawl / "blacklist" if crawl and (crawl / "blacklist").is_dir() else None
    else:
        source = Path(params.blacklist) if params.blacklist else None
    return compiled(source, params.categories) if source else None


@cache
def loaded_filter(params: str, lists: Path | None) -> UrlFilter:
    """One per process and parameters (JSON)."""
    return UrlFilter.load(UrlFilterParams.model_validate_json(params), lists)


def run(index: Path, crawl: Path, out: Path, params: UrlFilterParams, engine: EngineParams) -> dict:
    """Filter every shard of `index` into `out`: shard by shard, then duplicates over the whole crawl.

    EmptyCorpusError if nothing passes, InputError if a list is missing or can't be read.
    """
    lists = compiled_blacklist(params, crawl)
    WordRules(params)  # a missing list is an error here, not in a worker
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
        partial(_find_repeated, judged=paths),
        {"repeated": None},
        engine=engine,
        inputs=lambda _: [Path(f"{path}.keys.npy") for path in paths],
    )
    pairs = {path.name: (Path(f"{path}.parquet"), repeated.folder / f"{path.name}.parquet") for path in paths}
    results = run_shards("url_filter", _split_shard, pairs, engine=engine, inputs=list, out=out)
    counts = Counts.total(shard.result for shard in results).require_output("url_filter")
    return counts.as_dict() | {"blacklist": Blacklist.load(lists).categories if lists else {}}


def _judge_shard(source: Path, folder: Path, name: str, *, params: UrlFilterParams, lists: Path | None) -> dict:
    """The shard with reasons and details; and keys, uint64 [rows without a reason], that repeated URLs share."""
    urls = loaded_filter(params.model_dump_json(), lists)
    rows = read_table(source, INDEX_SCHEMA.names)
    fields = [rows[field].to_pylist() for field in ("url", "mime", "status")]
    reasons = [_reason(url or "", mime, status, params, urls) for url, mime, status in zip(*fields, strict=True)]
    details = [reason and reason.detail for reason in reasons]
    write_table(_with_reasons(rows, reasons, details), folder / f"{name}.parquet")
    kept = [url or "" for url, reason in zip(fields[0], reasons, strict=True) if reason is None]
    np.save(folder / f"{name}.keys.npy", hashes(map(normalised, kept if params.duplicate_urls else [])))
    return {"rows": len(rows)}


def _reason(url: str, mime: str | None, status: int | None, params: UrlFilterParams, urls: UrlFilter) -> Reason | None:
    if params.status_200_only and status != 200:
        return Reason("status", status, "is not", 200)
    if params.html_only and mime not in HTML:
        return Reason("not_html", mime or "no type")
    return urls.reason(url)


def _with_reasons(rows: pa.Table, reasons: list[str | None], details: list[str | None]) -> pa.Table:
    columns = [*rows.columns, pa.array(reasons, pa.string()), pa.array(details, pa.string())]
    return pa.table(columns, schema=REMOVED_SCHEMA)


def _find_repeated(_: None, folder: Path, name: str, *, judged: Sequence[Path]) -> dict:
    """A table per shard of its repeated rows: `row`, counted among those without a reason, and the first one's `url`.

    `judged`: the shards' paths, without their suffixes .parquet and .keys.npy.
    """
    keys = [np.load(f"{path}.keys.npy") for path in judged]
    first, groups = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)[1:]
    first = first[groups]
    repeated = np.flatnonzero(first != np.arange(len(first)))  # counted through all shards
    candidates = dataset([f"{path}.parquet" for path in judged])
    no_reason = pc.field("reason").is_null()
    urls = candidates.take(pa.array(first[repeated]), columns=["url"], filter=no_reason)["url"].to_pylist()
    starts = np.cumsum([0, *map(len, keys)])
    bounds = np.searchsorted(repeated, starts)
    for path, start, begin, end in zip(judged, starts[:-1], bounds[:-1], bounds[1:], strict=True):
        table = pa.table([repeated[begin:end] - start, urls[begin:end]], schema=REPEATED_SCHEMA)
        write_table(table, folder / f"{path.name}.parquet")
    return {"repeated": len(repeated)}


def _split_shard(item: tuple[Path, Path], folder: Path, name: str) -> dict:
    """Write the kept rows of a judged shard, and the removed ones, among them those of `_find_repeated`'s table."""
    rows, repeated = read_table(item[0]), read_table(item[1])
    reasons, details = rows["reason"].to_pylist(), rows["detail"].to_pylist()
    candidates = [row for row, reason in enumerate(reasons) if reason is None]
    for row, url in zip(repeated["row"].to_pylist(), repeated["url"].to_pylist(), strict=True):
        reasons[candidates[row]], details[candidates[row]] = "duplicate_url", url
    index = rows.select(INDEX_SCHEMA.names)
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    kept = index.filter(keep)
    write_table(kept, folder / f"{name}.parquet")
    removed = _with_reasons(index, reasons, details).filter(pc.invert(keep))
    write_table(removed, folder / "removed" / f"{name}.parquet")
    reasons = dict(Counter(removed["reason"].to_pylist()))
    return Counts(len(rows), len(kept), _bytes(index), _bytes(kept), reasons).as_dict()


def _bytes(rows: pa.Table) -> int:
    return pc.sum(pc.max_element_wise(rows["length"], 0)).as_py() or 0
