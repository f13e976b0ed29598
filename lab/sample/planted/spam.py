"""Pages that the quality filters must refuse, one function per kind.

In: a random generator, and paragraphs of sound English for faults in otherwise good text. Out: the article's HTML.
Docstrings name the rule that the page breaks (of Gopher, C4 or FineWeb).
"""

from collections.abc import Callable
from html import escape
from random import Random

from lab.sample.planted.cases import paragraphs_html

_LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo."
)
_OFFERS = [
    "Buy the best garden chairs online today and save big on every order that you place with us.",
    "Click here now to get the lowest price on travel insurance for you and your family.",
    "Our customers have told us that this is the best offer of the year, and we agree with them.",
    "Order before midnight and we will ship the same day to any address in the country.",
]
_GOODS = (
    "garden chairs, travel insurance, running shoes, kitchen knives, office furniture, designer handbags, used cars, "
    "web hosting, phone repairs, printer ink, wedding dresses, laptop batteries, hotel rooms, car loans, wall clocks"
).split(", ")
_SEARCHES = [
    "buy cheap {} online", "best {} reviews today", "compare {} prices near you", "where can i find good {}",
    "{} discount code this week", "free shipping for {}", "how much should {} cost", "who sells used {} nearby",
    "latest {} offers from our store", "top ten {} brands this year", "{} for beginners", "why are {} so expensive",
]  # fmt: skip
_SYMBOLS = [*"#$%&*+=<>@^~|_", "->", "::", "***", "###", "=>", "%%", "$$", "//"]


def repeated_lines(random: Random, sound: list[str]) -> str:
    """The same few lines again and again (Gopher: duplicate lines and paragraphs)."""
    lines = random.sample(_OFFERS, 2) * random.randint(12, 20)
    return paragraphs_html(lines)


def repeated_phrase(random: Random, sound: list[str]) -> str:
    """One phrase over and over within running text (Gopher: duplicate n-grams)."""
    phrase = random.choice(_OFFERS)
    starts = [text.split(".")[0] for text in [*sound, *sound][:6]]
    return paragraphs_html([f"{start}. {phrase} {phrase} {phrase}" for start in starts])


def keyword_list(random: Random, sound: list[str]) -> str:
    """What people type into search engines, without a sentence (Gopher: stop words)."""
    searches = [search.format(goods) for search in _SEARCHES for goods in random.sample(_GOODS, 2)]
    random.shuffle(searches)
    return paragraphs_html([f"{', '.join(searches[at : at + 4])}." for at in range(0, len(searches), 4)])


def symbol_soup(random: Random, sound: list[str]) -> str:
    """Words drowned in symbols (Gopher: words with a letter)."""
    lines = []
    for text in sound:
        words = text.split()
        lines.append(" ".join(f"{word} {random.choice(_SYMBOLS)}" if random.random() < 0.5 else word for word in words))
    return paragraphs_html(lines)


def lorem_ipsum(random: Random, sound: list[str]) -> str:
    """A theme's filler text left in a page (C4: lorem ipsum)."""
    at = random.randint(1, len(sound))
    return paragraphs_html([*sound[:at], _LOREM, *sound[at:]])


def curly_brace(random: Random, sound: list[str]) -> str:
    """Code or an unfilled template in prose (C4: curly bracket)."""
    template = "Dear {first_name}, we have news of " + random.choice(_GOODS) + " for {city} that you should not miss."
    return paragraphs_html([sound[0], template, *sound[1:]])


def too_short(random: Random, sound: list[str]) -> str:
    """A page with next to nothing on it (Gopher: words)."""
    return paragraphs_html([f"This page about {random.choice(_GOODS)} is under construction. Please come back later."])


def long_words(random: Random, sound: list[str]) -> str:
    """Laughter of over a thousand letters without a space (Gopher: mean word length; C4 drops such lines)."""
    lines = [sentence for text in sound for sentence in text.split(". ")][:12]
    laughs = [random.choice(["ha", "wow", "oo"]) * random.randint(501, 600) for _ in lines]
    return paragraphs_html([f"{line} {laugh}" for line, laugh in zip(lines, laughs, strict=True)])


def bullet_list(random: Random, sound: list[str]) -> str:
    """Nothing but bullet points, line after line (Gopher: bullet lines)."""
    words = " ".join(sound).split()
    lines = [f"• {escape(' '.join(words[at : at + 6]), quote=False)}" for at in range(0, len(words), 6)]
    return f"<p>{'<br>'.join(lines)}</p>"


def ellipsis_lines(random: Random, sound: list[str]) -> str:
    """Teasers that break off (Gopher: lines that end with an ellipsis)."""
    sentences = [sentence for text in sound for sentence in text.split(". ")]
    return paragraphs_html([f"{sentence.rstrip('.')}..." for sentence in sentences])


def short_lines(random: Random, sound: list[str]) -> str:
    """Verse-like scraps without a full stop (FineWeb: terminal punctuation, short lines)."""
    words = " ".join(sound).replace(".", "").replace('"', "").split()
    return paragraphs_html([" ".join(words[at : at + 4]) for at in range(0, len(words), 4)])


KINDS: dict[str, Callable[[Random, list[str]], str]] = {
    write.__name__: write
    for write in (
        repeated_lines, repeated_phrase, keyword_list, symbol_soup, lorem_ipsum, curly_brace, too_short, long_words,
        bullet_list, ellipsis_lines, short_lines,
    )
}  # fmt: skip
