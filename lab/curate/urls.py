"""The url_filter stage: index rows less blocked, banned, repeated and non-HTML ones.

In: index shards. Out: the same schema; `removed/` has reason and detail too. Blacklists are in UT1's layout
(`<category>/{domains,urls}`), a folder or a .tar.gz; the order of rules is FineWeb's (Penedo et al. 2024).
"""

import ipaddress
import re
import tarfile
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa

from lab import engine
from lab.crawl.warc import INDEX_SCHEMA
from lab.documents import Counts, Reason, RowWriter, read_rows, shards
from lab.errors import InputError
from lab.params import EngineParams, UrlFilterParams

AUTO = Path("data/crawl/blacklist")
REMOVED_SCHEMA = INDEX_SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("detail", pa.string()))
BANNED = frozenset(
    [
        "porn",
        "porno",
        "pornhub",
        "xxx",
        "hentai",
        "milf",
        "blowjob",
        "gangbang",
        "bukkake",
        "camgirls",
        "creampie",
        "nsfw",
    ]
)
SOFT_BANNED = frozenset(
    [
        "sex",
        "sexy",
        "nude",
        "naked",
        "adult",
        "escort",
        "escorts",
        "fetish",
        "erotic",
        "teen",
        "webcam",
        "hot",
        "girls",
        "lesbian",
    ]
)
HTML = frozenset(["text/html", "application/xhtml+xml"])
_SESSION = frozenset(["phpsessid", "jsessionid", "sid", "sessionid", "session_id", "aspsessionid", "cfid", "cftoken"])
_JSESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_WORDS = re.compile(r"[a-z]+")
_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """The host as lists name it: lower case, punycode, no port, user or trailing dot; "" where there is none."""
    try:
        host = (urlsplit(url if "://" in url else f"http://{url}").hostname or "").rstrip(".")
        if ":" in host:
            return ipaddress.ip_address(host.partition("%")[0]).compressed
        return host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except ValueError:  # UnicodeError is one
        return ""


def normalised(url: str) -> str:
    """The URL that duplicates share: no fragment, session id, default port or user; scheme and host in lower case."""
    try:
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError:
        return url
    host = host_of(url)
    if not host:
        return url
    host = f"[{host}]" if ":" in host else host
    at = f":{port}" if port and port != _PORTS.get(scheme) else ""
    query = parts.query
    if any(name.lower() in _SESSION for name, _ in parse_qsl(query, keep_blank_values=True)):
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([pair for pair in pairs if pair[0].lower() not in _SESSION])
    path = _JSESSION.sub("", parts.path) or "/"
    return f"{scheme}://{host}{at}{path}" + (f"?{query}" if query else "")


def listed(url: str) -> str:
    """A URL as UT1's `urls` lists have it: host without www., path and query, no scheme."""
    rest = normalised(url).partition("://")[2]
    return rest.removeprefix("www.").rstrip("/")


