"""Which elements of a page hold its main content: paragraphs vote for their ancestors.

In: the body of a Resiliparse DOM. Out: a Container. The search goes down from the body to the child that holds nearly
all the text, and stops where the text divides. There it prefers elements named as content, and the first of several
articles (endless scrolling, a blog's front page).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from resiliparse.parse.html import ElementNode

from lab.curate.extract.names import Role, Trust, are_namesakes, is_post, least_role, role
from lab.curate.extract.nodes import name_of, text_of

_NEVER_TAGS = frozenset(
    "script style nav footer aside iframe svg button select dialog menu template figure figcaption noscript object "
    "video audio canvas annotation input label textarea fieldset rt rp".split()
)
_MARKS = frozenset(("hidden", "aria-hidden", "role", "style"))
_MARKED = (
    "time:not(p time),[hidden],[aria-hidden=true],[role=navigation],[role=dialog],"
    "[style*='display:none']:not(:has(math)),[style*='display: none']:not(:has(math))"
)
_FIGURE = "table,pre,math"  # of a figure that is text
_NEVER = ",".join([*sorted(_NEVER_TAGS - {"figure"}), f"figure:not(:has({_FIGURE}))", _MARKED])
_SCAFFOLD = "script style nav iframe svg button select template noscript object canvas input textarea".split()
_BLOCKS = ("div", "td", "article")  # that hold text themselves, between line breaks
_LEAST_PARAGRAPH = 25  # characters
_LEAST_IDEOGRAPHS = 9  # characters of a script that writes words without spaces
_NO_LINK_CHECK = 200  # characters per child, above which a paragraph is no list of links
_DOMINANT = 0.88  # share of the weight that a child needs for the search to go down to it
_DIRECT = 0.03  # share of the weight in an element's own paragraphs, above which the search stops there
_NAMED = 0.35  # share of the weight that elements named as content need
_MOST_DISCUSSION = 0.8  # share of the weight; a discussion with more is what the page is about
_FIRST = 0.15  # share of the weight that the first of several articles needs
_ARTICLES = 0.8  # share of the weight in articles, for a page to be one of several articles
_LEAST_ARTICLE = 250  # characters


@dataclass(frozen=True)
class Container:
    elements: list[ElementNode]  # in document order
    weight: int  # characters of paragraph text outside links
    prose: int  # the same inside `elements`
    paragraphs: int  # inside `elements`
    begin: ElementNode | None  # the first of them


@dataclass(frozen=True)
class _Path:
    """From an element that has paragraphs as children up to a child of the body."""

    elements: list[ElementNode]
    weight: int  # of those paragraphs
    paragraphs: int
    begin: ElementNode  # the first of those paragraphs


Weights = dict[ElementNode, int]
Roles = dict[ElementNode, Role]


def find(body: ElementNode, paragraphs: str, trust: Trust) -> Container:
    """The elements with the main content. `paragraphs`: the CSS selector of what votes.

    Names exclude only discussions, or furniture too if `trust` is NAMES.
    """
    # 1. every paragraph's weight goes to all its ancestors; 2. paths through navigation, comments and other furniture
    # are dropped with their weight; 3. from the body down to the child that holds nearly all the weight, until the
    # weight divides; 4. there, elements named as content or the first article, if one is heavy enough.
    paths, weights, roles = _climb(body, body.query_selector_all(paragraphs).values(), trust)
    kept = _without_furniture(paths, weights, roles, body, least_role(trust))
    elements, weight = _descend(body, kept, weights, roles)
    inside = [path for path in kept if elements == [body] or any(element in path.elements for element in elements)]
    prose, count = sum(path.weight for path in inside), sum(path.paragraphs for path in inside)
    return Container(elements, weight, prose, count, inside[0].begin if inside else None)


def _weigh(paragraph: ElementNode) -> int:
    """Characters outside links; 0 for a paragraph that is too short or mostly links."""
    text = text_of(paragraph).strip()
    if "\n" in text or "  " in text:
        text = " ".join(text.split())
    size = len(text)
    if size < _LEAST_PARAGRAPH and (size < _LEAST_IDEOGRAPHS or not "\u2e80" <= text[size // 2] <= "\uffdc"):
        return 0
    if size > _NO_LINK_CHECK * paragraph.child_element_count:
        return size
    links = sum(len(text_of(link)) for link in paragraph.get_elements_by_tag_name("a").values())
    return size - links if 2 * links <= size else 0


def _climb(body: ElementNode, paragraphs: Sequence[ElementNode], trust: Trust) -> tuple[list[_Path], Weights, Roles]:
    """The paths from paragraphs to the body, and the weight and role of every element on them."""
    # First add up the weights of paragraphs by owner: their parent, or themselves for blocks that hold text directly.
    # Then climb from each owner to the body, or to the first ancestor that was visited already: every element's role is
    # found once, and the list of its ancestors is shared by all the owners below it.
    owned: dict[ElementNode | None, list[tuple[int, ElementNode]]] = {}  # owner -> its paragraphs and their weights
    for paragraph in paragraphs:
        is_block = paragraph.tag in _BLOCKS
        if is_block and paragraph.child_element_count:
            strip(paragraph, trust)  # scripts between line breaks would weigh as text
        if weight := _weigh(paragraph):
            owner = paragraph if is_block else paragraph.parent_element  # None if a strip has removed it
            owned.setdefault(owner, []).append((weight, paragraph))
    paths: list[_Path] = []
    weights: Weights = {body: 0}
    roles: Roles = {}
    upwards: dict[ElementNode, list[ElementNode]] = {body: []}  # each element -> itself and its ancestors below body
    for owner, voters in owned.items():
        weight = sum(weight for weight, _ in voters)
        unvisited: list[ElementNode] = []
        ancestor = owner
        while ancestor is not None and ancestor not in upwards:
            unvisited.append(ancestor)
            ancestor = ancestor.parent_element
        elements = upwards[ancestor] if ancestor is not None else []
        for element in reversed(unvisited):
            roles[element] = _role_of(element, trust)
            upwards[element] = elements = [element, *elements]
        for element in elements:
            weights[element] = weights.get(element, 0) + weight
        weights[body] += weight
        paths.append(_Path(elements, weight, len(voters), voters[0][1]))
    return paths, weights, roles


def strip(element: ElementNode, trust: Trust) -> None:
    """Remove from an element, in place, what is never content."""
    parts = element.query_selector_all(_NEVER if trust else ",".join(_SCAFFOLD)).values()
    most = _MOST_DISCUSSION * len(text_of(element)) if parts else 0
    for part in parts:
        if part.tag in _SCAFFOLD or len(text_of(part)) <= most:
            part.remove()


def _role_of(element: ElementNode, trust: Trust) -> Role:
    tag, attributes = element.tag, element.attrs
    if tag == "form":  # a search box, or what wraps the whole page: its weight decides
        return Role.FURNITURE
    if tag in _NEVER_TAGS and (trust or tag in _SCAFFOLD):
        return Role.NEVER if tag != "figure" or element.query_selector(_FIGURE) is None else Role.UNKNOWN
    if not attributes:
        return Role.UNKNOWN
    if trust and not _MARKS.isdisjoint(attributes) and element.matches(_MARKED):
        return Role.NEVER
    if "itemprop" in attributes and element.getattr("itemprop") == "articleBody":
        return Role.CONTENT
    return role(name_of(element))


def _without_furniture(
    paths: list[_Path], weights: Weights, roles: Roles, body: ElementNode, least: Role
) -> list[_Path]:
    """The paths through no furniture. The weights of the others are subtracted, in place, from all their ancestors."""
    total = weights[body]
    same_name: Counter[str | None] = Counter()  # class or id of elements to be left out -> their weight together
    for element, element_role in roles.items():
        if element_role > 0:
            same_name[element.class_name or element.id] += weights[element]

    roles_of = [[roles[element] for element in path.elements] for path in paths]
    content = sum(path.weight for path, on_path in zip(paths, roles_of, strict=True) if _is_content(on_path))

    def is_furniture(element: ElementNode) -> bool:
        if roles[element] > Role.FURNITURE:
            return weights[element] < _MOST_DISCUSSION * total or content > _LEAST_ARTICLE
        # Elements of one name that hold most of the text are the content, whatever they are called: slides, widgets.
        return roles[element] >= least and same_name[element.class_name or element.id] < total / 2

    def passes_furniture(path: _Path, on_path: list[Role]) -> bool:
        # What holds content is no furniture, but comments may hold what is named so.
        below_content = on_path.index(Role.CONTENT) if Role.CONTENT in on_path else len(on_path)
        return any(
            is_furniture(element)
            for place, (element, element_role) in enumerate(zip(path.elements, on_path, strict=True))
            if element_role > 0 and (place < below_content or element_role > Role.FURNITURE)
        )

    kept = []
    for path, on_path in zip(paths, roles_of, strict=True):
        if passes_furniture(path, on_path):
            for ancestor in path.elements:
                weights[ancestor] -= path.weight
            weights[body] -= path.weight
        else:
            kept.append(path)
    return kept


def _is_content(roles: list[Role]) -> bool:
    return Role.CONTENT in roles and max(roles) < Role.DISCUSSION


def _descend(body: ElementNode, paths: list[_Path], weights: Weights, roles: Roles) -> tuple[list[ElementNode], int]:
    """The elements with the main content, and the weight of the element where the search ended."""
    # At each level: `below` are the paths that go on below `current`, `children` its children on them, `direct` the
    # weight of its own paragraphs. Go down to the heaviest child while it holds nearly all the weight, few paragraphs
    # are direct, and no sibling has its class (one of several alike). An element named as content ends the search.
    current, depth, all_paths = body, 0, paths
    while True:
        below = [path for path in paths if len(path.elements) > depth]
        children = list(dict.fromkeys(path.elements[-1 - depth] for path in below))
        heaviest = max(children, key=weights.__getitem__, default=None)
        direct = sum(path.weight for path in paths if len(path.elements) <= depth)
        if (
            heaviest is None
            or weights[heaviest] < _DOMINANT * weights[current]
            or direct > _DIRECT * weights[current]
            or (heaviest.class_name and [child.class_name for child in children].count(heaviest.class_name) > 1)
        ):
            inner = [_Path(path.elements[: -depth or None], path.weight, path.paragraphs, path.begin) for path in below]
            return _narrow(current, inner, weights, roles), weights[current]
        current, depth = heaviest, depth + 1
        paths = [path for path in below if path.elements[-depth] == current]
        if roles[current] is Role.CONTENT:
            return _with_namesakes(current, all_paths, roles), weights[current]


def _with_namesakes(content: ElementNode, paths: list[_Path], roles: Roles) -> list[ElementNode]:
    """The element named as content, after those of its class that come before it in its article: an article's first
    paragraphs, cut off by an advertisement."""
    article = content.closest("article")
    namesakes: dict[ElementNode, None] = {}
    for path in paths:
        for element in reversed(path.elements):
            if roles[element] is Role.CONTENT:
                if element == content:
                    return [*namesakes, content]
                if are_namesakes(element.class_name, content.class_name) and element.closest("article") == article:
                    namesakes[element] = None
                break
    return [content]


def _narrow(current: ElementNode, paths: list[_Path], weights: Weights, roles: Roles) -> list[ElementNode]:
    """The elements below `current` that are named as content, or its first article, or `current` itself."""
    # Collect from each path its outermost element named as content and the article around that. If nearly all the text
    # is in articles, only the first large one counts. Of the named elements in question the heaviest and those of its
    # class in the same article win, if they hold enough of the weight.
    named: dict[ElementNode, ElementNode | None] = {}  # element named as content -> the article it is in
    articles: list[ElementNode] = []
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
    whole = first if first is not None else current
    if named:
        top = max(named, key=weights.__getitem__)
        alike = [e for e, a in named.items() if are_namesakes(e.class_name, top.class_name) and a == named[top]]
        if sum(weights[element] for element in alike) >= _NAMED * weights[whole]:
            return alike
    return [whole]


def _first_article(articles: list[ElementNode], weights: Weights, whole: int) -> ElementNode | None:
    """The first large one of several articles, if they hold nearly all of the weight `whole`."""
    if len(articles) < 2 or sum(weights[article] for article in articles) <= _ARTICLES * whole:
        return None
    least = max(_LEAST_ARTICLE, _FIRST * whole)
    return next((article for article in articles if weights[article] >= least), None)
