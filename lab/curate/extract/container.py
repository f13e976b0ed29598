"""Which elements of a page hold its main content: paragraphs vote for their ancestors.

In: the body of a Resiliparse DOM. Out: a Container. From the body the search goes down to the child that holds nearly
all the text, and stops where the text divides; there it prefers elements named as content, and the first of several
articles (endless scrolling, a blog's front page).
"""

from dataclasses import dataclass

from lab.curate.extract.names import Role, Trust, is_post, least_role, role

_NEVER_TAGS = (
    "script,style,nav,footer,aside,iframe,svg,button,select,dialog,menu,template,figure,figcaption,noscript,object,"
    "video,audio,canvas,input,label,textarea,fieldset,rt,rp"
).split(",")
_MARKS = frozenset(("hidden", "aria-hidden", "role", "style"))
_MARKED = (
    "time:not(p time),[hidden],[aria-hidden=true],[role=navigation],[role=dialog],[style*='display:none'],"
    "[style*='display: none']"
)
_NEVER = f"{','.join(_NEVER_TAGS)},{_MARKED}"
_SCAFFOLD = "script,style,nav,footer,iframe,svg,button,select,template,noscript,object,canvas,input,textarea".split(",")
_BLOCKS = ("div", "td")  # that hold text themselves, between line breaks
_LEAST_PARAGRAPH = 25  # characters
_LEAST_IDEOGRAPHS = 9  # characters of a script that writes words without spaces
_NO_LINK_CHECK = 600  # characters; paragraphs this long are never link lists
_DOMINANT = 0.88  # share of the weight that a child needs for the search to go down to it
_OWN = 0.03  # share of the weight in paragraphs of an element's own, at which the search stops there
_NAMED = 0.35  # share of the weight that elements named as content need
_MOST_DISCUSSION = 0.8  # share of the weight; a discussion with more is what the page is about
_FIRST = 0.15  # share of the weight that the first of several articles needs
_ARTICLES = 0.8  # share of the weight in articles, for a page to be one of several articles
_LEAST_ARTICLE = 250  # characters


@dataclass(frozen=True)
class Container:
    elements: list  # Resiliparse elements, in document order
    weight: int  # characters of paragraph text outside links
    begin: object | None  # the first paragraph of the content


@dataclass(frozen=True)
class _Path:
    """From the element that owns paragraphs up to a child of the body, and what those paragraphs weigh."""

    elements: list
    weight: int
    begin: object  # the first of those paragraphs


def name_of(element) -> str:
    """An element's class and id, joined by a space."""
    return f"{element.class_name or ''} {element.id or ''}"


def find(body, paragraphs: str, trust: Trust) -> Container:
    """The elements with the main content. `paragraphs`: the CSS selector of what votes.

    By their names only discussions are left out, unless `trust` says furniture too.
    """
    paths, weights, roles = _climb(body, body.query_selector_all(paragraphs).values(), trust)
    kept = _without_furniture(paths, weights, roles, body, least_role(trust))
    elements, weight = _descend(body, kept, weights, roles)
    begin = next((path.begin for path in kept if any(e in path.elements for e in elements)), None)
    return Container(elements, weight, begin)


