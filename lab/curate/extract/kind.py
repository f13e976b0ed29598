"""What kind of page this is: one column of prose, a discussion, or a page of many parts.

In: the page's source, its container of prose and its parts. Out: a Kind. A discussion is known by schema.org's types
and the marks of forum software, an article by what it declares itself to be; all else by the share of the page's text
that the column holds.
"""

import re

_HEAD = 100_000  # characters at the start of a page in which it says what it is
_FORUM = re.compile(
    r"<(?:html|body|meta)\b[^>]{0,400}\b(?:phpbb|vbulletin|xenforo|discourse|ipslayout|ipsapp|invision|mybb|smf|fluxbb"
    r"|punbb|flarum|nodebb|jforum|yabb)"
)
_ARTICLE = re.compile(r"og:type[^>]{0,40}\barticle\b|\barticle\b[^<>]{0,20}og:type")
_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"(\w+)"')
_ARTICLES = frozenset(
    "Article NewsArticle BlogPosting TechArticle ScholarlyArticle ReportageNewsArticle Recipe".split()
)
_COLUMN = 0.6  # share of a page's text outside furniture that a column of prose holds
_DECLARED = 0.15  # the same for pages that call themselves articles
_PROSAIC = 0.2  # the same for pages whose text is long paragraphs
_DISCUSSION = 0.9  # the same for discussions, whose first post is not all
_LONG = 200  # characters of a long paragraph
_LEAST_PROSE = 700  # characters


def is_discussion(page: str) -> bool:
    """Whether a page is a thread of a forum, or a question with its answers."""
    if "DiscussionForumPosting" in page or "QAPage" in page:
        return True
    return _FORUM.search(page[:_HEAD].lower()) is not None


def is_declared_article(page: str) -> bool:
    """Whether a page calls itself an article, by Open Graph's or schema.org's types."""
    return _ARTICLE.search(page, 0, _HEAD) is not None or not _ARTICLES.isdisjoint(_TYPE.findall(page))


def is_column(page: str, discussion: bool, prose: int, paragraphs: int, whole: int) -> bool:
    """Whether a container with this many characters and paragraphs of prose is what a page is about.

    `whole`: the characters of the page outside its furniture.
    """
    if discussion:
        return prose >= _DISCUSSION * whole
    prosaic = prose > _LEAST_PROSE and prose > _LONG * paragraphs
    least = _DECLARED if is_declared_article(page) else _PROSAIC if prosaic else _COLUMN
    return prose >= least * whole
