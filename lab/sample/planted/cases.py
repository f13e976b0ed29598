"""What a planted case is, and the material that cases are made from.

In: sound pages that are nowhere else in the crawl (`bases`) and pages of the crawl to copy. Out: PlantedCases, each a
page with the expected verdict: "keep", "scrub", or the name of the stage that must remove it.
"""

from dataclasses import dataclass, replace
from html import escape, unescape
from random import Random

import pyarrow as pa

from lab.sample.web_page import Delivery, WebPage, random_for

TRUTH = pa.schema(
    [
        ("kind", pa.string()),
        ("url", pa.string()),
        ("expected", pa.string()),  # keep, scrub, or the stage that must remove it
        ("expected_reason", pa.string()),
        ("certain", pa.bool_()),  # every page of the kind must get that verdict
        ("similarity", pa.float64()),  # exact Jaccard of 5-word shingles with the original
        ("original", pa.string()),  # address of the page that it copies; one of the two must go
        ("contains", pa.string()),  # text that the kept document must contain
    ]
)


@dataclass(frozen=True)
class PlantedCase:
    """A planted page and what must become of it. Fields as in TRUTH."""

    kind: str
    page: WebPage
    expected: str
    certain: bool = True
    expected_reason: str | None = None
    similarity: float | None = None
    original: str | None = None
    contains: str | None = None

    def row(self) -> dict:
        return {"url": self.page.url, **{name: getattr(self, name) for name in TRUTH.names if name != "url"}}


class Planter:
    """Material for `count` cases of each kind. Each page is handed out once."""

    def __init__(
        self, seed: int, count: int, bases: list[WebPage], doubled: list[WebPage], revisited: list[WebPage]
    ) -> None:
        """`doubled`: sound pages of the crawl to make near-duplicates of; `revisited`: any, for other addresses."""
        self.seed, self.count = seed, count
        self.bases, self.doubled, self.revisited = (list(reversed(pages)) for pages in (bases, doubled, revisited))

    def random(self, kind: str, number: int) -> Random:
        """The random generator of one case."""
        return random_for(self.seed, "planted", kind, number)

    def base(self, url: str, extra: str = "", **delivery: object) -> WebPage:
        """A sound page under another address, with `extra` HTML after its first paragraph."""
        page = self.bases.pop()
        first, closing, rest = page.body.partition("</p>")
        body = f"{first}{closing}\n{extra}{rest}" if extra else page.body
        return replace(page, url=url, body=body, related=[], delivery=Delivery(**delivery))


def paragraphs_html(texts: list[str]) -> str:
    """Plain texts as paragraphs of HTML."""
    return "\n".join(f"<p>{escape(text, quote=False)}</p>" for text in texts)


def paragraph_texts(html: str) -> list[str]:
    """The plain texts of an article's paragraphs (which hold no markup of their own)."""
    return [unescape(part.split("</p>")[0]) for part in html.split("<p>")[1:]]
