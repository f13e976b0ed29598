"""What kind of page this is: one column of prose, a discussion, or a page of many parts.

In: the page's source, and how much prose its container holds. Out: whether it is a discussion, by schema.org's types
and the marks of forum software, and the share of the page's text from which on the container is what the page is about.
"""

import re
from math import inf

_HEAD = 50_000  # characters at the start of a page in which it says what it is
_FORUM = re.compile(
    r"phpbb|vbulletin|xenforo|discourse|ipslayout|ipsapp|invision|mybb|smf|fluxbb|punbb|flarum|nodebb|jforum|yabb"
)
_DECLARED_IN = ("<html", "<body", 'name="generator"', "discourse_")  # where forum software gives its name
_LONGEST_TAG = 400  # characters of a tag that are read
_OPEN_GRAPH = 100  # characters around og:type
_JSON_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"(\w+)"')
_ITEM_TYPE = re.compile(r"schema\.org/(\w+)")
_DISCUSSIONS = frozenset(("DiscussionForumPosting", "QAPage"))
_ARTICLES = frozenset(
    "Article NewsArticle ReportageNewsArticle BlogPosting TechArticle ScholarlyArticle Recipe".split()
)
# Shares of a page's text outside furniture:
COLUMN = 0.6  # that a column of prose holds: the most that is asked of a page that is no discussion
_DECLARED = 0.15  # the same for pages that call themselves articles
_PROSAIC = 0.2  # the same for pages whose text is long paragraphs
_LONG = 200  # characters of a long paragraph
_LEAST_PROSE = 700  # characters


def is_discussion(page: str) -> bool:
    """Whether a page is a thread of a forum, or a question with its answers."""
    named = any(name in page for name in _DISCUSSIONS)  # at all: a plain search is faster than the patterns
    if named and not _DISCUSSIONS.isdisjoint(_JSON_TYPE.findall(page) + _ITEM_TYPE.findall(page)):
        return True
    places = (page.find(mark, 0, _HEAD) for mark in _DECLARED_IN)
    return any(
        _FORUM.search(page[place : place + _LONGEST_TAG].partition(">")[0].lower()) for place in places if place >= 0
    )


def is_declared_article(page: str) -> bool:
    """Whether a page calls itself an article, by Open Graph's or schema.org's types."""
    place = page.find("og:type", 0, _HEAD)
    if place >= 0 and "article" in page[max(place - _OPEN_GRAPH, 0) : place + _OPEN_GRAPH]:
        return True
    return not _ARTICLES.isdisjoint(_JSON_TYPE.findall(page))


def least_share(page: str, discussion: bool, prose: int, paragraphs: int) -> float:
    """The share of a page's text from which on a container with so much prose is what the page is about."""
    if discussion:
        return inf  # its first post is not all
    if is_declared_article(page):
        return _DECLARED
    return _PROSAIC if prose > _LEAST_PROSE and prose > _LONG * paragraphs else COLUMN
