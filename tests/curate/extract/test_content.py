"""The lab's own extractor: without these the model learns menus, comments and cookie banners, or loses articles."""

import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from bench.extraction_score import GoldPage, read_pages, segments, shingles
from bench.mutated_pages import fuzz
from lab.curate.extract import extract_text
from lab.curate.extract.boilerplate import without_boilerplate
from lab.curate.extract.content import Extracted, main_content
from lab.curate.extract.names import Role, may_exclude, role
from lab.curate.extract.nodes import remembered
from lab.params import ExtractParams

FIRST = "The council met on Tuesday, and it agreed, after some debate, to build the bridge across the river."
SECOND = "Work begins in spring, said the mayor; it will take two years and cost as much as a new school."
THIRD = "Critics say that the old bridge would have lasted another decade, had it been painted in time."
ARTICLE = f"<p>{FIRST}</p><p>{SECOND}</p><p>{THIRD}</p>"


def lines(page: str) -> list[str]:
    return [line.strip() for line in main_content(page).text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    "furniture",
    [
        f"<div id=comments><p>{'I do not agree with any of this, and never will. ' * 3}</p></div>",
        "<div class='share-bar'><p>Share this with all your friends on every network there is</p></div>",
        "<aside><p>An aside about something else entirely, which is long enough to be text.</p></aside>",
        "<div class=newsletterSignup><p>Get our best stories each morning, free, in your inbox.</p></div>",
        "<div style='display:none'><p>Hidden text that no reader of the page ever gets to see.</p></div>",
        "<div hidden><p>Hidden text that no reader of the page ever gets to see.</p></div>",
        "<ul><li><a href=1>Another story of the day</a><li><a href=2>And one more story</a></ul>",
        "<p>Advertisement</p>",
        "<p><a href=3>Read our guide to all the bridges of the country</a></p>",
        "<figure><img src=x><figcaption>The bridge in 1932, seen from the mill.</figcaption></figure>",
        "<h3>More on bridges</h3>",
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_furniture_goes(furniture: str, inside: bool):
    body = f"<div class=text>{ARTICLE}{furniture}</div>" if inside else f"<div class=text>{ARTICLE}</div>{furniture}"
    assert lines(f"<body><div id=page>{body}</div></body>") == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize(
    "wrapper",
    [
        "<form id=aspnetForm>{}</form>",  # ASP.NET wraps whole pages so
        "<div class='container right-sidebar'>{}</div>",
        "<div class='post type-post hentry tag-newsletter category-comments'>{}</div>",
        "<div class='elementor-widget'>{}</div>",
        "<div class=content><noscript>{}</noscript></div>",
        "<table><tr><td>{}</td></tr></table>",
    ],
)
def test_what_looks_like_furniture_but_holds_the_page(wrapper: str):
    assert lines(f"<body><nav>Home</nav>{wrapper.format(ARTICLE)}</body>") == [FIRST, SECOND, THIRD]


def test_text_between_line_breaks():
    assert lines(f"<body><div id=menu>Home</div><div>{FIRST}<br><br>{SECOND}<br>{THIRD}</div></body>") == [
        FIRST,
        SECOND,
        THIRD,
    ]


def test_blocks_keep_their_lines():
    page = f"""<body><article><h1>The bridge</h1><p>{FIRST}</p><h2>Costs</h2><p>{SECOND}</p>
        <ul><li>steel from the north</li><li>stone from the quarry</li></ul>
        <table><tr><th>Year</th><th>Cost</th></tr><tr><td>2020</td><td>12</td></tr></table>
        <pre>def cost():\n    return 12</pre><p>{THIRD}</p></article></body>"""
    lines = [line.rstrip() for line in main_content(page).text.split("\n") if line.strip()]
    assert [line.strip() for line in lines if "return" not in line] == [
        FIRST,
        "Costs",
        SECOND,
        "steel from the north",
        "stone from the quarry",
        "Year\t\tCost",
        "2020\t\t12",
        "def cost():",
        THIRD,
    ]
    assert "    return 12" in lines
    assert "•" not in "".join(lines)


def test_the_first_of_several_articles():
    other = (
        "<article><h2>Another day</h2><p>"
        + "Something else happened, on another day, elsewhere. " * 8
        + "</p></article>"
    )
    declared = "<meta property=og:type content=article>"  # without it, it would be a front page, all of which counts
    page = f"{declared}<body><main><article><h2>The bridge</h2>{ARTICLE}</article>{other}{other}</main></body>"
    assert lines(page)[-3:] == [FIRST, SECOND, THIRD]


LEAD = (
    "For thirty years the town has argued about a bridge, and now, it seems, it will get one, and sooner than anybody "
    "had thought."
)


@pytest.mark.parametrize(
    "head",
    [
        "<header><h1>The bridge</h1><p class=article-lead>{}</p></header>",
        "<h1>The bridge</h1><div class=teaser-text><p>{}</p></div>",
        "<div><h1>The bridge</h1></div><div><p>{}</p></div>",
        "<div class=head><h1>The bridge</h1><div class=intro>{}</div><p>By Ann Miller, 3 May</p></div>",
    ],
)
def test_the_lead_comes_first(head: str):
    page = f"<body><nav>Home</nav><main>{head.format(LEAD)}<div class=article-body>{ARTICLE}</div></main></body>"
    assert lines(page) == [LEAD, FIRST, SECOND, THIRD]


@pytest.mark.parametrize(
    "between",
    [
        "<p class=subtitle>Nobody had thought of it</p>",  # a second title, not a paragraph
        f"<p>{LEAD} Photo: AP</p>",
        f"<div class=lead-image-caption>{LEAD}</div>",
        f"<div class=teaser><a href=/other>{LEAD}</a></div>",
        f"<aside class=summary>{LEAD}</aside>",
    ],
)
def test_what_stands_below_a_title_but_is_no_lead(between: str):
    page = f"<body><h1>The bridge</h1>{between}<div class=article-body>{ARTICLE}</div></body>"
    assert lines(page) == [FIRST, SECOND, THIRD]


def test_what_stands_before_the_title_is_no_lead():
    page = f"<body><div class=intro>{LEAD}</div><h1>The bridge</h1><div class=article-body>{ARTICLE}</div></body>"
    assert lines(page) == [FIRST, SECOND, THIRD]


def test_a_body_cut_in_two_by_an_advertisement_is_whole():
    rest = f"<p>{THIRD}</p>" * 12
    page = f"""<body><article><div class=story-text><p>{FIRST}</p></div><div class=ad>Buy this now</div>
        <div class=story-text>{rest}</div></article>
        <article><div class=story-text><p>{SECOND}</p></div></article></body>"""
    assert lines(page) == [FIRST, *[THIRD] * 12]


def test_recommendations_go_however_long_they_are():
    other = f"<p>{'Something else happened, on another day, elsewhere. ' * 20}</p>"
    page = f"<body><article class=text>{ARTICLE}<div class=story-recommendations>{other}</div></article></body>"
    assert lines(page) == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize(
    "page",
    [
        "<div style='display: none'>{}</div>",  # until a script shows it
        "<main><header>{}</header></main>",
    ],
)
def test_a_page_that_hides_all_it_has(page: str):
    content = main_content(f"<body><nav>Home</nav>{page.format(ARTICLE)}</body>")
    assert [line.strip() for line in content.text.split("\n") if line.strip()] == [FIRST, SECOND, THIRD]


def test_a_page_of_links_that_are_its_content():
    items = "".join(f"<li><a href={n}>{text}</a></li>" for n, text in enumerate((FIRST, SECOND, THIRD)))
    assert lines(f"<body><nav>Home</nav><div class=entry-content><ul>{items}</ul></div></body>") == [
        FIRST,
        SECOND,
        THIRD,
    ]


@pytest.mark.parametrize(("content", "asked"), [("<nav>{}</nav>", False), ("<div><span>{}</span></div>", True)])
def test_the_slow_engine_is_asked_only_where_there_is_more(content: str, asked: bool, monkeypatch):
    calls = []
    monkeypatch.setattr("lab.curate.extract.stage.main_content", lambda *_: Extracted("", None))
    monkeypatch.setattr("lab.curate.extract.stage._trafilatura", lambda *_, **__: calls.append(1) or FIRST * 5)
    extract_text(f"<body>{content.format(ARTICLE)}</body>", engine="lab")
    assert bool(calls) == asked


def test_an_article_in_sections_stays_whole():
    sections = "".join(
        f"<section class=s><div itemprop=articleBody><p>{t}</p></div></section>" for t in (FIRST, SECOND, THIRD)
    )
    assert lines(f"<body><article>{sections}</article><p>{'A note of the house. ' * 4}</p></body>")[:3] == [
        FIRST,
        SECOND,
        THIRD,
    ]


def test_a_page_that_a_script_fills_in():
    body = " ".join([FIRST, SECOND, THIRD])
    script = f'<script type="application/ld+json">{{"articleBody": "{body} Tom &amp; Ann"}}</script>'
    page = f"{script}<body><div id=app></div></body>"
    content = main_content(page)
    assert (content.text, content.fallback) == (f"{body} Tom & Ann", "structured")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("post-content", Role.CONTENT),
        ("articleBody", Role.CONTENT),
        ("comments-area", Role.DISCUSSION),
        ("shareBar", Role.FURNITURE),
        ("field--label-hidden", Role.UNKNOWN),
        ("commentary", Role.UNKNOWN),
        ("hidden", Role.FURNITURE),
        ("article-body__author", Role.FURNITURE),
        ("article-body__wrapper", Role.CONTENT),
        ("node node-promoted", Role.UNKNOWN),
        ("__next", Role.UNKNOWN),
        ("Page_Main__2pNav", Role.UNKNOWN),
        ("", Role.UNKNOWN),
    ],
)
def test_roles(name: str, expected: Role):
    assert role(name) is expected


