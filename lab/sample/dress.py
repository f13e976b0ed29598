"""The HTML document of a page: the article in one of four themes of web sites.

In: a WebPage and a seed. Out: HTML with navigation, breadcrumbs, banners, related links, comments, advertisements,
scripts and a footer. Pages of one host share theme and look; the rest varies by page.
"""

from html import escape
from random import Random

from lab.sample import boilerplate
from lab.sample.web_page import WebPage, random_for


def dress(page: WebPage, seed: int) -> str:
    """The HTML document of a page. A page dressed as another address looks exactly like that one."""
    model = page.dressed_as or page.url
    host = model.split("/")[2]
    look, random = random_for(seed, "look", host), random_for(seed, "dress", model)
    choices = [_reference, _reference, _modern] if host.endswith(".docs.example") else [_modern, _blog, _table, _modern]
    theme = look.choice(choices)
    return theme(page, host, look, random)


def site_name(host: str) -> str:
    """A site's name: "gazette.applewick.town.example" is the "Gazette Applewick"."""
    return " ".join(part.replace("-", " ").title() for part in host.split(".")[:-2]) or host


def _head(page: WebPage, host: str, look: Random, random: Random, doctype: str = "<!DOCTYPE html>") -> str:
    charset = page.delivery.meta_charset
    meta = f'<meta charset="{charset}">\n' if charset else ""
    if charset and "XHTML" in doctype:
        meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}" />\n'
    title = escape(f"{page.title} - {site_name(host)}", quote=False)
    return (
        f'{doctype}\n<html lang="{page.language}">\n<head>\n{meta}<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="{look.choice(["WordPress 6.4", "Hugo 0.121", "Sphinx", "Plone", "hand"])}">\n'
        f'<link rel="canonical" href="{escape(page.url)}">\n<link rel="stylesheet" href="/static/site.css">\n'
        f"{boilerplate.style(look)}\n{boilerplate.analytics(look, host) if look.random() < 0.6 else ''}\n"
        f"{boilerplate.linked_data(page.title, page.url, page.date, page.author) if random.random() < 0.4 else ''}\n"
        "</head>\n"
    )


def _menu(look: Random) -> list[tuple[str, str]]:
    names = ["Home", "News", "About", "Archive", "Contact", "Search", "Map", "Links", "Help", "Events", "Shop"]
    return [(name, f"/{name.lower()}/") for name in ["Home", *look.sample(names[1:], look.randint(3, 6))]]


def _byline(page: WebPage) -> str:
    parts = [f"By {escape(page.author)}"] if page.author else []
    parts += [f'<time datetime="{page.date}">{page.date}</time>'] if page.date else []
    return " | ".join(parts)


def _modern(page: WebPage, host: str, look: Random, random: Random) -> str:
    """HTML5 with semantic elements."""
    crumbs = [("Home", "/"), (page.section or "All", f"/{(page.section or 'all').lower().replace(' ', '-')}/")]
    banner = ""
    if look.random() < 0.5:
        banner = (
            f'<div class="cookie-banner" role="dialog" aria-label="Cookies"><p>{look.choice(boilerplate.COOKIES)}</p>'
            "<button>Accept all</button> <button>Settings</button></div>\n"
        )
    advertisement = random.choice(boilerplate.ADVERTISEMENTS)
    aside = ""
    if page.related:
        aside = (
            f'<aside class="sidebar"><h2>Related</h2>\n<ul class="related">\n{boilerplate.link_list(page.related)}\n'
            f'</ul><div class="ad advertisement">{advertisement}</div></aside>\n'
        )
    byline = f'<p class="byline meta">{_byline(page)}</p>\n' if _byline(page) else ""
    return (
        _head(page, host, look, random)
        + f'<body class="page">\n{banner}<header class="site-header"><a class="logo" href="/">{site_name(host)}</a>\n'
        f'<nav class="main-nav"><ul>\n{boilerplate.link_list(_menu(look))}\n</ul></nav></header>\n'
        f'<nav class="breadcrumbs" aria-label="Breadcrumb">{boilerplate.link_list(crumbs, " &rsaquo; ")}</nav>\n'
        f'<main id="content">\n<article class="article">\n<h1>{escape(page.title, quote=False)}</h1>\n{byline}'
        f"{page.body}\n</article>\n</main>\n{aside}"
        f'<footer class="site-footer"><p>&copy; 2024 {site_name(host)}. {look.choice(boilerplate.RIGHTS)}</p>\n'
        f'<form class="newsletter"><p>{look.choice(boilerplate.NEWSLETTERS)}</p><input name="mail"></form></footer>\n'
        f"<script>document.documentElement.className+=' js';</script>\n</body>\n</html>\n"
    )


