"""Which page stands on which site: town pages as web pages, and the hosts they are on.

In: lab.sample.town's pages. Out: lab.sample.web.Page. A town has a site for each group of genres, all under
"<town>.town.example".
"""

from html import escape

from lab.sample.town import Block, TownPage
from lab.sample.web import Page

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


def town_host(town: str, genre: str) -> str:
    """The host of a town's pages of one genre."""
    return f"{_SITE_OF[genre]}.{_name(town)}.town.example"


def town_page(page: TownPage, genres: dict[str, tuple[str, str]]) -> Page:
    """A town's page as a web page. `genres` gives (genre, title) of the town's pages so far, by slug."""
    related = [
        [title, _address(page.town, genre, slug)]
        for slug in page.related
        for genre, title in [genres.get(slug, (page.genre, slug))]
    ]
    return Page(
        url=_address(page.town, page.genre, page.slug),
        title=page.title,
        body=blocks_html(page.blocks),
        date=page.date.isoformat(),
        author=page.author,
        section=page.genre.title(),
        related=related,
    )


def blocks_html(blocks: list[Block]) -> str:
    """Paragraphs, headings and lists as HTML."""
    out, open_list = [], ""
    for block in blocks:
        wanted = _LISTS.get(block.kind, "")
        if wanted != open_list:
            out += [f"</{open_list}>"] if open_list else []
            out += [f"<{wanted}>"] if wanted else []
            open_list = wanted
        tag = "li" if wanted else _TAGS[block.kind]
        out.append(f"<{tag}>{escape(block.text, quote=False)}</{tag}>")
    return "\n".join([*out, *([f"</{open_list}>"] if open_list else [])])


def _address(town: str, genre: str, slug: str) -> str:
    return f"https://{town_host(town, genre)}/{slug}"


def _name(town: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in town.lower()).split())
