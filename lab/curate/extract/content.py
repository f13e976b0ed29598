"""The lab's own extractor: the main content of an HTML page as text, a block a line.

In: HTML. Out: text, and which way led to it. Paragraphs are weighed by their text outside links; the element that
holds nearly all of that weight is the main content, unless its class or id (lab.curate.extract.names) says otherwise.
Inside it, furniture, link lists, the title and headings of nothing go, the lead (lab.curate.extract.lead) comes before
it, and Resiliparse serialises what is left.
The principle is Readability's and boilerpipe's (Kohlschütter et al. 2010); Python sees only paragraphs, their
ancestors and named elements, everything else stays in Resiliparse's DOM.
"""

import html
import json
import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from lab.curate.extract.boilerplate import without_boilerplate
from lab.curate.extract.container import find, name_of, strip
from lab.curate.extract.lead import find_lead
from lab.curate.extract.names import Role, Trust, least_role, role, tells
from lab.curate.extract.nodes import remembered

FEW = 250  # characters; with less, the next laxer way is tried
VERY_FEW = 100  # characters

_PARAGRAPHS = "p,pre,blockquote,div:has(> br),td:has(> br)"
_BLOCKS = "p,pre,blockquote,div:not(:has(div,p,ul,ol,table,section,article,h1,h2,h3)),td:not(:has(div,p,table))"
_NAMED = "[class*=content],[class*=text],[class*=body],[id*=content],[id*=text],[id*=body]"
_INLINE = frozenset("a em strong b i u code mark abbr cite q sup sub td tr tbody".split())
_LINK_BLOCKS = frozenset("ul ol li dl div p section table h2 h3 h4 h5".split())
_MAX_LINK_SHARE = 0.6  # of a block's characters
_LONGEST_HEADING = 80  # characters; longer ones are paragraphs in disguise
_NOSCRIPT = re.compile(r"<(/?)noscript\b", re.IGNORECASE)
# Google's blogs keep the article in a template, which a script shows.
_TEMPLATE = re.compile(r"(\bitemprop='articleBody'>\s*)<script type='text/template'>(.*?)</script>", re.DOTALL)
_ARTICLE_BODY = re.compile(r'"articleBody"\s*:\s*("(?:[^"\\]|\\.)*")')
_PLAIN = re.compile(r"[^&\\\x00-\x1f\x7f]*").fullmatch  # values that a CSS selector can quote as they are serialised
_TAG = re.compile(r"<[^>]{0,1000}>")


# Selectors and Resiliparse's own main content take time quadratic in depth: no harm at this one, minutes at 20,000.
_DEEPEST = 1000
_DEEP = ">".join("*" * _DEEPEST)
_FEW_TAGS = 4000  # a page with fewer can't be deep enough to matter


@dataclass(frozen=True)
class Extracted:
    """A page's text, and the fallback that gave it: None, or "blocks", "names", "noscript", "structured",
    "hidden" or "deep"."""

    text: str
    fallback: str | None


def parse(page: str, tags: int) -> tuple[HTMLTree, bool]:
    """The DOM of a page of so many "<", and whether it is nested so deeply that only serialising it ends in time."""
    tree = HTMLTree.parse(page)
    deep = tags > _FEW_TAGS and tree.document is not None and tree.document.query_selector(_DEEP) is not None
    return tree, deep


@remembered()
def main_content(page: str, tags: int | None = None) -> Extracted:
    """The main text of an HTML page; "" where there is none. `tags`: how many "<" it holds, where that is known."""
    if tags is None:
        tags = page.count("<")
    if "<script type='text/template'" in page:
        page = _TEMPLATE.sub(r"\1<div>\2</div>", page)
    found = _from_tree(page, tags)
    if len(found.text) < FEW:
        found = _longer(found, _from_tree(page, tags, Trust.MARKUP).text, "names")
    if len(found.text) < VERY_FEW:
        found = _longer(found, _untrusting(page, tags), "hidden")
    if len(found.text) < VERY_FEW and "<noscript" in page:
        found = _longer(found, _from_tree(_NOSCRIPT.sub(r"<\1div", page), tags).text, "noscript")
    if len(found.text) < FEW:
        found = _longer(found, _structured(page), "structured")
    return found


def _longer(found: Extracted, text: str, fallback: str) -> Extracted:
    return Extracted(text, fallback) if len(text) > max(VERY_FEW, 2 * len(found.text)) else found


def _from_tree(page: str, tags: int, trust: Trust = Trust.NAMES) -> Extracted:
    tree, deep = parse(page, tags)
    body = tree.body
    if body is None:
        return Extracted("", None)
    if deep:
        return Extracted(extract_plain_text(tree, list_bullets=False, alt_texts=False), "deep")
    container, fallback = find(body, _PARAGRAPHS, trust), None
    if container.weight < FEW:
        blocks = find(body, _BLOCKS, trust)
        if blocks.weight > 2 * container.weight:
            container, fallback = blocks, "blocks"
    titled = "<h1" in page or "<H1" in page  # without a title there is nothing that a lead could stand below
    lead = find_lead(container.begin, body) if titled and container.begin is not None else []
    for element in lead:
        strip(element, trust)
        element.remove()
    for element in container.elements:
        strip(element, trust)
        _prune(element, container.weight, least_role(trust))
    if container.elements == [body]:
        body.prepend(*lead)
    else:
        body.replace_children(*lead, *container.elements)
    return Extracted(_serialised(tree, ["header"]), fallback)