def _reference(page: WebPage, host: str, look: Random, random: Random) -> str:
    """The look of generated reference documentation."""
    neighbours = "".join(
        f'<li class="right"><a href="{escape(url)}" title="{escape(title)}">{word}</a> |</li>'
        for word, (title, url) in zip(["next", "previous"], page.related, strict=False)
    )
    bar = (
        f'<div class="related" role="navigation" aria-label="related navigation"><h3>Navigation</h3><ul>'
        f'<li class="right"><a href="/genindex.html">index</a></li>{neighbours}'
        f'<li class="nav-item"><a href="/">{site_name(host)}</a> &raquo;</li></ul></div>\n'
    )
    return (
        _head(page, host, look, random)
        + f'<body>\n{bar}<div class="document"><div class="documentwrapper"><div class="bodywrapper">\n'
        f'<div class="body" role="main">\n<section id="content">\n<h1>{escape(page.title, quote=False)}'
        f'<a class="headerlink" href="#content">&para;</a></h1>\n{page.body}\n</section>\n'
        '<div class="clearer"></div></div></div></div>\n'
        f'<div class="sphinxsidebar" role="navigation"><div class="sphinxsidebarwrapper"><h3>Table of Contents</h3>'
        f"<ul>\n{boilerplate.link_list(page.related)}\n</ul>"
        '<div id="searchbox" role="search"><h3>Quick search</h3><form action="/search.html"><input name="q"></form>'
        f"</div></div></div></div>\n{bar}"
        f'<div class="footer" role="contentinfo">&copy; Copyright the {site_name(host)} authors. '
        f"Last updated on {look.choice(boilerplate.MONTHS)} {look.randint(1, 28)}, 2024.</div>\n</body>\n</html>\n"
    )


def _table(page: WebPage, host: str, look: Random, random: Random) -> str:
    """A table layout, as in the 1990s."""
    doctype = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
    )
    counter = f"You are visitor number {look.randint(1000, 99999)}."
    links = boilerplate.link_list(page.related, "<br>\n")
    return (
        _head(page, host, look, random, doctype)
        + '<body bgcolor="#ffffff" text="#000000"><center>\n<table width="760" cellpadding="4" border="0">\n'
        f'<tr><td colspan="2" bgcolor="#003366" class="header"><font color="white" size="5">{site_name(host)}</font>'
        '<img src="/spacer.gif" width="1" height="20" alt=""></td></tr>\n'
        f'<tr><td colspan="2" class="navbar" id="nav">{boilerplate.link_list(_menu(look), " | ")}</td></tr>\n'
        f'<tr><td width="140" valign="top" class="sidebar menu"><font size="2"><b>More</b><br>\n{links}<br></font>'
        f'<div class="ad">{random.choice(boilerplate.ADVERTISEMENTS)}</div></td>\n'
        '<td valign="top" class="content" id="main"><div class="maintext">\n'
        f"<h1>{escape(page.title, quote=False)}</h1>\n"
        f"{page.body}\n</div></td></tr>\n"
        f'<tr><td colspan="2" class="footer" align="center"><font size="1">{counter} {look.choice(boilerplate.RIGHTS)}'
        "</font></td></tr>\n</table></center>\n</body>\n</html>\n"
    )


def _blog(page: WebPage, host: str, look: Random, random: Random) -> str:
    """A blog with widgets, tags, share buttons and comments."""
    tags = [(f"#{tag}", f"/tag/{tag}/") for tag in random.sample(boilerplate.TAGS, 3)]
    comments = ""
    if random.random() < 0.6:
        thread = "\n".join(
            f'<li class="comment depth-{depth}"><cite class="comment-author">{escape(name)}</cite>'
            f'<div class="comment-body"><p>{escape(remark, quote=False)}</p></div><a href="#respond">Reply</a></li>'
            for name, remark, depth in boilerplate.comment_thread(random)
        )
        comments = (
            '<div id="comments" class="comments-area"><h3>Comments</h3><ol class="comment-list">\n'
            f"{thread}\n</ol></div>\n"
        )
    widgets = (
        f'<div class="widget"><h3>Recent posts</h3><ul>\n{boilerplate.link_list(page.related)}\n</ul></div>'
        f'<div class="widget newsletter"><p>{look.choice(boilerplate.NEWSLETTERS)}</p></div>'
        f'<div class="widget ad-slot">{random.choice(boilerplate.ADVERTISEMENTS)}</div>'
    )
    return (
        _head(page, host, look, random)
        + f'<body class="single single-post">\n<div id="wrapper"><div id="header" class="site-header">'
        f'<p class="site-title"><a href="/">{site_name(host)}</a></p></div>\n'
        f'<div id="menu" class="menu navigation"><ul>\n{boilerplate.link_list(_menu(look))}\n</ul></div>\n'
        f'<div id="content"><div class="post hentry">\n<h1 class="entry-title">{escape(page.title, quote=False)}</h1>\n'
        f'<div class="entry-meta post-meta">{_byline(page)}</div>\n<div class="entry-content">\n{page.body}\n</div>\n'
        f'<div class="share social"><a href="#">Share</a> <a href="#">Tweet</a> <a href="#">Print</a></div>\n'
        f'<div class="tags post-meta">{boilerplate.link_list(tags, ", ")}</div>\n</div>\n{comments}</div>\n'
        f'<div id="sidebar" class="sidebar">{widgets}</div>\n'
        f'<div id="footer" class="footer">{look.choice(boilerplate.RIGHTS)}</div></div>\n'
        f'<div id="cookie-notice" class="cookie-notice">{look.choice(boilerplate.COOKIES)} <a href="/ok">OK</a></div>\n'
        "</body>\n</html>\n"
    )
