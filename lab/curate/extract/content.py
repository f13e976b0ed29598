"""The lab's own extractor: the main content of an HTML page as text, one block per line.

In: HTML. Out: text, and which fallback gave it. Paragraphs are weighed by their text outside links; the element that
holds nearly all of that weight is the main content, unless its class or id (lab.curate.extract.names) says otherwise.
From it furniture and link lists are removed (lab.curate.extract.pruning), the lead (lab.curate.extract.lead) is put
before it, and Resiliparse serialises the rest. Where that element holds too little of the page
(lab.curate.extract.kind: forums, listings, shops, services), all but furniture is content (lab.curate.extract.parts).
The principle is Readability's and boilerpipe's (Kohlschütter et al. 2010). Python visits only paragraphs, their
ancestors and named elements; everything else stays in Resiliparse's DOM.
"""

import html
import json
import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import ElementNode, HTMLTree

from lab.curate.extract.boilerplate import without_boilerplate
from lab.curate.extract.container import Container, find, strip
from lab.curate.extract.kind import COLUMN, is_discussion, least_share
from lab.curate.extract.lead import find_lead
from lab.curate.extract.names import Role, Trust, least_role, role
from lab.curate.extract.nodes import name_of, remembered, text_of
from lab.curate.extract.parts import characters_of, find_furniture, find_root, most_characters
from lab.curate.extract.pruning import prune

FEW = 250  # characters; with fewer, more lenient ways are tried
VERY_FEW = 100  # characters

_PARAGRAPHS = "p,pre,blockquote,dd,div:has(> br),td:has(> br),article:has(> br)"
_BLOCKS = "p,pre,blockquote,div:not(:has(div,p,ul,ol,table,section,article,h1,h2,h3)),td:not(:has(div,p,table))"
_NAMED = "[class*=content],[class*=text],[class*=body],[id*=content],[id*=text],[id*=body]"
_IN_FIGURE = "figure table,figure pre,figure math"
_NOSCRIPT = re.compile(r"<(/?)noscript\b", re.IGNORECASE)
# Google's blogs keep the article in a template that a script shows.
_TEMPLATE = re.compile(
    r"(\bitemprop='articleBody'>\s*)<script type='text/template'>((?:(?!<script).)*)</script>", re.DOTALL
)
_SHADOW = re.compile(r"<template\b[^>]{0,200}\bshadowrootmode\b[^>]{0,200}>")  # its end tag is ignored
_FORMULA = re.compile(r"<script type=[\"']math/tex[^>]{0,40}>([^<]*)</script>")  # MathJax
_ARTICLE_BODY = re.compile(r'"articleBody"\s*:\s*("(?:[^"\\]|\\.)*")')
_NO_TEXT = "script,style,template"
_TAG = re.compile(r"<[^>]{0,1000}>")
# Selectors and Resiliparse's own main content take time quadratic in depth: harmless at this one, minutes at 20,000.
_DEEPEST = 250
_DEEP = ">".join("*" * _DEEPEST)
_FEW_TAGS = 2500  # a page with fewer is not deep enough to matter


@dataclass(frozen=True)
class Extracted:
    """A page's text, and the fallback that gave it.

    None: none was needed. "blocks": blocks instead of paragraphs vote. "names": names of furniture are ignored.
    "hidden": hidden parts and headers count. "noscript": what is shown without scripts. "structured": schema.org's
    articleBody. "parts": no column of prose holds enough of the page. "deep": nested so deeply that the whole page is
    serialised.
    """

    text: str
    fallback: str | None


def parse(page: str, tags: int) -> tuple[HTMLTree, bool]:
    """The DOM of a page with this number of "<", and whether it is too deep for anything but serialising it in time."""
    tree = HTMLTree.parse(page)
    deep = tags > _FEW_TAGS and tree.document is not None and tree.document.query_selector(_DEEP) is not None
    return tree, deep


@remembered()
def main_content(page: str, tags: int | None = None, discussions: bool = True) -> Extracted:
    """The main text of an HTML page; "" if there is none. `tags`: the number of "<" in it, if known.

    `discussions`: whether comments are kept on pages that are a discussion.
    """
    if tags is None:
        tags = page.count("<")
    page = _shown(page)
    content = _from_tree(page, tags, discussions=discussions)
    if len(content.text) < FEW:
        content = _longer(content, _from_tree(page, tags, Trust.MARKUP).text, "names")
    if len(content.text) < VERY_FEW:
        content = _longer(content, _untrusting(page, tags), "hidden")
    if len(content.text) < VERY_FEW and "<noscript" in page:
        content = _longer(
            content, _from_tree(_NOSCRIPT.sub(r"<\1div", page), tags, discussions=discussions).text, "noscript"
        )
    if len(content.text) < FEW:
        content = _longer(content, _structured(page), "structured")
    return content


