"""Removes from a container what is not content: furniture by its names, lists of links, teasers, idle headings.

In: an element of a Resiliparse DOM, and the characters of its prose. Out: the element, changed in place.
"""

import re
from collections import Counter

from resiliparse.parse.html import ElementNode, Node

from lab.curate.extract.names import Role, may_exclude, role
from lab.curate.extract.nodes import name_of, text_of

_INLINE = frozenset("a em strong b i u code mark abbr cite q sup sub td tr tbody".split())
_NAMED = "[class]:not(a,td),[id]:not(a,td)"  # most of those that are never removed are one of these two
_SENTENCE = "p,pre,code,td,dd,h1,h2,h3,h4,h5,h6"  # a span in these is a part of a sentence or of code
_LINK_BLOCKS = frozenset("ul ol li dl div p section table h2 h3 h4 h5".split())
_MAX_LINK_SHARE = 0.6  # of a block's characters
_MUCH = 1000  # characters of a container's prose, beside which the longest lists of links are none of it
_NEARLY_ALL = 0.9  # of a block's characters
_TEASERS = "li:has(h2 a,h3 a,h4 a)"
_STREAM = 5  # teasers in one list
_FEW_BESIDE = 500  # characters beside them, with fewer of which they stay
_LEAST_BESIDE = 0.15  # characters beside them, as a share of theirs; with fewer they are what the page is about
_REFERENCES = re.compile(
    r"(?:\d+\.? )?(?:references|sources|bibliography|further reading|external links|literature|works cited|notes"
    r"|quellen|literatur|einzelnachweise|weblinks|références|bibliographie|referencias|bibliografía|fonti|bibliografia)\W*"
).fullmatch
_MOST_BLANKS = 100  # nodes looked at after a heading
_LONGEST_HEADING = 80  # characters; longer ones are paragraphs marked up as headings


def prune(container: ElementNode, weight: int, least: Role) -> None:
    """Remove from a container, in place, what is not content."""
    _prune_names(container, weight, least)
    _prune_streams(container)
    _prune_links(container, weight)
    headings = container.query_selector_all("h1,h2,h3,h4,h5,h6").values()
    title = next((heading for heading in headings if heading.tag == "h1"), None)
    if title is not None:
        title.remove()
    for heading in reversed(headings):
        if heading.tag != "h1" and len(text_of(heading)) < _LONGEST_HEADING and _heads_nothing(heading, container):
            heading.remove()


def may_be_furniture(element: ElementNode) -> bool:
    """Whether an element's class or id may make it furniture."""
    return may_exclude(element.class_name or "") or may_exclude(element.id or "")


def _prune_names(container: ElementNode, weight: int, least: Role) -> None:
    same_name: dict[str | None, list[tuple[ElementNode, int, Role]]] = {}  # with the characters of each element
    for element in container.query_selector_all(_NAMED).values():
        if not may_be_furniture(element):
            continue
        element_role = role(name_of(element))
        if element_role >= least and element.tag not in _INLINE and not _in_sentence(element):
            size = len(text_of(element))
            same_name.setdefault(element.class_name or element.id, []).append((element, size, element_role))
    for elements in same_name.values():
        # Elements of one name that hold most of the text are the content, whatever they are called: slides, widgets.
        small = sum(size for _, size, _ in elements) < weight / 2
        for element, _, element_role in elements:
            if small or element_role is Role.DISCUSSION:
                element.remove()


def _in_sentence(element: ElementNode) -> bool:
    return element.tag == "span" and element.closest(_SENTENCE) is not None


def _prune_links(container: ElementNode, weight: int) -> None:
    """Remove the small blocks whose text is mostly links."""
    parents: dict[ElementNode | None, int] = {}  # of links -> characters in these links
    for link in container.query_selector_all("a").values():
        if (size := len(text_of(link))) and not (link.getattr("href") or "").startswith("#"):
            parent = link.parent_element
            parents[parent] = parents.get(parent, 0) + size
    linked: dict[ElementNode, int] = {}  # every element below the container -> characters in links
    for element, size in parents.items():
        while element is not None and element != container:
            linked[element] = linked.get(element, 0) + size
            element = element.parent_element
    for element, size in linked.items():
        if element.tag in _LINK_BLOCKS:
            whole = len(text_of(element).strip())
            small = whole < weight / 2 or (weight > _MUCH and size > _NEARLY_ALL * whole)
            if size > _MAX_LINK_SHARE * whole and small and not _are_references(element):
                element.remove()


def _prune_streams(container: ElementNode) -> None:
    """Remove lists of other articles with their titles and first lines, which follow an article without end."""
    lists = Counter(item.parent_element for item in container.query_selector_all(_TEASERS).values())
    for list_, count in lists.items():
        if (
            list_ is not None
            and count >= _STREAM
            and len(text_of(container)) - len(text_of(list_)) > max(_FEW_BESIDE, _LEAST_BESIDE * len(text_of(list_)))
        ):
            list_.remove()


def _are_references(element: ElementNode) -> bool:
    """Whether a list, or its item, stands below a heading such as "References"."""
    list_ = element.parent_element if element.tag == "li" else element
    if list_ is None or list_.tag not in ("ol", "ul"):
        return False
    heading = list_.previous_element_sibling
    return heading is not None and _REFERENCES(text_of(heading).strip().lower()) is not None


def _heads_nothing(heading: ElementNode, container: ElementNode) -> bool:
    """Whether only blanks follow until the container's end or a heading of the same or a higher rank."""
    rank = heading.tag or ""
    element: Node | None = heading
    visits = 0
    while element is not None and element != container:
        after = element.next_sibling
        while after is not None:
            if (visits := visits + 1) > _MOST_BLANKS:
                return False
            if text_of(after).strip():
                tag = after.tag or ""
                return len(tag) == 2 and tag[0] == "h" and tag <= rank
            after = after.next_sibling
        element = element.parent
    return True
