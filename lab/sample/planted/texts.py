"""Cases whose text decides: other languages, spam, near-duplicates, personal data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.sample.planted import spam
from lab.sample.planted.cases import PlantedCase, Planter, paragraph_texts, paragraphs_html
from lab.sample.planted.near_duplicates import near_duplicate
from lab.sample.web_page import Delivery, WebPage

SIMILARITIES = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]
LANGUAGES = Path(__file__).with_name("languages.txt")
CHARSETS = {  # in turns; UTF-8 alone for the other languages
    "ja": ["utf-8", "shift_jis", "euc-jp"],
    "ru": ["utf-8", "windows-1251", "koi8-r"],
    "zh": ["utf-8", "gb18030"],
    "pl": ["utf-8", "iso-8859-2"],
    "de": ["utf-8", "iso-8859-1"],
}
MAILBOXES = ["harriet.stone", "j_miller", "post", "the-bakery", "w.k.finch", "info"]
PUBLIC_IPS = ["8.8.8.8", "1.1.1.1", "9.9.9.9", "208.67.222.222", "64.6.64.6", "77.88.8.8"]
PRIVATE_IPS = ["192.168.1.20", "10.0.0.7", "172.16.4.9", "127.0.0.1"]


def read_languages() -> dict[str, tuple[str, list[str]]]:
    """The texts in other languages: code -> (title, paragraphs)."""
    texts: dict[str, tuple[str, list[str]]] = {}
    for part in LANGUAGES.read_text("utf-8").split("\n\n"):
        heading, *paragraphs = part.strip().splitlines()
        _, language, title = heading.split(" ", 2)
        texts[language] = (title, paragraphs)
    return texts


def languages(planter: Planter) -> Iterator[PlantedCase]:
    for language, (title, texts) in read_languages().items():
        for number in range(planter.count):
            body = paragraphs_html(planter.random(language, number).sample(texts, 5))
            charsets = CHARSETS.get(language, ["utf-8"])
            charset = charsets[number % len(charsets)]
            delivery = Delivery(content_type=f"text/html; charset={charset}", codec=charset, meta_charset=charset)
            url = f"https://{language}.sunday.example/{number + 1}"
            page = WebPage(url, f"{title} ({number + 1})", body, language=language, delivery=delivery)
            yield PlantedCase(f"language:{language}", page, "language")


def spam_pages(planter: Planter) -> Iterator[PlantedCase]:
    for kind, write in spam.KINDS.items():
        for number in range(planter.count):
            base = planter.bases.pop()
            url = f"https://{kind.replace('_', '-')}-{number + 1}.best-offers.example/"
            body = write(planter.random(kind, number), paragraph_texts(base.body))
            page = replace(base, url=url, body=body, title=f"Best offers {number + 1}", related=[])
            yield PlantedCase(f"spam:{kind}", page, "quality", certain=False)


def near_duplicates(planter: Planter) -> Iterator[PlantedCase]:
    for target in SIMILARITIES:
        for number in range(planter.count):
            original = planter.doubled.pop()
            body, similarity = near_duplicate(original.body, target, planter.random(f"near:{target}", number))
            path = original.url.split("/", 3)[3]
            url = f"https://{original.host.split('.')[0]}-{number + 1}.mirror.example/{path}"
            page = replace(original, url=url, body=body, dressed_as=original.url)
            relation = {"similarity": similarity, "original": original.url}
            yield PlantedCase(f"near_duplicate:{target}", page, "dedup", certain=target == 1.0, **relation)


def personal(planter: Planter) -> Iterator[PlantedCase]:
    for number in range(planter.count):
        mail = f"{MAILBOXES[number % len(MAILBOXES)]}{number + 1}@mail.example"
        text = f"If you have a question about any of this, write to {mail} and you will have an answer within a week."
        url = f"https://people.contact.example/{number + 1}"
        yield PlantedCase("email", planter.base(url, f"<p>{text}</p>\n"), "scrub")
        ip = PUBLIC_IPS[number % len(PUBLIC_IPS)]
        text = f"The server that holds all of these pages answers at {ip} and it seldom sleeps."
        url = f"https://servers.contact.example/{number + 1}"
        yield PlantedCase("public_ip", planter.base(url, f"<p>{text}</p>\n"), "scrub")
        ip = PRIVATE_IPS[number % len(PRIVATE_IPS)]
        text = f"The printer at {ip} runs version 2.14.{number} of its software, and nobody has dared to update it."
        url = f"https://printers.contact.example/{number + 1}"
        yield PlantedCase("private_ip", planter.base(url, f"<p>{text}</p>\n"), "keep", contains=text)