class UrlFilter:
    """What a URL alone rules out. `domains` and `urls`: entry -> category."""

    def __init__(self, domains: dict[str, str], urls: dict[str, str], *, banned: bool = True, soft: bool = True):
        self.domains, self.urls, self.banned, self.soft = domains, urls, banned, soft

    @classmethod
    def from_params(cls, params: UrlFilterParams) -> "UrlFilter":
        source = params.blacklist
        if source == "auto":
            source = str(AUTO) if AUTO.is_dir() else None
        domains, urls = load_blacklist(source, params.categories) if source else ({}, {})
        return cls(domains, urls, banned=params.banned_words, soft=params.soft_banned_words)

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, the entry or words that it hit as detail; None: keep."""
        host = host_of(url)
        if not host:
            return Reason("malformed_url")
        name = host
        while name:
            if category := self.domains.get(name):
                return Reason("blacklist_domain", f"{name} ({category})")
            name = name.partition(".")[2]
        if self.urls and (category := self.urls.get(listed(url))):
            return Reason("blacklist_url", f"{listed(url)} ({category})")
        if self.banned or self.soft:
            words = _WORDS.findall(url.lower())
            if self.banned and (hit := next((word for word in words if word in BANNED), None)):
                return Reason("banned_word", hit)
            hits = [word for word in words if word in SOFT_BANNED] if self.soft else []
            if len(hits) >= 2:
                return Reason("soft_banned_words", ", ".join(hits))
        return None


def load_blacklist(source: str, categories: list[str] | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """(domains, urls), each entry -> category. InputError where there is no such list or category."""
    domains: dict[str, str] = {}
    urls: dict[str, str] = {}
    seen = set()
    for category, kind, lines in _lists(Path(source)):
        seen.add(category)
        if categories is not None and category not in categories:
            continue
        for line in lines:
            entry = line.decode("utf-8", "replace").strip()
            if not entry or entry.startswith("#"):
                continue
            if kind == "urls":
                urls.setdefault(listed(f"http://{entry}"), category)
            else:
                domains.setdefault(entry.lower().rstrip(".") if entry.isascii() else host_of(entry), category)
    if missing := sorted(set(categories or []) - seen):
        raise InputError(f"{source}: no category {', '.join(missing)}. It has: {', '.join(sorted(seen)) or 'none'}.")
    if not seen:
        raise InputError(f"{source}: no <category>/domains or <category>/urls in it. Correct url_filter.blacklist.")
    return domains, urls


def _lists(source: Path) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.name in ("domains", "urls") and path.is_file():
                yield path.parent.name, path.name, path.read_bytes().splitlines()
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                parts = Path(member.name).parts
                if len(parts) > 1 and parts[-1] in ("domains", "urls") and member.isfile():
                    yield parts[-2], parts[-1], archive.extractfile(member).read().splitlines()
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{source}: not a blacklist folder or .tar.gz ({error}). Set url_filter.blacklist.") from None


_filter = cache(lambda text: UrlFilter.from_params(UrlFilterParams.model_validate_json(text)))


def row_reason(row: dict, params: UrlFilterParams, urls: UrlFilter) -> Reason | None:
    if params.status_200_only and row["status"] != 200:
        return Reason("status", row["status"], "is not", 200)
    if params.html_only and row["mime"] not in HTML:
        return Reason("not_html", row["mime"] or "no type")
    return urls.reason(row["url"])


def filter_index(source: Path, out: Path, params: UrlFilterParams, engine_params: EngineParams) -> Counts:
    """Filter every index shard of `source` into `out`: shard by shard, then duplicates over the whole crawl."""
    found = engine.run(
        "url_filter",
        partial(_filter_shard, params=params),
        {path.stem: path for path in shards(source)},
        engine=engine_params,
        params=params,
        inputs=lambda path: [path, *_blacklist_files(params)],
    )
    first: dict[str, str] = {}
    total = []
    # The shards are gone through in order, so the first of a URL is the same whatever the number of workers.
    for shard in found:
        total.append(_without_duplicates(shard, out, params, first))
    return Counts.total(total).require_output("url_filter")


def _blacklist_files(params: UrlFilterParams) -> list[Path]:
    source = AUTO if params.blacklist == "auto" else Path(params.blacklist or "")
    if source.is_file():
        return [source]
    return sorted(p for p in source.rglob("*") if p.name in ("domains", "urls")) if params.blacklist else []


def _filter_shard(source: Path, folder: Path, name: str, *, params: UrlFilterParams) -> dict:
    urls = _filter(params.model_dump_json())
    counts = Counts()
    with RowWriter(folder / f"{name}.parquet", REMOVED_SCHEMA) as judged:
        for row in read_rows(source):
            reason = row_reason(row, params, urls)
            judged.write(row, reason=reason and str(reason), detail=reason and reason.detail)
            counts.documents_in += 1
    return {"rows": counts.documents_in}


def _without_duplicates(shard: engine.Shard, out: Path, params: UrlFilterParams, first: dict[str, str]) -> Counts:
    counts = Counts()
    with (
        RowWriter(out / f"{shard.name}.parquet", INDEX_SCHEMA) as kept,
        RowWriter(out / "removed" / f"{shard.name}.parquet", REMOVED_SCHEMA) as removed,
    ):
        for row in read_rows(shard.folder / f"{shard.name}.parquet"):
            size = max(row["length"], 0)
            counts.documents_in += 1
            counts.bytes_in += size
            reason, detail = row.pop("reason"), row.pop("detail")
            if reason is None and params.duplicate_urls:
                key = normalised(row["url"])
                if key in first:
                    reason, detail = "duplicate_url", first[key]
                else:
                    first[key] = row["url"]
            if reason is None:
                kept.write(row)
                counts.documents_out += 1
                counts.bytes_out += size
            else:
                removed.write(row, reason=reason, detail=detail)
                counts.remove(reason)
    return counts
