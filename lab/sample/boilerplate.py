"""What surrounds an article on the web: banners, teasers, comments, scripts. For lab.sample.dress.

In: a random generator. Out: pieces of HTML and text, written for this project.
"""

import json
from collections.abc import Iterable, Sequence
from html import escape
from random import Random

COOKIES = [
    "We use cookies to improve your experience. By continuing to browse this site you accept our use of cookies.",
    "This website uses cookies. Read our cookie policy to learn more about how we use them.",
    "We and our partners store cookies on your device. You can change your settings at any time.",
]
ADVERTISEMENTS = [
    "Advertisement: New boots for the wet season, now half price.",
    "Sponsored: Learn to play the accordion in thirty days.",
    "Advertisement: Fresh bread, delivered before you wake up.",
    "Sponsored: The only raincoat you will ever need.",
    "Advertisement: Compare 40 insurers in two minutes.",
    "Sponsored: Ten tricks that beekeepers would rather keep to themselves.",
]
NEWSLETTERS = [
    "Subscribe to our newsletter and never miss a page.",
    "Sign up for weekly news. You can unsubscribe at any time.",
    "Get the best of the week in your inbox.",
]
RIGHTS = [
    "All rights reserved.",
    "Reproduction only with written permission.",
    "Terms of use | Privacy policy | Imprint",
    "Made with care and a text editor.",
]
NICKNAMES = [
    "walker77", "Old Tom", "mary_k", "teapot", "nightowl", "anonymous", "J. P.", "riverside", "gardener", "the_clerk",
    "bluebird", "Nora", "quietreader", "Dad of three", "pixel", "Hob", "lark", "second thoughts", "ferryman", "K.",
]  # fmt: skip
REMARKS = [
    "Thanks for this, it was just what I was looking for.",
    "I don't agree with everything here, but it is well put.",
    "Could somebody explain the second part to me?",
    "First!",
    "My neighbour told me the same thing last week and I did not believe her.",
    "Has anybody tried this on an older machine?",
    "The link in the middle seems to be broken.",
    "I came here from the other thread and stayed for the comments.",
    "There is a small mistake in the third paragraph, I think.",
    "Please write more of these.",
    "This saved me an afternoon.",
    "It used to be better, to be honest.",
    "I printed it and put it on the fridge.",
    "Same here. It works if you wait a little and try again.",
    "Who reads this at four in the morning? I do.",
    "Great, now I am hungry.",
]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
TAGS = ["news", "weather", "people", "howto", "archive", "reference", "local", "notes", "guide", "update"]


def comment_thread(random: Random) -> list[tuple[str, str, int]]:
    """(nickname, remark, depth) of a few comments; answers are deeper."""
    thread, depth = [], 0
    for remark in random.sample(REMARKS, random.randint(2, 7)):
        thread.append((random.choice(NICKNAMES), remark, depth))
        depth = max(0, depth + random.choice([-1, 0, 0, 1]))
    return thread


def style(random: Random) -> str:
    """An inline style sheet, as content management systems write them."""
    color, width = f"#{random.randrange(1 << 24):06x}", random.choice([720, 960, 1140])
    return (
        f"<style>body{{margin:0;font-family:{random.choice(['Georgia', 'Arial', 'Verdana'])},sans-serif}}"
        f".wrap{{max-width:{width}px;margin:0 auto}}a{{color:{color}}}</style>"
    )


def analytics(random: Random, host: str) -> str:
    """A tracking script with a made-up key."""
    key = f"UA-{random.randrange(10**7):07d}-1"
    return (
        "<script>(function(w,d){w._q=w._q||[];w._q.push(['account','" + key + "']);var s=d.createElement('script');"
        f"s.async=true;s.src='https://static.{host}/t.js';d.head.appendChild(s);}})(window,document);</script>"
    )


def linked_data(title: str, url: str, date: str, author: str) -> str:
    """The article described in JSON-LD."""
    values = {"@context": "https://schema.org", "@type": "Article", "headline": title, "url": url}
    values |= {"datePublished": date} if date else {}
    values |= {"author": {"@type": "Person", "name": author}} if author else {}
    text = json.dumps(values, ensure_ascii=True).replace("</", "<\\/")  # a title may hold "</script>"
    return f'<script type="application/ld+json">{text}</script>'


def link_list(links: Iterable[Sequence[str]], separator: str = "") -> str:
    """Links (title, address) as list items, or in one line with a separator."""
    anchors = [f'<a href="{escape(url)}">{escape(title)}</a>' for title, url in links]
    return separator.join(anchors) if separator else "\n".join(f"<li>{anchor}</li>" for anchor in anchors)
