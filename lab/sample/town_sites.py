"""Town pages as web pages: which site each is on, and which are sound enough to plant cases on.

In: lab.sample.town's pages. Out: lab.sample.web_page.WebPage, as JSON lines. A town has a site for each group of
genres, all under "<town>.town.example".
"""

import json
import re
from html import escape
from pathlib import Path

from lab.sample.planted.near_duplicates import shingles, words
from lab.sample.town import PageBlock, TownPage, town_pages
from lab.sample.web_page import WebPage

MIN_FRESH_SHARE = 0.97  # of a sound page's 5-word shingles that differ from one another
PAGES_PER_SOUND_PAGE = 40  # at most, that are written to find one sound page

_SITES = {
    "gazette": ("news", "notice", "minutes", "forecast", "sport", "interview", "profile", "questions"),
    "stories": ("story", "tale"),
    "letters": ("letter", "travel"),
    "diary": ("diary",),
    "home": ("recipe", "garden", "care", "craft"),
    "shops": ("review",),
    "school": ("lesson",),
}
_SITE_OF = {genre: site for site, genres in _SITES.items() for genre in genres}
_TAGS = {"paragraph": "p", "heading": "h2"}
_LISTS = {"item": "ul", "step": "ol"}
_SENTENCE_END = re.compile(r"[.!?][\"')]*(\s|<)")


def write_town(item: dict, folder: Path, name: str) -> dict:
    """Shard function: pages of one town as JSON lines. Returns what documentation.pages.write_library returns.

    `item` is {"town": seed} with "pages" (how many) or "sound_pages" (how many sound ones, the others left out).
    """
    listed, genres = [], {}
    sound_pages = item.get("sound_pages")
    count = item["pages"] if sound_pages is None else PAGES_PER_SOUND_PAGE * sound_pages
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as out:
        for written in town_pages(item["town"], count):
            genres[written.slug] = (written.genre, written.title)
            page = town_page(written, genres)
            if sound_pages is not None and not is_sound(page):
                continue
            listed.append([page.url, page.title, "town", 1.0, out.tell()])
            out.write(json.dumps(page.as_dict(), ensure_ascii=True) + "\n")
            if len(listed) == sound_pages:
                break
    return {"pages": listed, "failed": {}, "exhausted": True}


def is_sound(page: WebPage) -> bool:
    """Whether the text is prose that no quality filter may remove: enough whole sentences, hardly any repetition."""
    text = page.body
    plain = set(re.findall(r"<(\w+)", text)) <= {"p", "code", "em", "strong", "a", "h2", "h3"}
    sequence = words(text)
    count, sentences = len(sequence), len(_SENTENCE_END.findall(text))
    paragraphs = re.findall(r"<p>(.*?)</p>", text)
    if len(set(paragraphs)) < len(paragraphs):
        return False
    if not plain or "{" in text or "..." in text or not 130 <= count <= 2000 or sentences < 8:
        return False
    fresh = len(shingles(sequence)) / (count - 4)
    return count / sentences < 40 and fresh > MIN_FRESH_SHARE


def town_page(page: TownPage, genres: dict[str, tuple[str, str]]) -> WebPage:
    """A town's page as a web page. `genres` gives (genre, title) of the town's pages so far, by slug."""
    related = [
        [title, _address(page.town, genre, slug)]
        for slug in page.related
        for genre, title in [genres.get(slug, (page.genre, slug))]
    ]
    return WebPage(
        url=_address(page.town, page.genre, page.slug),
        title=page.title,
        body=blocks_html(page.blocks),
        date=page.date.isoformat(),
        author=page.author,
        section=page.genre.title(),
        related=related,
    )


def blocks_html(blocks: list[PageBlock]) -> str:
    """Paragraphs, headings and lists as HTML."""
    out, open_list = [], ""
    for block in blocks:
        list_tag = _LISTS.get(block.kind, "")
        if list_tag != open_list:
            out += [f"</{open_list}>"] if open_list else []
            out += [f"<{list_tag}>"] if list_tag else []
            open_list = list_tag
        tag = "li" if list_tag else _TAGS[block.kind]
        out.append(f"<{tag}>{escape(block.text, quote=False)}</{tag}>")
    return "\n".join([*out, *([f"</{open_list}>"] if open_list else [])])


def town_host(town: str, genre: str) -> str:
    """The host of a town's pages of one genre."""
    name = "-".join("".join(letter if letter.isalnum() else " " for letter in town.lower()).split())
    return f"{_SITE_OF[genre]}.{name}.town.example"


def _address(town: str, genre: str, slug: str) -> str:
    return f"https://{town_host(town, genre)}/{slug}"