def test_sentences_about_boilerplate_stay():
    text = (
        "Advertisement is what pays for most of the web.\nShare prices fell, and he said so.\n"
        "By the river stood a mill, older than the town.\nThe law says when a site may use cookies."
    )
    assert without_boilerplate(text) == text


def test_a_list_of_other_articles_ends_the_text():
    article = "\n".join([FIRST] * 5)
    assert without_boilerplate(f"{article}\nYou may also like\nTen bridges\nA ferry") == article
    assert without_boilerplate(f"{FIRST}\nComments\n{article}").endswith(FIRST)  # too early to be the end


@pytest.mark.parametrize("end", ["27 commentaires", "Leave a comment", "Kommentare (3)", "Trending on the web"])
def test_comments_longer_than_the_article_go(end: str):
    article = "\n".join([FIRST] * 20)
    assert without_boilerplate(f"{article}\n{end}\n" + "\n".join([SECOND] * 60)) == article


@pytest.fixture(scope="module")
def pages(shared) -> list[GoldPage]:
    return read_pages(shared / "web.warc.gz", shared / "web.gold.json")


def test_real_pages_hold_what_they_must_and_not_what_they_must_not(pages):
    sample = [page for page in pages if page.held_out and page.gold][:200]
    texts = [extract_text(page.body, encoding=page.charset, engine="lab") for page in sample]
    score = segments(sample, texts)
    assert score.precision > 0.90 and score.recall > 0.92, score