def _weigh(element) -> int:
    """Characters outside links; 0 for a paragraph too short, or mostly links."""
    text = element.text_content.strip()
    size = len(text)
    if size < _LEAST_PARAGRAPH and (size < _LEAST_IDEOGRAPHS or not "\u2e80" <= text[size // 2] <= "\uffdc"):
        return 0
    if size > _NO_LINK_CHECK or not element.child_element_count:
        return size
    links = sum(len(link.text_content) for link in element.get_elements_by_tag_name("a").values())
    return size - links if 2 * links <= size else 0


def _climb(body, paragraphs: list, trust: Trust) -> tuple[list[_Path], dict, dict]:
    owned: dict = {}
    begins: dict = {}
    for element in paragraphs:
        direct = element.tag in _BLOCKS
        if direct:
            strip(element, trust)  # scripts between line breaks would weigh as text
        if weight := _weigh(element):
            owner = element if direct else element.parent
            owned[owner] = owned.get(owner, 0) + weight
            begins.setdefault(owner, element)
    paths, weights, roles = [], {body: 0}, {}
    upwards: dict = {body: []}  # of each element, itself and its ancestors below the body
    for owner, weight in owned.items():
        fresh, element = [], owner
        while element is not None and element not in upwards:
            fresh.append(element)
            element = element.parent
        elements = upwards.get(element, [])
        for element in reversed(fresh):
            roles[element] = _role_of(element, trust)
            upwards[element] = elements = [element, *elements]
        for element in elements:
            weights[element] = weights.get(element, 0) + weight
        weights[body] += weight
        paths.append(_Path(elements, weight, begins[owner]))
    return paths, weights, roles


def strip(element, trust: Trust) -> None:
    """Remove from an element, in place, what is never content."""
    for part in element.query_selector_all(_NEVER if trust else ",".join(_SCAFFOLD)).values():
        part.remove()


def _role_of(element, trust: Trust) -> Role:
    tag, attributes = element.tag, element.attrs
    if tag == "form":  # a search box, or what wraps the whole page: its weight decides
        return Role.FURNITURE
    if tag in _NEVER_TAGS and (trust or tag in _SCAFFOLD):
        return Role.NEVER
    if not attributes:
        return Role.UNKNOWN
    if trust and not _MARKS.isdisjoint(attributes) and element.matches(_MARKED):
        return Role.NEVER
    if "itemprop" in attributes and element.getattr("itemprop") == "articleBody":
        return Role.CONTENT
    return role(name_of(element))


def _without_furniture(paths: list[_Path], weights: dict, roles: dict, body, least: Role) -> list[_Path]:
    """The paths that lead through no furniture, their weights taken off (in place) from all ancestors."""
    total = weights[body]
    alike: dict[str, int] = {}
    for element, found in roles.items():
        if found > 0:
            key = element.class_name or element.id
            alike[key] = alike.get(key, 0) + weights[element]

    def leads_through_furniture(path: _Path) -> bool:
        found = [roles[element] for element in path.elements]
        if Role.NEVER in found:
            return True
        inside = (
            found.index(Role.CONTENT) if Role.CONTENT in found else len(found)
        )  # what holds content is no furniture
        return any(
            weights[element] < _MOST_DISCUSSION * total
            if roles[element] is Role.DISCUSSION
            # Many alike that hold most of the text are the content, whatever they are called: slides, widgets.
            else roles[element] >= least and alike[element.class_name or element.id] < total / 2
            for element in path.elements[:inside]
        )

    kept = []
    for path in paths:
        if leads_through_furniture(path):
            for ancestor in path.elements:
                weights[ancestor] -= path.weight
            weights[body] -= path.weight
        else:
            kept.append(path)
    return kept


def _descend(body, paths: list[_Path], weights: dict, roles: dict) -> tuple[list, int]:
    current, depth, kept = body, 0, paths
    while True:
        below = [path for path in paths if len(path.elements) > depth]
        children = list(dict.fromkeys(path.elements[-1 - depth] for path in below))
        best = max(children, key=weights.__getitem__, default=None)
        own = sum(path.weight for path in paths if len(path.elements) <= depth)
        if (
            best is None
            or weights[best] < _DOMINANT * weights[current]
            or own > _OWN * weights[current]
            or (best.class_name and any(c.class_name == best.class_name for c in children if c != best))
        ):
            inner = [_Path(path.elements[: -depth or None], path.weight, path.begin) for path in below]
            return _narrow(current, inner, weights, roles), weights[current]
        current, depth = best, depth + 1
        paths = [path for path in below if path.elements[-depth] == current]
        if roles[current] is Role.CONTENT:
            return _alike(current, kept, roles), weights[current]


def _alike(content, paths: list[_Path], roles: dict) -> list:
    """The element named as content, and those named the same that stand before it in its article: an article's first
    paragraphs, cut off by an advertisement."""
    article = content.closest("article")
    alike: dict = {}
    for path in paths:
        for element in reversed(path.elements):
            if roles[element] is Role.CONTENT:
                if element == content:
                    return [*alike, content]
                if element.class_name == content.class_name and element.closest("article") == article:
                    alike[element] = None
                break
    return [content]


def _narrow(current, paths: list[_Path], weights: dict, roles: dict) -> list:
    """The elements below `current` that are named as content, or its first article, or itself."""
    named: dict = {}  # the outermost element named as content of each path -> the article it stands in
    articles: list = []
    for path in paths:
        article = None
        for element in reversed(path.elements):
            if article is None and (element.tag == "article" or is_post(element.class_name or "")):
                article = element
                articles.append(element)
            if roles[element] is Role.CONTENT:
                named[element] = article
                break
    articles = list(dict.fromkeys(articles)) if current.closest("article") is None else []  # else parts of one
    first = _first_article(articles, weights, weights[current])
    if first is not None:
        named = {element: article for element, article in named.items() if article == first} or named
    if named:
        top = max(named, key=weights.__getitem__)
        alike = [e for e, article in named.items() if e.class_name == top.class_name and article == named[top]]
        if sum(weights[e] for e in alike) >= _NAMED * weights[first if first is not None else current]:
            return alike
    return [first if first is not None else current]


def _first_article(articles: list, weights: dict, whole: int):
    if len(articles) < 2 or sum(weights[article] for article in articles) <= _ARTICLES * whole:
        return None
    least = max(_LEAST_ARTICLE, _FIRST * whole)
    return next((article for article in articles if weights[article] >= least), None)
