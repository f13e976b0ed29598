"""The spelling of URLs: the host as lists name it, the normal form, the form in UT1's `urls` lists, and their hashes.

In: URLs in any spelling. Out: hosts in lower case and punycode (IDNA 2003) without port, user and trailing dot; IPv6
compressed (RFC 5952); normal forms that duplicates share; 64 bits for each text.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus, urlsplit

import numpy as np

from lab.documents import text_digest

_SESSION_NAMES = r"phpsessid|jsessionid|sessionid|session_id|aspsessionid[a-z]{8}|cfid|cftoken"
# Query fields that name a visit. Of `sid` only phpBB's: elsewhere it may be the number of a story.
_SESSION = re.compile(rf"(?:{_SESSION_NAMES})(?:=.*)?|sid=[0-9a-f]{{32}}", re.IGNORECASE | re.DOTALL)
_JSESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_NO_HOST = re.compile(r"[\x00-\x20%/:?#@\[\]\\\x7f]")  # characters that a host can't have
_QUERY = re.compile(r"[?#]")
_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """The host as lists name it: lower case, punycode, no port, user or trailing dot; "" if there is none."""
    url = _slashed(url)
    try:
        host = (urlsplit(url if "://" in url else f"http://{url}").hostname or "").rstrip(".")
        if ":" in host:
            return ipaddress.ip_address(host.partition("%")[0]).compressed
        if "%" in host and not _NO_HOST.search(plain := unquote(host)):
            host = plain.lower().rstrip(".")
        return host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except ValueError:  # includes UnicodeError
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


def listed(url: str) -> str:
    """A URL as UT1's `urls` lists have it: host without www., path and query, no scheme, no slash at the end."""
    rest = normalised(url).partition("://")[2]
    return rest.removeprefix("www.").rstrip("/")


def hashes(texts: Iterable[str]) -> np.ndarray:
    """64 bits of BLAKE2b (RFC 7693) for each text, uint64 [texts]; the same on every machine."""
    return np.frombuffer(b"".join(map(text_digest, texts)), "<u8")


def _slashed(url: str) -> str:
    """Backslashes before the query replaced by slashes, as browsers read them."""
    if "\\" not in url:
        return url
    address = _QUERY.split(url, maxsplit=1)[0]
    return address.replace("\\", "/") + url[len(address) :]