def _untrusting(page: str, tags: int) -> str:
    """What is named as content, or else the heaviest blocks: links, headers and what is hidden included."""
    tree, deep = parse(page, tags)
    body = tree.body
    if body is None or deep:
        return ""
    strip(body, Trust.NOTHING)
    named = [e for e in body.query_selector_all(_NAMED).values() if role(name_of(e)) is Role.CONTENT]
    best = max(named, key=lambda element: len(element.text_content), default=None)
    if best is None or len(best.text_content) < FEW:
        best = find(body, _BLOCKS, Trust.NOTHING).elements[0]
    if best != body:
        body.replace_children(best)
    return _serialised(tree, [])


def has_more(page: str, tags: int, text: str) -> bool:
    """Whether a page holds much text outside its navigation and footer that is not in `text`."""
    tree, deep = parse(page, tags)
    if tree.body is None or deep:
        return False
    strip(tree.body, Trust.NOTHING)
    return len(" ".join(tree.body.text_content.split())) > max(FEW, 2 * len(text))


def _serialised(tree: HTMLTree, skipped: list[str]) -> str:
    return without_boilerplate(extract_plain_text(tree, list_bullets=False, alt_texts=False, skip_elements=skipped))


def _prune(container, weight: int, least: Role) -> None:
    """Remove from a container what is not content, in place."""
    if telling := _telling(container.inner_html):
        _prune_names(container, telling, weight, least)
    _prune_links(container, weight)
    headings = container.query_selector_all("h1,h2,h3,h4,h5,h6").values()
    title = next((heading for heading in headings if heading.tag == "h1"), None)
    if title is not None:
        title.remove()
    for heading in reversed(headings):
        if heading.tag != "h1" and len(heading.text_content) < _LONGEST_HEADING and _heads_nothing(heading, container):
            heading.remove()


def _telling(source: str) -> str:
    """A CSS selector of the elements in HTML (serialised) that class or id can make furniture; "" if there are none.

    Most elements' names say nothing, and to look at one from Python takes longer than all else that is done to it.
    """
    selectors = []
    for attribute in ("class", "id"):
        _, *rest = source.split(f' {attribute}="')
        for value in {text.partition('"')[0] for text in rest}:
            if tells(value):
                if not _PLAIN(value):
                    return "[class],[id]"
                selectors.append(f'[{attribute}="{value}"]')
    return ",".join(selectors)


def _prune_names(container, telling: str, weight: int, least: Role) -> None:
    alike: dict[str, list] = {}
    for element in container.query_selector_all(telling).values():
        found = role(name_of(element))
        if found >= least and element.tag not in _INLINE:
            size = len(element.text_content)
            alike.setdefault(element.class_name or element.id, []).append((element, size, found))
    for elements in alike.values():
        # Many alike that hold most of the text are the content, whatever they are called: slides, widgets.
        small = sum(size for _, size, _ in elements) < weight / 2
        for element, _, found in elements:
            if small or found is Role.DISCUSSION:
                element.remove()


def _prune_links(container, weight: int) -> None:
    linked: dict = {}
    parents: dict = {}
    for link in container.query_selector_all("a").values():
        if size := len(link.text_content):
            parent = link.parent
            parents[parent] = parents.get(parent, 0) + size
    for element, size in parents.items():
        while element is not None and element != container:
            linked[element] = linked.get(element, 0) + size
            element = element.parent
    for element, size in linked.items():
        if element.tag in _LINK_BLOCKS:
            whole = len(element.text_content.strip())
            if size > _MAX_LINK_SHARE * whole and whole < weight / 2:
                element.remove()


def _heads_nothing(heading, container) -> bool:
    """Whether only blanks follow until the container's end or a heading of the same or a higher rank."""
    element = heading
    while element is not None and element != container:
        after = element.next_sibling
        while after is not None:
            if after.text_content.strip():
                tag = after.tag or ""
                return len(tag) == 2 and tag[0] == "h" and tag <= heading.tag
            after = after.next_sibling
        element = element.parent
    return True


def _structured(page: str) -> str:
    """The longest schema.org articleBody of the page, for pages that a script fills in; "" if there is none."""
    bodies = []
    for found in _ARTICLE_BODY.finditer(page):
        try:
            bodies.append(json.loads(found[1], strict=False))
        except ValueError:
            continue
    return _TAG.sub(" ", html.unescape(max(bodies, key=len, default=""))).strip()
