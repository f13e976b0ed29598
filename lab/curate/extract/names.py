"""What an element's class and id say about it: main content, furniture of the page, or what follows an article.

In: the words of `class` and `id`. Out: a Role. The vocabulary is that of other content extractors (Readability,
boilerpipe, trafilatura's XPaths), matched by whole words, in English and the most frequent other languages.
"""

import re
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from lab.files import read_sections


class Trust(IntEnum):
    """How much of a page's markup is believed."""

    NOTHING = 0  # parts marked as hidden or as a header may be the content
    MARKUP = 1  # elements named as furniture may be the content
    NAMES = 2


class Role(IntEnum):
    """What an element is for. DISCUSSION: comments or a list of other articles, however long. NEVER: no content, by its
    tag or attributes, whatever it holds."""

    CONTENT = -1
    UNKNOWN = 0
    FURNITURE = 1
    DISCUSSION = 2
    NEVER = 3


def least_role(trust: Trust) -> Role:
    """The lowest role that excludes an element."""
    return Role.FURNITURE if trust is Trust.NAMES else Role.DISCUSSION


_WORDS = {
    name: frozenset(" ".join(lines).split())
    for name, lines in read_sections(Path(__file__).with_suffix(".txt")).items()
}
_DISCUSSION = _WORDS["discussion"]
_FURNITURE = _WORDS["furniture"]
_FURNITURE_PAIRS = _WORDS["furniture_pairs"]
_CONTENT = _WORDS["content"]
_CONTENT_PAIRS = _WORDS["content_pairs"]
_PAGE_FURNITURE = _WORDS["page_furniture"]
_COMMENTS = _DISCUSSION | frozenset(
    "comment commentlist comol dsq replies nocomments kommentar leserkommentare comentario commentaire".split()
)
_SIGNATURE = frozenset("signature signatures".split())
# WordPress lists a post's tags and categories among its classes: they say nothing about its place in the page.
_POST = frozenset("hentry type-post type-page status-publish".split())
# Names of states count only as a whole class: "label-hidden" says that something else is hidden.
_WHOLE = frozenset("hidden hide invisible print".split())
# "right-sidebar layout", "has-sidebar": a page with a sidebar, not the sidebar.
_LAYOUT = frozenset("layout wrap wrapper with no has content container main site page grid row single".split())

_UNWANTED = _DISCUSSION | _FURNITURE
_FIRST_OF_PAIR = frozenset(pair.split("-")[0] for pair in _FURNITURE_PAIRS | _CONTENT_PAIRS)
_TELLING = _UNWANTED | _CONTENT | _FIRST_OF_PAIR
_EXCLUDING = _UNWANTED | _PAGE_FURNITURE | _SIGNATURE

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BLOCK_END = re.compile("--|__")  # between a block and its element or variant (BEM)
_HASH = re.compile(r"(?<=\w)__(?=\S*[A-Z0-9])[\w-]{5}(?!\S)")  # appended by CSS modules: `Main__2pNav`
_WORD = re.compile(r"[a-z0-9]+")


@lru_cache(1 << 16)
def role(name: str) -> Role:
    """The role that an element's class and id (joined by a space) give it.

    >>> role("post-content"), role("comments-area"), role("site has-sidebar")
    (<Role.CONTENT: -1>, <Role.DISCUSSION: 2>, <Role.UNKNOWN: 0>)
    """
    sequence = words_of(name)
    if _TELLING.isdisjoint(sequence):
        return Role.UNKNOWN
    words = set(sequence)
    classes = name.split()
    if not _POST.isdisjoint(classes):
        return Role.UNKNOWN
    pairs = {f"{first}-{second}" for first, second in pairwise(sequence) if first in _FIRST_OF_PAIR}
    if not _CONTENT.isdisjoint(words) or not _CONTENT_PAIRS.isdisjoint(pairs):
        return next((other for part in _parts(classes) if (other := role(part)) > Role.UNKNOWN), Role.CONTENT)
    if not _DISCUSSION.isdisjoint(words):
        return Role.DISCUSSION
    if not _LAYOUT.isdisjoint(words):
        words.discard("sidebar")
    if "elementor" in words:  # a page builder whose paragraphs are called widgets
        words.discard("widget")
    if "node" in words:  # Drupal's mark of pages that the front page lists
        words.discard("promoted")
    if "__next" in classes:  # where the framework Next.js puts the whole page
        words.discard("next")
    words -= _WHOLE.difference(classes)
    named = not _FURNITURE.isdisjoint(words) or not _FURNITURE_PAIRS.isdisjoint(pairs)
    return Role.FURNITURE if named else Role.UNKNOWN


def _parts(classes: list[str]) -> list[str]:
    """The parts that classes name: "author" of "article-body__author", which is no article body."""
    return [parts[-1] for name in classes if len(parts := _BLOCK_END.split(name)) > 1 and parts[-1] not in _WHOLE]


def words_of(name: str) -> list[str]:
    """The words of a class or id, in lower case: `postBody_text-2` has post, body, text and 2."""
    if "__" in name:
        name = _HASH.sub("", name)
    lower = name.lower()
    return _WORD.findall(lower if lower == name else _CAMEL.sub("-", name).lower())


@lru_cache(1 << 16)
def may_exclude(name: str) -> bool:
    """Whether this class (or id) may make an element furniture or a discussion, whatever its id (or class) is."""
    words = words_of(name)
    if _FIRST_OF_PAIR.isdisjoint(words):
        return not _EXCLUDING.isdisjoint(words)
    return (
        not _EXCLUDING.isdisjoint(words)
        or words[-1] in _FIRST_OF_PAIR  # the id may begin with the second
        or not _FURNITURE_PAIRS.isdisjoint(f"{first}-{second}" for first, second in pairwise(words))
    )


@lru_cache(1 << 16)
def is_page_furniture(name: str, discussion: bool) -> bool:
    """Whether a class and id name furniture on pages of many parts, or on those that are a discussion."""
    words = words_of(name)
    return not _PAGE_FURNITURE.isdisjoint(words) or not (_SIGNATURE if discussion else _COMMENTS).isdisjoint(words)


def are_namesakes(one: str | None, other: str | None) -> bool:
    """Whether two elements' classes are the same, or share one that names content ("article-text first")."""
    if one == other:
        return True
    shared = set((one or "").split()).intersection((other or "").split())
    return role(" ".join(shared)) is Role.CONTENT


def is_post(name: str) -> bool:
    """Whether the classes are those that WordPress gives to a post."""
    return not _POST.isdisjoint(name.split())
