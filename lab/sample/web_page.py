"""A page of the sample web, how its server delivers it, and the HTTP messages that result.

In: a WebPage and its HTML. Out: a Capture for lab.sample.warc_writer. HTTP/1.1 as in RFC 9112.
"""

import base64
import gzip
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from random import Random
from urllib.parse import urlsplit

from lab.sample.warc_writer import Capture

USER_AGENT = "Mozilla/5.0 (compatible; pretraining-lab-sample/1.0; a crawler of a web that does not exist)"
SERVERS = ["nginx", "Apache/2.4.58 (Unix)", "nginx/1.24.0", "Apache", "cloudfront-like", "lighttpd/1.4.73", "Caddy"]


@dataclass(frozen=True)
class Delivery:
    """How a server sends a page: correctly (the default), or in one of the web's many odd ways."""

    status: int = 200
    content_type: str | None = "text/html; charset=utf-8"
    codec: str = "utf-8"  # of the body's bytes
    meta_charset: str | None = "utf-8"  # that the HTML declares
    gzip: bool = False
    chunked: bool = False
    cut_after: str | None = None  # the connection broke right after this text
    location: str | None = None
    raw: str | None = None  # base64 of a body that is not this page's HTML
    damage: str | None = None  # of the WARC record: see warc_writer.damaged


@dataclass(frozen=True)
class WebPage:
    """What a site publishes under one address, before lab.sample.dress makes it that site's HTML."""

    url: str
    title: str
    body: str  # HTML of the article itself
    date: str = ""  # of publication, as the page shows it
    author: str = ""
    section: str = ""
    language: str = "en"
    related: list[list[str]] = field(default_factory=list)  # [title, url]
    dressed_as: str = ""  # the address whose look it has: a mirror's original. Empty: its own
    delivery: Delivery = Delivery()

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "WebPage":
        return cls(**{**values, "delivery": Delivery(**values["delivery"])})


def random_for(*names: object) -> Random:
    """A random generator for one purpose: the same names give the same numbers on every machine."""
    return Random("\x1f".join(map(str, names)))


def address(host: str) -> str:
    """An IP address for a host, from the blocks that RFC 5737 reserves for documentation."""
    random = random_for("address", host)
    return f"{random.choice(['192.0.2', '198.51.100', '203.0.113'])}.{random.randint(1, 254)}"


def wire_body(page: WebPage, html: str) -> bytes:
    """The body as it is sent: cut, encoded, compressed, chunked."""
    delivery = page.delivery
    if delivery.cut_after:
        html = html[: html.index(delivery.cut_after) + len(delivery.cut_after)]
    if delivery.codec.startswith("utf-16"):
        html = "\ufeff" + html
    raw = delivery.raw
    body = html.encode(delivery.codec, "xmlcharrefreplace") if raw is None else base64.b64decode(raw)
    if delivery.gzip:
        body = gzip.compress(body, 6, mtime=0)
    if delivery.chunked:
        size = 4096
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return body


def http_head(page: WebPage, body: bytes, date: str) -> bytes:
    """Status line and headers, blank line included."""
    delivery, random = page.delivery, random_for("server", page.host)
    lines = [
        f"HTTP/1.1 {delivery.status} {HTTPStatus(delivery.status).phrase}",
        f"Date: {format_datetime(datetime.fromisoformat(date), usegmt=True)}",
        f"Server: {random.choice(SERVERS)}",
    ]
    if delivery.content_type is not None:
        lines.append(f"Content-Type: {delivery.content_type}")
    if delivery.location:
        lines.append(f"Location: {delivery.location}")
    if delivery.gzip:
        lines += ["Content-Encoding: gzip", "Vary: Accept-Encoding"]
    lines.append("Transfer-Encoding: chunked" if delivery.chunked else f"Content-Length: {len(body)}")
    if random.random() < 0.4:
        lines.append("Cache-Control: public, max-age=3600")
    if random.random() < 0.3:
        lines += ["X-Content-Type-Options: nosniff", "X-Frame-Options: SAMEORIGIN"]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def capture(page: WebPage, html: str, date: str) -> Capture:
    """What the crawler records of one fetch at `date` (ISO 8601, UTC)."""
    body, random = wire_body(page, html), random_for("fetch", page.url)
    split = urlsplit(page.url)
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {split.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.5\r\nAccept-Encoding: gzip\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nConnection: close\r\n\r\n"
    )
    notes = [("fetchTimeMs", str(random.randint(20, 900))), ("hopsFromSeed", "L" * random.randint(0, 4))]
    notes += [("outlink", f"{url} L a/@href") for _, url in page.related[:3]]
    head = http_head(page, body, date)
    return Capture(page.url, date, address(page.host), request.encode("ascii"), head, body, tuple(notes))
