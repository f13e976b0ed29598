"""Planted cases: pages of which it is known what the pipeline must do with them.

In: sound pages that stand nowhere else (`bases`) and pages of the crawl to make copies of. Out: Cases, each a page with
the verdict expected: "keep", "scrub", or the name of the stage that must remove it.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from random import Random

import pyarrow as pa

from lab.sample import media, spam
from lab.sample.blacklist import blocked_host, blocked_url
from lab.sample.near_duplicates import near_duplicate
from lab.sample.web import Delivery, Page, generator

TRUTH = pa.schema(
    [
        ("kind", pa.string()),
        ("url", pa.string()),
        ("expected", pa.string()),  # keep, scrub, or the stage that must remove it
        ("expected_reason", pa.string()),
        ("certain", pa.bool_()),  # every page of the kind must get that verdict
        ("similarity", pa.float64()),  # exact Jaccard of 5-word shingles with the original
        ("original", pa.string()),  # the address that it doubles; one of the two must go
        ("contains", pa.string()),  # text that the kept document must hold
    ]
)
SIMILARITIES = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]
LANGUAGES = Path(__file__).with_name("languages.txt")
BANNED_PATHS = ["viagra-cialis-cheap", "xxx-video", "porn-tube"]
SESSIONS = ["?sessionid={}", "?PHPSESSID={}", ";jsessionid={}", "?sid={}"]


@dataclass(frozen=True)
class Case:
    """A planted page and what must become of it. Fields as in TRUTH."""

    kind: str
    page: Page
    expected: str
    certain: bool = True
    expected_reason: str | None = None
    similarity: float | None = None
    original: str | None = None
    contains: str | None = None

    def row(self) -> dict:
        return {"url": self.page.url, **{name: getattr(self, name) for name in TRUTH.names if name != "url"}}


class Planter:
    """Makes the cases of all kinds, `count` of each."""

    def __init__(self, seed: int, count: int, bases: list[Page], doubled: list[Page], revisited: list[Page]):
        """`doubled`: sound pages of the crawl to make near-duplicates of; `revisited`: any, for other addresses."""
        self.seed, self.count = seed, count
        self.bases, self.doubled, self.revisited = (list(reversed(pages)) for pages in (bases, doubled, revisited))

    def cases(self) -> Iterator[Case]:
        """All cases, kind after kind. Uses `bases_needed(count)` bases at most."""
        for make in (
            self._languages, self._blocked, self._sessions, self._spam, self._near_duplicates, self._personal,
            self._charsets, self._deliveries, self._other_answers, self._broken,
        ):  # fmt: skip
            yield from make()

    def _chance(self, kind: str, number: int) -> Random:
        return generator(self.seed, "planted", kind, number)

    def _base(self, url: str, extra: str = "", **delivery: object) -> Page:
        """A sound page under another address, with `extra` HTML behind its first paragraph."""
        page = self.bases.pop()
        first, closing, rest = page.body.partition("</p>")
        body = f"{first}{closing}\n{extra}{rest}" if extra else page.body
        return replace(page, url=url, body=body, related=[], delivery=Delivery(**delivery))

    def _languages(self) -> Iterator[Case]:
        charsets = {"ja": ["utf-8", "shift_jis", "euc-jp"], "ru": ["utf-8", "windows-1251", "koi8-r"]}
        charsets |= {"zh": ["utf-8", "gb18030"], "pl": ["utf-8", "iso-8859-2"], "de": ["utf-8", "iso-8859-1"]}
        for language, (title, texts) in languages().items():
            for number in range(self.count):
                chance = self._chance(language, number)
                body = spam.paragraphs(chance.sample(texts, 5))
                codecs = charsets.get(language, ["utf-8"])
                codec = codecs[number % len(codecs)]
                how = Delivery(content_type=f"text/html; charset={codec}", codec=codec, meta_charset=codec)
                url = f"https://{language}.sunday.example/{number + 1}"
                page = Page(url, f"{title} ({number + 1})", body, language=language, delivery=how)
                yield Case(f"language:{language}", page, "language")

    def _blocked(self) -> Iterator[Case]:
        for number in range(self.count):
            url = f"https://{blocked_host(number)}/page-{number + 1}.html"
            yield Case("blocked_host", self._base(url), "url_filter")
        for number in range(self.count):
            yield Case("blocked_url", self._base(f"https://{blocked_url(number)}"), "url_filter")
        for number in range(self.count):
            word = BANNED_PATHS[number % len(BANNED_PATHS)]
            url = f"https://shop-{number + 1}.example/{word}/{number + 1}.html"
            yield Case("banned_word_url", self._base(url), "url_filter")

    def _sessions(self) -> Iterator[Case]:
        for number in range(self.count):
            original = self.revisited.pop()
            chance = self._chance("session", number)
            url = original.url + SESSIONS[number % len(SESSIONS)].format(f"{chance.getrandbits(128):032x}")
            page = replace(original, url=url, dressed_as=original.url)
            yield Case("session_id", page, "url_filter", original=original.url)

    def _spam(self) -> Iterator[Case]:
        for kind, make in spam.KINDS.items():
            for number in range(self.count):
                chance = self._chance(kind, number)
                base = self.bases.pop()
                url = f"https://{kind.replace('_', '-')}-{number + 1}.best-offers.example/"
                body = make(chance, paragraph_texts(base.body))
                page = replace(base, url=url, body=body, title=f"Best offers {number + 1}", related=[])
                yield Case(f"spam:{kind}", page, "quality", certain=False)

    def _near_duplicates(self) -> Iterator[Case]:
        for target in SIMILARITIES:
            for number in range(self.count):
                original = self.doubled.pop()
                body, similarity = near_duplicate(original.body, target, self._chance(f"near:{target}", number))
                path = original.url.split("/", 3)[3]
                url = f"https://{original.host.split('.')[0]}-{number + 1}.mirror.example/{path}"
                page = replace(original, url=url, body=body, dressed_as=original.url)
                known = {"similarity": similarity, "original": original.url}
                yield Case(f"near_duplicate:{target}", page, "dedup", certain=target == 1.0, **known)

    def _personal(self) -> Iterator[Case]:
        names = ["harriet.stone", "j_miller", "post", "the-bakery", "w.k.finch", "info"]
        public = ["8.8.8.8", "1.1.1.1", "9.9.9.9", "208.67.222.222", "64.6.64.6", "77.88.8.8"]
        private = ["192.168.1.20", "10.0.0.7", "172.16.4.9", "127.0.0.1"]
        for number in range(self.count):
            mail = f"{names[number % len(names)]}{number + 1}@mail.example"
            text = (
                f"If you have a question about any of this, write to {mail} and you will have an answer within a week."
            )
            url = f"https://people.contact.example/{number + 1}"
            yield Case("email", self._base(url, f"<p>{text}</p>\n"), "scrub")
            ip = public[number % len(public)]
            text = f"The server that holds all of these pages answers at {ip} and it seldom sleeps."
            url = f"https://servers.contact.example/{number + 1}"
            yield Case("public_ip", self._base(url, f"<p>{text}</p>\n"), "scrub")
            ip = private[number % len(private)]
            text = f"The printer at {ip} runs version 2.14.{number} of its software, and nobody has dared to update it."
            url = f"https://printers.contact.example/{number + 1}"
            yield Case("private_ip", self._base(url, f"<p>{text}</p>\n"), "keep", contains=text)

    def _charsets(self) -> Iterator[Case]:
        plain = "The naïve visitor at the Café Zürich pays twice for the crème brûlée and the jalapeño bread."
        quoted = "“Señor Núñez’s façade costs €20,” said the voice – and it was the curé’s own façade."
        html, two, one, eight = "text/html", "windows-1252", "iso-8859-1", "utf-8"
        for kind, text, codec, header, meta in (
            ("windows-1252", quoted, "cp1252", f"{html}; charset={two}", two),
            ("iso-8859-1", plain, "latin-1", f"{html}; charset={one}", one),
            ("header_only", plain, "latin-1", f"{html}; charset={one}", None),
            ("meta_only", quoted, "cp1252", html, two),
            ("missing", quoted, "utf-8", html, None),
            ("missing_windows-1252", quoted, "cp1252", html, None),
            ("utf-16", quoted, "utf-16-le", html, None),
            ("utf-8_as_iso-8859-1", plain, "utf-8", f"{html}; charset={one}", one),
            ("windows-1252_as_utf-8", quoted, "cp1252", f"{html}; charset={eight}", eight),
            ("unknown_name", plain, "utf-8", f"{html}; charset=none-such", None),
        ):
            for number in range(self.count):
                url = f"https://{kind.replace('_', '-')}.letters.example/{number + 1}"
                how = {"codec": codec, "content_type": header, "meta_charset": meta}
                page = self._base(url, f"<p>{text}</p>\n", **how)
                # A wrong label that fits the bytes is believed, as browsers do: the page stays, its accents suffer.
                garbled = kind == "utf-8_as_iso-8859-1"
                certain = kind not in ("windows-1252_as_utf-8", "missing_windows-1252")
                yield Case(f"charset:{kind}", page, "keep", certain=certain, contains=None if garbled else text)

    def _deliveries(self) -> Iterator[Case]:
        ways = {"gzip": {"gzip": True}, "chunked": {"chunked": True}, "gzip_chunked": {"gzip": True, "chunked": True}}
        for kind, how in ways.items():
            for number in range(self.count):
                page = self._base(f"https://{kind.replace('_', '-')}.delivery.example/{number + 1}", **how)
                yield Case(f"body:{kind}", page, "keep", contains=_plain_start(page))
        for number in range(self.count):
            page = self._base(f"https://cut.delivery.example/{number + 1}")
            at = page.body.index(" ", len(page.body) * 4 // 5)
            page = replace(page, delivery=Delivery(cut_after=page.body[:at]))
            yield Case("cut_off", page, "keep", contains=_plain_start(page))
        for number in range(self.count):
            raw = "" if number % 2 == 0 else _encoded(b"<html><head><title></title></head><body></body></html>\n")
            page = Page(f"https://empty.delivery.example/{number + 1}", "", "", delivery=Delivery(raw=raw))
            yield Case("empty_body", page, "extract", expected_reason="empty")

    def _other_answers(self) -> Iterator[Case]:
        for number in range(self.count):
            url = f"https://gone.answers.example/{number + 1}"
            yield Case("not_found", self._base(url, status=404), "url_filter")
            status, target = (301, 302)[number % 2], f"https://moved.answers.example/new/{number + 1}"
            body = f'<p>The document has moved <a href="{target}">here</a>.</p>'
            how = Delivery(status=status, location=target)
            page = Page(f"https://moved.answers.example/{number + 1}", "Moved", body, delivery=how)
            yield Case("redirect", page, "url_filter")
            how = Delivery(content_type="image/png", raw=_encoded(media.png(self._chance("png", number))))
            page = Page(f"https://media.answers.example/{number + 1}.png", "", "", delivery=how)
            yield Case("image", page, "url_filter")
            how = Delivery(content_type="application/pdf", raw=_encoded(media.pdf(f"Notice number {number + 1}")))
            page = Page(f"https://media.answers.example/{number + 1}.pdf", "", "", delivery=how)
            yield Case("pdf", page, "url_filter")

    def _broken(self) -> Iterator[Case]:
        for number in range(self.count):
            damage = ("deflate", "header", "torn")[number % 3]
            page = self._base(f"https://broken.records.example/{number + 1}", damage=damage)
            yield Case("broken_record", page, "index")


def bases_needed(count: int) -> int:
    """How many bases a Planter of `count` uses."""
    return count * (3 + len(spam.KINDS) + 3 + 10 + 4 + 1 + 1)


def languages() -> dict[str, tuple[str, list[str]]]:
    """The texts in other languages: code -> (title, paragraphs)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for part in LANGUAGES.read_text("utf-8").split("\n\n"):
        heading, *texts = part.strip().splitlines()
        _, language, title = heading.split(" ", 2)
        found[language] = (title, texts)
    return found


def paragraph_texts(html: str) -> list[str]:
    """The plain texts of an article's paragraphs (which hold no markup of their own)."""
    return [unescape(part.split("</p>")[0]) for part in html.split("<p>")[1:]]


def _plain_start(page: Page) -> str:
    return paragraph_texts(page.body)[0].split(". ")[0]


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
