"""Pages to compare filters and extractors on. In: a web archive. Out: its responses, or their texts with languages."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree

from lab.crawl.warc import Record, read_records, scan
from lab.curate.extract import extract_text
from lab.curate.language.stage import LanguageIdentifier

ARCHIVE = Path(os.environ.get("LAB_SHARED", "../shared")) / "data/web.warc.gz"
# ISO 639-1 -> datatrove's code and eight frequent words, where its splitting needs no further package.
LANGUAGES = {
    "en": ("eng", "the be to of and that have with"),
    "de": ("deu", "der die und das ist zu mit nicht"),
    "es": ("spa", "de la que el en y los se"),
    "fr": ("fra", "de la le et les des en un"),
    "it": ("ita", "di e il la che in un per"),
    "pt": ("por", "de a o que e do da em"),
    "pl": ("pol", "i w na z do się nie że"),
    "fi": ("fin", "ja on ei että se oli mutta kun"),
    "no": ("nor", "og i er på det som til av"),
    "hu": ("hun", "a az és hogy nem is van egy"),
    "ru": ("rus", "и в не на что с по как"),
    "ar": ("ara", "في من على إلى أن عن مع هذا"),
}


@dataclass(frozen=True)
class Page:
    """A text to judge. `language`: a key of LANGUAGES."""

    name: str
    text: str
    language: str

    @property
    def stop_words(self) -> list[str]:
        return LANGUAGES[self.language][1].split()

    @property
    def key(self) -> str:
        return short_hash(self.text)


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def resiliparse_text(body: bytes, charset: str | None) -> str:
    """The text of the golden decisions: Resiliparse's, so that changes of the lab's extractor don't alter it."""
    html = bytes_to_str(body, detect_encoding(body, from_html_meta=True))
    return extract_plain_text(HTMLTree.parse(html), main_content=True, alt_texts=False, comments=False).strip()


def lab_text(body: bytes, charset: str | None) -> str:
    return extract_text(body, encoding=charset)


def responses(archive: Path) -> Iterator[tuple[str, Record]]:
    """The URL and record of each response of an archive, in its order."""
    urls = {row["offset"]: row["url"] for row in scan(str(archive), lambda reason: None)}
    for offset, record in read_records(str(archive), urls):
        if isinstance(record, Record):
            yield urls[offset], record


def pages(archive: Path, extract: Callable[[bytes, str | None], str] = lab_text) -> Iterator[Page]:
    """The texts of an archive's responses, with their languages."""
    identifier = LanguageIdentifier()
    for url, record in responses(archive):
        text = extract(record.body, record.charset)
        language, _ = identifier.score(text)
        yield Page(url, text, language if language in LANGUAGES else "en")