@pytest.mark.parametrize("engine", ["lab", "resiliparse"])
def test_mutated_pages(pages, engine: str):
    fuzzed = fuzz([page.body for page in pages], count=300, seed=1, params=ExtractParams(engine=engine))
    assert fuzzed.slowest < 6  # seconds
    assert fuzzed.removed.get("error", 0) == 0, fuzzed.removed


@pytest.mark.parametrize(
    ("truth", "text", "expected"),
    [
        ("a b c d e", "a b c d e", (1, 1)),
        ("a b c d", "a b c d x y z w", (1 / 5, 1)),
        ("a b c d e f g h", "a b c d", (1, 1 / 5)),
        ("a b", "a b", (1, 1)),
        ("a b c d", "", (0, 0)),
    ],
)
def test_the_benchmark_s_measure(truth: str, text: str, expected: tuple[float, float]):
    score = shingles([truth], [text])
    assert (score.precision, score.recall) == pytest.approx(expected)


_NAMES = st.lists(
    st.sampled_from("post meta content read more comments Widget share-bar type-post x9 hidden sidebar layout".split()),
    max_size=3,
).flatmap(lambda words: st.sampled_from("- ").map(lambda gap: gap.join(words)))


@given(_NAMES, _NAMES)
def test_what_a_class_and_an_id_make_furniture_one_of_them_may_exclude(class_name, identity):
    if role(f"{class_name} {identity}") >= Role.FURNITURE:
        assert may_exclude(class_name) or may_exclude(identity)


@pytest.mark.parametrize("name", ["share&amp;more", "share\\bar", "share\nbar", "share'bar"])
def test_furniture_goes_whatever_characters_its_name_has(name):
    furniture = f'<div class="{name}"><p>Share this with all your friends on every network there is</p></div>'
    assert lines(f"<body><article>{ARTICLE}{furniture}</article></body>") == [FIRST, SECOND, THIRD]


def test_an_article_in_a_template_that_a_script_would_show():
    page = f"<div itemprop='articleBody'>\n<script type='text/template'>{ARTICLE}</script></div><p>{SECOND * 9}</p>"
    assert lines(page)[:3] == [FIRST, SECOND, THIRD]
    assert FIRST not in main_content(page.replace("articleBody", "other")).text


def test_nodes_are_held_while_a_page_is_worked_on_and_no_longer():
    tree = HTMLTree.parse("<p>One")
    with remembered():
        held = weakref.ref(tree.body)
        assert held() is not None
    assert held() is None


@pytest.mark.filterwarnings("error")  # nodes may not be let go of by another thread than theirs
def test_pages_in_several_threads_do_not_mix():
    pages = [
        f"<nav><a href=/>{n}</a></nav><div class=text><h1>{n}</h1>{ARTICLE}"
        f"<div class=share>{n}</div><p>{n}: {SECOND}</p></div>"
        for n in range(200)
    ]
    alone = [main_content(page) for page in pages]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(main_content, pages)) == alone
    finally:
        sys.setswitchinterval(interval)
    assert all(content.text.endswith(f"{n}: {SECOND}") for n, content in enumerate(alone))
