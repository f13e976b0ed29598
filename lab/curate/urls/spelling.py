"""How a URL is written, taken away: its host as lists name it, its normal form, its form in UT1's `urls` lists.

In: URLs in any spelling. Out: hosts in lower case and punycode (IDNA 2003) without port, user and trailing dot; IPv6
compressed (RFC 5952); normal forms that duplicates share. `Batch` does it for many URLs at once, as spans of one buffer
of bytes: most URLs of a crawl are in normal form already, and only the others go through the functions one by one.
"""

import ipaddress
import re
from functools import cached_property
from urllib.parse import unquote, unquote_plus, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.curate.urls.spans import Spans

_SESSION_NAMES = r"phpsessid|jsessionid|sessionid|session_id|aspsessionid[a-z]{8}|cfid|cftoken"
# Fields of a query that name a visit. Of `sid` only phpBB's: elsewhere it may be the story's number.
_SESSION = re.compile(rf"(?:{_SESSION_NAMES})(?:=.*)?|sid=[0-9a-f]{{32}}", re.IGNORECASE | re.DOTALL)
_JSESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_NO_HOST = re.compile(r"[\x00-\x20%/:?#@\[\]\\\x7f]")  # characters that a host can't have
_QUERY = re.compile(r"[?#]")
_PORTS = {"http": 80, "https": 443}

# A URL whose normal form is itself, less the fragment. Names of query fields are free of escapes: `_HAS_SESSION`
# sees them as they are.
_PLAIN = (
    r"^https?://(?:[0-9a-z_-]+\.)*[0-9a-z_-]+/[!-\"$->@-~]*"
    r"(?:\?(?:[!-\"$',-<>-~()*]+(?:=[!-\"$-%'-~]*)?|=[!-\"$-%'-~]*)"
    r"(?:&[!-\"$',-<>-~()*]*(?:=[!-\"$-%'-~]*)?)*)?(?:#[!-~]*)?$"
)
_HOME = r"^https?://(?:[0-9a-z_-]+\.)*[0-9a-z_-]+$"  # lacks only the path's slash
_HAS_SESSION = rf"(?i);jsessionid=|[?&](?:{_SESSION_NAMES}|sid)(?:[=&]|$)"  # or may have
_DOT, _SLASH, _S, _FRAGMENT = b"./s#"
_WWW = np.frombuffer(b"www.", np.uint8)


def host_of(url: str) -> str:
    """The host as lists name it: lower case, punycode, no port, user or trailing dot; "" where there is none."""
    url = _slashed(url)
    try:
        host = (urlsplit(url if "://" in url else f"http://{url}").hostname or "").rstrip(".")
        if ":" in host:
            return ipaddress.ip_address(host.partition("%")[0]).compressed
        if "%" in host and not _NO_HOST.search(plain := unquote(host)):
            host = plain.lower().rstrip(".")
        return host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except ValueError:  # UnicodeError is one
        return ""


def normalised(url: str) -> str:
    """The URL that duplicates share: no fragment, session id, default port or user; scheme and host in lower case."""
    url = _slashed(url)
    try:
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError:
        return url
    host = host_of(url)
    if not host or not parts.netloc:
        return url
    host = f"[{host}]" if ":" in host else host
    at = f":{port}" if port and port != _PORTS.get(scheme) else ""
    query = "&".join(field for field in parts.query.split("&") if not _SESSION.fullmatch(unquote_plus(field)))
    path = _JSESSION.sub("", parts.path) or "/"
    return f"{scheme}://{host}{at}{path}" + (f"?{query}" if query else "")


def _slashed(url: str) -> str:
    """With backslashes before the query as slashes, which is how browsers read them."""
    if "\\" not in url:
        return url
    end = found.start() if (found := _QUERY.search(url)) else len(url)
    return url[:end].replace("\\", "/") + url[end:]


def listed(url: str) -> str:
    """A URL as UT1's `urls` lists have it: host without www., path and query, no scheme and no slash at the end."""
    rest = normalised(url).partition("://")[2]
    return rest.removeprefix("www.").rstrip("/")


class Batch:
    """Many URLs in normal form, as spans of one buffer of bytes.

    `host` [urls] (empty: the URL has none), `normal` [urls] and `listed` [urls] are pairs of starts and ends, int64;
    their hashes are `spans.hashes(*batch.host)` and so on.
    """

    def __init__(self, urls: pa.StringArray):
        odd = pc.or_(pc.invert(pc.match_substring_regex(urls, _PLAIN)), pc.match_substring_regex(urls, _HAS_SESSION))
        home = pc.and_(odd, pc.match_substring_regex(urls, _HOME))
        urls = pc.replace_with_mask(urls, home, pc.binary_join_element_wise(urls.filter(home), "/", ""))
        odd = pc.and_not(odd, home)
        rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
        hosts, normals = [], []
        for url in urls.take(pa.array(rows)).to_pylist():
            hosts.append(host_of(url))
            normals.append(normalised(url))
        texts = [f"{host}\n{normal}" for host, normal in zip(hosts, normals, strict=True)]
        self.spans, starts, ends = Spans.of(pc.replace_with_mask(urls, odd, string_array(texts)))
        behind_scheme = starts + len("http://")
        behind_scheme += self.spans.bytes[np.minimum(starts + len("http"), len(self.spans.bytes) - 1)] == _S
        host_starts, normal_starts, listed_starts = behind_scheme.copy(), starts.copy(), behind_scheme.copy()
        host_ends = self.spans.next(_SLASH, host_starts)
        normal_ends = np.minimum(ends, self.spans.next(_FRAGMENT, starts))
        # What an odd URL is in the buffer: its host, a newline, its normal form.
        lengths = np.array([len(host.encode()) for host in hosts], np.int64)
        schemes = [normal.partition("://") for normal in normals]
        before = [len((scheme + mark).encode()) if mark else -1 for scheme, mark, _ in schemes]
        host_starts[rows], host_ends[rows] = starts[rows], starts[rows] + lengths
        normal_starts[rows], normal_ends[rows] = host_ends[rows] + 1, ends[rows]
        offsets = np.array(before, np.int64)
        listed_starts[rows] = np.where(offsets < 0, ends[rows], normal_starts[rows] + offsets)
        self.host = host_starts, host_ends
        self.normal = normal_starts, normal_ends
        self._listed_starts = listed_starts

    @cached_property
    def listed(self) -> tuple[np.ndarray, np.ndarray]:
        starts, ends = self._listed_starts.copy(), self.normal[1].copy()
        starts[self.spans.starts_with(starts, ends, _WWW)] += len(_WWW)
        while len(slash := np.flatnonzero((ends > starts) & (self.spans.bytes[ends - 1] == _SLASH))):
            ends[slash] -= 1
        return starts, ends

    @cached_property
    def parents(self) -> tuple[np.ndarray, np.ndarray]:
        """Each URL's host and the hosts above it, the longest first: rows [hosts] of the URLs, and starts [hosts];
        all end where the row's host ends."""
        starts, ends = self.host
        dots = np.flatnonzero(self.spans.bytes == _DOT)
        rows = np.searchsorted(starts, dots, side="right") - 1
        inside = (rows >= 0) & (dots < ends[rows])
        hosts = np.flatnonzero(ends > starts)
        rows = np.concatenate([hosts, rows[inside]])
        begins = np.concatenate([starts[hosts], dots[inside] + 1])
        order = np.argsort(begins, kind="stable")
        return rows[order], begins[order]


def string_array(texts: list[str]) -> pa.StringArray:
    """The texts in Arrow; halves of surrogate pairs, which UTF-8 can't hold, as question marks."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())
