"""The url_filter stage: index rows less blocked, banned, repeated and non-HTML ones.

In: index shards. Out: the same schema; `removed/` has reason and detail too. The order of rules is FineWeb's (Penedo et
al. 2024): listed hosts, listed URLs, words. Unlike datatrove's filter, ours sees through other spellings of a listed
host (upper case, Unicode, IP addresses) and finds hosts below a listed one at any depth.

Memory grows by 24 bytes a row that is kept: the hashes of URLs by which repeated ones are found.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab import engine
from lab.crawl.index import INDEX_SCHEMA
from lab.curate.excerpt import excerpt
from lab.curate.urls import blacklist
from lab.curate.urls import repeats as url_repeats
from lab.curate.urls.blacklist import Blacklist
from lab.curate.urls.repeats import REMOVED_SCHEMA
from lab.curate.urls.spelling import Batch, host_of, listed, normalised, string_array
from lab.curate.urls.words import BANNED, BANNED_SUBWORDS, SOFT_BANNED, WordRules
from lab.documents import Counts, Reason, read_table, shards, write_table
from lab.params import EngineParams, UrlFilterParams

__all__ = ["UrlFilter", "filter_index", "host_of", "listed", "normalised"]

AUTO = Path("data/crawl/blacklist")
HTML = pa.array(["text/html", "application/xhtml+xml"])
_BATCH = 1 << 13  # URLs judged at a time: their arrays stay in a processor's cache


class UrlFilter:
    """What a URL alone rules out. `blacklist`: compiled lists; or `domains` and `urls` as entry -> category."""

    def __init__(
        self,
        domains: Mapping[str, str] | Blacklist | None = None,
        urls: Mapping[str, str] | None = None,
        *,
        banned: bool = True,
        soft: bool = True,
        subwords: bool = True,
        words: WordRules | None = None,
    ):
        self._lists = domains if isinstance(domains, Blacklist) else Blacklist.of(domains or {}, urls or {})
        lists = ((BANNED, banned), (SOFT_BANNED, soft), (BANNED_SUBWORDS, subwords))
        self._words = words or WordRules(*(entries if used else () for entries, used in lists))

    @classmethod
    def from_params(cls, params: UrlFilterParams) -> "UrlFilter":
        """InputError where a list of the parameters is missing or can't be read."""
        folder = compiled_blacklist(params)
        return cls(Blacklist.load(folder) if folder else None, words=WordRules.from_params(params))

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, the entry or words that it hit as detail; None: keep. For many, `reasons`."""
        return self.reasons([url])[0]

    def reasons(self, urls: Sequence[str] | pa.StringArray) -> list[Reason | None]:
        """The reason of each URL, batch by batch; several hundred thousand URLs a second."""
        array = urls if isinstance(urls, pa.StringArray) else string_array(list(urls))
        return [
            reason
            for start in range(0, len(array), _BATCH)
            for reason in self.judge(array.slice(start, _BATCH), Batch(array.slice(start, _BATCH)))
        ]

    def judge(self, urls: pa.StringArray, batch: Batch) -> list[Reason | None]:
        """The reason of each URL; `batch`: the same URLs."""
        result: list[Reason | None] = [None] * len(urls)
        starts, ends = batch.host
        for row in np.flatnonzero(starts == ends).tolist():
            result[row] = Reason("malformed_url", excerpt(urls[row].as_py() or ""))
        rows, begins = batch.parents
        found = self._lists.domains.find(batch.spans.hashes(begins, ends[rows]))
        for hit in np.flatnonzero(found >= 0).tolist():
            row = int(rows[hit])
            if result[row] is None:
                name = batch.spans.text(begins[hit], ends[row])
                result[row] = Reason("blacklist_domain", f"{name} ({self._lists.categories[found[hit]]})")
        if len(self._lists.urls.hashes):
            found = self._lists.urls.find(batch.spans.hashes(*batch.listed))
            for row in np.flatnonzero(found >= 0).tolist():
                if result[row] is None:
                    entry = batch.spans.text(batch.listed[0][row], batch.listed[1][row])
                    result[row] = Reason("blacklist_url", f"{entry} ({self._lists.categories[found[row]]})")
        suspects = [row for row in np.flatnonzero(self._words.suspects(urls)).tolist() if result[row] is None]
        for row, url in zip(suspects, urls.take(pa.array(suspects, pa.int64())).to_pylist(), strict=True):
            result[row] = self._words.reason(url)
        return result


def compiled_blacklist(params: UrlFilterParams) -> Path | None:
    """The folder with the compiled lists that the parameters name; None: no lists."""
    source = Path(params.blacklist) if params.blacklist else None
    if params.blacklist == "auto":
        source = AUTO if AUTO.is_dir() else None
    return blacklist.compiled(source, params.categories) if source else None


loaded_filter = cache(lambda text: UrlFilter.from_params(UrlFilterParams.model_validate_json(text)))


def filter_index(source: Path, out: Path, params: UrlFilterParams, engine_params: EngineParams) -> Counts:
    """Filter every index shard of `source` into `out`: shard by shard, then duplicates over the whole crawl."""
    lists = compiled_blacklist(params)  # here, so that the workers find it made
    WordRules.from_params(params)
    run = partial(engine.run, engine=engine_params)
    sources = {path.stem: path for path in shards(source)}
    judged = run(
        "url_filter.judged",
        partial(_judge_shard, params=params),
        sources,
        params=[params.model_dump(mode="json"), lists and lists.name, _word_lists(params)],
    )
    folders = [shard.folder / shard.name for shard in judged]
    keys = [Path(f"{folder}.keys.npy") for folder in folders]
    find = partial(url_repeats.find, judged=folders)
    (repeated,) = run("url_filter.repeated", find, {"repeated": None}, inputs=lambda _: keys)
    items = {
        shard.name: (shard.folder / f"{shard.name}.parquet", repeated.folder / f"{shard.name}.parquet")
        for shard in judged
    }
    found = run("url_filter", url_repeats.split, items, inputs=list, out=out)
    return Counts.total(shard.result for shard in found).require_output("url_filter")


def _word_lists(params: UrlFilterParams) -> str | None:
    return engine.digest(sorted(Path(params.word_lists).glob("*.txt"))) if params.word_lists else None


def _judge_shard(source: Path, folder: Path, name: str, *, params: UrlFilterParams) -> dict:
    """The shard with reasons and details; and keys, uint64 [rows without a reason], that repeated URLs share."""
    urls = loaded_filter(params.model_dump_json())
    rows = read_table(source, INDEX_SCHEMA.names)
    parts = [_judge(batch, params, urls) for batch in rows.combine_chunks().to_batches(max_chunksize=_BATCH)]
    write_table(pa.Table.from_batches([part for part, _ in parts], REMOVED_SCHEMA), folder / f"{name}.parquet")
    np.save(folder / f"{name}.keys.npy", np.concatenate([np.zeros(0, np.uint64), *(keys for _, keys in parts)]))
    return {"rows": len(rows)}


def _judge(rows: pa.RecordBatch, params: UrlFilterParams, urls: UrlFilter) -> tuple[pa.RecordBatch, np.ndarray]:
    batch = Batch(rows["url"])
    reasons = urls.judge(rows["url"], batch)
    if params.html_only:
        for row in _where_not(pc.is_in(rows["mime"], HTML)):
            reasons[row] = Reason("not_html", rows["mime"][row].as_py() or "no type")
    if params.status_200_only:
        for row in _where_not(pc.equal(rows["status"], 200)):
            reasons[row] = Reason("status", rows["status"][row].as_py(), "is not", 200)
    columns = [
        *rows.columns,
        pa.array([reason and str(reason) for reason in reasons], pa.string()),
        pa.array([reason and reason.detail for reason in reasons], pa.string()),
    ]
    kept = np.array([reason is None and params.duplicate_urls for reason in reasons], bool)
    return pa.RecordBatch.from_arrays(columns, schema=REMOVED_SCHEMA), batch.spans.hashes(*batch.normal)[kept]


def _where_not(good: pa.BooleanArray) -> list[int]:
    return np.flatnonzero(~good.fill_null(False).to_numpy(zero_copy_only=False)).tolist()
