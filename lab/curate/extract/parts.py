"""Pages of many parts: forum threads, listings, shops, services, front pages. All of the page but its furniture counts.

In: the body of a Resiliparse DOM. Out: the root of the content, the furniture in it, and the characters of the rest. On
such pages no element holds one column of prose, so that what is left out must be known: navigation, forms, menus,
filters and notices, by their tags and names. Words that on an article's page name furniture (teaser, slide, author,
comment) name content here: cards, posts, sections.
"""

from resiliparse.parse.html import ElementNode

from lab.curate.extract.names import Role, is_page_furniture, role
from lab.curate.extract.nodes import name_of, text_of
from lab.curate.extract.pruning import may_be_furniture

_TAGS = frozenset(("nav", "footer", "select", "dialog"))  # the serialiser leaves out buttons and labels
_SURE = ",".join(sorted(_TAGS))
_LARGE_TAGS = frozenset(("aside", "form", "header"))  # furniture, unless they hold much of the page
_ROLES = frozenset(("navigation", "banner", "contentinfo", "dialog", "search"))
_LINKS = "p:has(> a:nth-of-type(10))"  # names of readers, tags
_SELECTOR = ",".join([_LINKS, "[class]", "[id]", "[role]", *sorted(_TAGS | _LARGE_TAGS)])  # each takes a walk
_LINKED = 0.7  # share of the characters of a paragraph that is a list of links
_MOST_COMMENTS = 0.8  # share of the characters; what has more is what the page is about
_MOST = 0.4  # share of the characters that furniture may hold
_MAIN = "main,[role=main]"
_LEAST_MAIN = 0.15  # share of the page's characters that its main element must hold to be believed


def characters_of(element: ElementNode) -> int:
    """The characters inside an element, runs of white space counted as one."""
    words = text_of(element).split()
    return len(" ".join(words)) + 1 if words else 0


def find_root(body: ElementNode, size: int) -> tuple[ElementNode, int]:
    """The element that holds the content of a page with this number of characters, and those in it."""
    mains = body.query_selector_all(_MAIN).values()
    if mains:
        main = max(mains, key=lambda element: len(text_of(element)))
        if (inside := characters_of(main)) >= _LEAST_MAIN * size:
            return main, inside
    return body, size


def most_characters(root: ElementNode, size: int) -> int:
    """A bound on the characters outside furniture that is found fast: those outside what always is, by its tag."""
    last = None
    for element in root.query_selector_all(_SURE).values():
        if last is None or not last.contains(element):
            last = element
            size -= max(characters_of(element) - 1, 0)  # its last word may go on outside
    return size


def find_furniture(root: ElementNode, size: int, discussion: bool) -> tuple[list[ElementNode], int]:
    """The furniture below a root of this size, none inside another, and the characters of the rest.

    Comments are furniture unless the page is a `discussion`.
    """
    furniture: list[ElementNode] = []
    characters = size
    lists = set(root.query_selector_all(_LINKS).values())
    for element in root.query_selector_all(_SELECTOR).values():
        tag = element.tag
        if furniture and furniture[-1].contains(element):
            continue
        if sure := tag in _TAGS or element.getattr("role") in _ROLES:
            pass
        elif tag == "p":
            if not (element in lists or may_be_furniture(element)) or not _is_links(element):
                continue
        elif tag == "header":
            if root.tag != "body":
                continue
        elif tag not in _LARGE_TAGS and not is_page_furniture(name_of(element), discussion):
            continue
        most = _MOST_COMMENTS if not discussion and role(name_of(element)) is Role.DISCUSSION else _MOST
        length = characters_of(element)
        if sure or tag == "p" or length < most * size:
            furniture.append(element)
            characters -= length
    return furniture, characters


def _is_links(paragraph: ElementNode) -> bool:
    links = sum(characters_of(link) for link in paragraph.get_elements_by_tag_name("a").values())
    return links > _LINKED * characters_of(paragraph)
