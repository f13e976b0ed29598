"""The lead of an article: the paragraph between its title and its text, which pages keep apart from both.

In: the first paragraph of the text. Out: the elements of the lead, recognised by their names (those that newspapers and
their systems use, in several languages) or by their place beside the title.
"""

import re

from resiliparse.parse.html import ElementNode

from lab.curate.extract.names import words_of
from lab.curate.extract.nodes import text_of

_NAMES = frozenset(
    """
    lead lede leadtext intro introtext introduction teaser standfirst excerpt summary subtitle subheadline subheading
    subhead subline deck dek abstract preface preamble strapline ingress manchet chapo chapeau bajada copete
    entradilla sumario vorspann anriss einleitung sommario sottotitolo zajawka
    """.split()
)
_OTHER = frozenset(
    """
    image images img photo video media asset figure caption credit author authors autor byline date meta newsletter
    titulo title headline breadcrumb related
    """.split()
)
_CREDIT = re.compile(
    r"©|\b(?:[Ff]otos?|[Pp]hotos?|[Bb]ild(?:quelle)?|Images?|Quelle)\b ?:|Getty|\b(?:dpa|AFP|Reuters|REUTERS)\b"
)
_LONGEST_CREDIT = 250  # characters of a caption with its credit
_TAGS = frozenset(("p", "h2", "h3", "div", "section"))
_CANDIDATES = "h1,p,h2,h3,div[class]"
_NOWHERE = frozenset(("nav", "aside", "footer", "figure", "form", "button", "ul", "script", "style", "iframe"))
_LEAST, _LEAST_UNNAMED, _MOST = 100, 120, 1200  # characters; a shorter one is a subtitle
_MOST_LINKS = 0.3  # share of the characters
_LEVELS, _SIBLINGS = 8, 8  # looked at, before the text
_MOST_LEADS = 3
_MOST_CANDIDATES = 200  # elements before the text; pages with more have another page there, not a header


def find_lead(begin: ElementNode, body: ElementNode) -> list[ElementNode]:
    """The elements of the lead, in document order; `begin`: the first paragraph of the text."""
    before: list[ElementNode] = []  # nearest first
    element = begin
    for _ in range(_LEVELS):
        sibling = element.previous_element_sibling
        for _ in range(_SIBLINGS):
            if sibling is None:
                break
            tag = sibling.tag
            if tag == "h1":
                return _leads(before)
            if tag not in _NOWHERE:
                before.append(sibling)
                if sibling.first_element_child is not None and sibling.query_selector("h1") is not None:
                    return _leads(before)
            sibling = sibling.previous_element_sibling
        parent = element.parent_element
        if parent is None or parent == body:
            break
        element = parent
    return []


def _leads(before: list[ElementNode]) -> list[ElementNode]:
    leads: list[ElementNode] = []
    for sibling in reversed(before):
        inside = [sibling]
        if sibling.first_element_child is not None:
            candidates = sibling.query_selector_all(_CANDIDATES)
            if len(candidates) > _MOST_CANDIDATES:
                continue
            inside += candidates.values()
        for element in inside:
            if element.tag == "h1":  # what comes before the title is no lead
                leads = []
            elif not any(outer.contains(element) for outer in leads) and _is_lead(element):
                leads.append(element)
    return leads if len(leads) <= _MOST_LEADS else []


def _is_lead(element: ElementNode) -> bool:
    tag = element.tag
    if tag not in _TAGS:
        return False
    names = words_of(element.class_name or "")
    if not _OTHER.isdisjoint(names):
        return False
    named = not _NAMES.isdisjoint(names)
    if not named and tag not in ("p", "h2"):
        return False
    text = text_of(element).strip()
    if not (_LEAST if named else _LEAST_UNNAMED) <= len(text) <= _MOST:
        return False
    if len(text) < _LONGEST_CREDIT and _CREDIT.search(text):
        return False
    links = sum(len(text_of(link)) for link in element.get_elements_by_tag_name("a").values())
    return links <= _MOST_LINKS * len(text)
