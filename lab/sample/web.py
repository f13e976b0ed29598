"""What the sample web is made of: a page, how its server delivers it, and the HTTP messages that result.

In: a Page and its HTML. Out: a Capture for lab.sample.warc_writer. HTTP/1.1 as RFC 9112 has it.
"""

import base64
import gzip
import random
from dataclasses import asdict, dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from lab.sample.warc_writer import Capture

USER_AGENT = "Mozilla/5.0 (compatible; pretraining-lab-sample/1.0; a crawler of a web that does not exist)"
SERVERS = ["nginx", "Apache/2.4.58 (Unix)", "nginx/1.24.0", "Apache", "cloudfront-like", "lighttpd/1.4.73", "Caddy"]


@dataclass(frozen=True)
class Delivery:
    """How a server hands a page over: the honest default, or one of the web's many odd ways."""

    status: int = 200
    content_type: str | None = "text/html; charset=utf-8"
    codec: str = "utf-8"  # that the text is really encoded with
    meta_charset: str | None = "utf-8"  # that the HTML claims
    gzip: bool = False
    chunked: bool = False
    cut_after: str | None = None  # the connection broke right behind this text
    location: str | None = None
    raw: str | None = None  # base64 of a body that is no page
    damage: str | None = None  # of the WARC record: see warc_writer.damaged


@dataclass(frozen=True)
class Page:
    """What a site has to say under one address, before it is dressed as that site's HTML."""

    url: str
    title: str
    body: str  # HTML of the article itself
    date: str = ""  # of publication, as the page shows it
    author: str = ""
    section: str = ""
    language: str = "en"
    related: list[list[str]] = field(default_factory=list)  # [title, url]
    dressed_as: str = ""  # the address whose dress it wears: a mirror's original. Empty: its own
    delivery: Delivery = Delivery()

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Page":
        return cls(**{**values, "delivery": Delivery(**values["delivery"])})


def generator(*names: object) -> random.Random:
    """A random generator for one purpose: the same names, the same numbers, on every machine."""
    return random.Random("\x1f".join(map(str, names)))


def address(host: str) -> str:
    """An IP address for a host, out of the blocks that RFC 5737 keeps for documentation."""
    chance = generator("address", host)
    return f"{chance.choice(['192.0.2', '198.51.100', '203.0.113'])}.{chance.randint(1, 254)}"


def wire_body(page: Page, html: str) -> bytes:
    """The body as it goes over the wire: encoded, cut, compressed, chunked."""
    how = page.delivery
    if how.cut_after:
        html = html[: html.index(how.cut_after) + len(how.cut_after)]
    if how.codec.startswith("utf-16"):
        html = "\ufeff" + html
    body = base64.b64decode(how.raw) if how.raw is not None else html.encode(how.codec, "xmlcharrefreplace")
    if how.gzip:
        body = gzip.compress(body, 6, mtime=0)
    if how.chunked:
        size = 4096
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return body


def http_head(page: Page, body: bytes, date: str) -> bytes:
    """Status line and headers, blank line included."""
    how, chance = page.delivery, generator("server", page.host)
    lines = [f"HTTP/1.1 {how.status} {HTTPStatus(how.status).phrase}", f"Date: {_http_date(date)}"]
    lines.append(f"Server: {chance.choice(SERVERS)}")
    if how.content_type is not None:
        lines.append(f"Content-Type: {how.content_type}")
    if how.location:
        lines.append(f"Location: {how.location}")
    if how.gzip:
        lines += ["Content-Encoding: gzip", "Vary: Accept-Encoding"]
    lines.append("Transfer-Encoding: chunked" if how.chunked else f"Content-Length: {len(body)}")
    if chance.random() < 0.4:
        lines.append("Cache-Control: public, max-age=3600")
    if chance.random() < 0.3:
        lines += ["X-Content-Type-Options: nosniff", "X-Frame-Options: SAMEORIGIN"]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def capture(page: Page, html: str, date: str) -> Capture:
    """What the crawler recorded of one fetch at `date` (ISO 8601, UTC)."""
    body, chance = wire_body(page, html), generator("fetch", page.url)
    split = urlsplit(page.url)
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {split.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.5\r\nAccept-Encoding: gzip\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nConnection: close\r\n\r\n"
    )
    notes = [("fetchTimeMs", str(chance.randint(20, 900))), ("hopsFromSeed", "L" * chance.randint(0, 4))]
    notes += [("outlink", f"{url} L a/@href") for _, url in page.related[:3]]
    head = http_head(page, body, date)
    return Capture(page.url, date, address(page.host), request.encode("ascii"), head, body, tuple(notes))


_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _http_date(date: str) -> str:
    # By hand: strftime's names follow the machine's locale.
    moment = datetime.fromisoformat(date.replace("Z", "+00:00"))
    clock = moment.strftime("%H:%M:%S")
    return f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year} {clock} GMT"