def _shown(page: str) -> str:
    """The page with what a script or the browser shows of templates and formulas in the place of these."""
    if "itemprop='articleBody'>" in page:
        page = _TEMPLATE.sub(r"\1<div>\2</div>", page)
    if "shadowrootmode" in page:
        page = _SHADOW.sub("<div>", page)
    if "math/tex" in page:
        page = _FORMULA.sub(lambda match: f"<span>{html.escape(match[1])}</span>", page)
    return page


def _longer(content: Extracted, text: str, fallback: str) -> Extracted:
    """`text` if it is much longer than what there is, else that."""
    return Extracted(text, fallback) if len(text) > max(VERY_FEW, 2 * len(content.text)) else content


def _from_tree(page: str, tags: int, trust: Trust = Trust.NAMES, discussions: bool = False) -> Extracted:
    # 1. find the container by paragraphs, or by blocks if these hold more than twice as much; 2. find the lead before
    # its first paragraph and take it out, so that pruning can't remove it; 3. prune the container's elements; 4. leave
    # only the lead and the container in the body, and serialise it.
    tree, deep = parse(page, tags)
    body = tree.body
    if body is None:
        return Extracted("", None)
    if deep:
        return Extracted(extract_plain_text(tree, list_bullets=False, alt_texts=False), "deep")
    for element in body.query_selector_all(_NO_TEXT).values():
        element.remove()
    container, fallback = find(body, _PARAGRAPHS, trust), None
    if container.weight < FEW:
        blocks = find(body, _BLOCKS, trust)
        if blocks.weight > 2 * container.weight:
            container, fallback = blocks, "blocks"
    if trust is Trust.NAMES:
        text = _of_parts(page, tree, body, container, discussions and is_discussion(page))
        if text is not None:
            return Extracted(text, "parts")
    lead = find_lead(container.begin, body) if container.begin is not None else []
    for element in lead:
        strip(element, trust)
        element.remove()
    for element in container.elements:
        strip(element, trust)
        prune(element, container.weight, least_role(trust))
    if container.elements == [body]:
        body.prepend(*lead)
    else:
        body.replace_children(*lead, *container.elements)
    return Extracted(_serialised(tree, ["header"]), fallback)


def _of_parts(page: str, tree: HTMLTree, body: ElementNode, container: Container, discussion: bool) -> str | None:
    """The text of a page of many parts. None, and the page unchanged, if the container is what the page is about."""
    # Cheap and certain first: white space and furniture only add to the whole.
    most = len(text_of(body))
    if not discussion and container.prose >= COLUMN * most:
        return None
    least = least_share(page, discussion, container.prose, container.paragraphs)
    if container.prose >= least * most or container.prose >= least * (size := characters_of(body)):
        return None
    root, size = find_root(body, size)
    if container.prose >= least * most_characters(root, size):
        return None
    furniture, characters = find_furniture(root, size, discussion)
    if container.prose >= least * characters:
        return None
    for element in [*furniture, *root.query_selector_all("svg,canvas,textarea").values()]:
        element.remove()
    if root != body:
        body.replace_children(root)
    return _serialised(tree, [], ends=False)


def _untrusting(page: str, tags: int) -> str:
    """What is named as content, else the heaviest blocks; links, headers and hidden parts included."""
    tree, deep = parse(page, tags)
    body = tree.body
    if body is None or deep:
        return ""
    strip(body, Trust.NOTHING)
    candidates = body.query_selector_all(_NAMED).values()
    named = [element for element in candidates if role(name_of(element)) is Role.CONTENT]
    best = max(named, key=lambda element: len(text_of(element)), default=None)
    if best is None or len(text_of(best)) < FEW:
        best = find(body, _BLOCKS, Trust.NOTHING).elements[0]
    if best != body:
        body.replace_children(best)
    return _serialised(tree, [])


def has_more(page: str, tags: int, text: str) -> bool:
    """Whether a page holds much more text outside its navigation and footer than `text`."""
    tree, deep = parse(page, tags)
    if tree.body is None or deep:
        return False
    strip(tree.body, Trust.NOTHING)
    return len(" ".join(text_of(tree.body).split())) > max(FEW, 2 * len(text))


def _serialised(tree: HTMLTree, skipped: list[str], ends: bool = True) -> str:
    if tree.body is not None:
        for part in tree.body.query_selector_all(_IN_FIGURE).values():  # the serialiser leaves figures out
            figure = part.closest("figure")
            if figure is not None and figure.parent is not None:
                figure.parent.replace_child(part, figure)
    text = extract_plain_text(tree, list_bullets=False, alt_texts=False, skip_elements=skipped)
    return without_boilerplate(text, ends)


def _structured(page: str) -> str:
    """The page's longest schema.org articleBody, for pages filled in by a script; "" if there is none."""
    bodies = []
    for match in _ARTICLE_BODY.finditer(page):
        try:
            bodies.append(json.loads(match[1], strict=False))
        except ValueError:
            continue
    return _TAG.sub(" ", html.unescape(max(bodies, key=len, default=""))).strip()
