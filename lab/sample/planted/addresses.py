"""Cases of the URL filter: addresses on a blacklist, with banned words, or that differ in a session id alone.

Also writes the blacklist itself, in UT1's layout (https://dsi.ut-capitole.fr/blacklists/index_en.php).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.sample.planted.cases import PlantedCase, Planter

CATEGORIES = {"gambling": "lucky-wheel", "phishing": "your-bank-login", "malware": "free-codecs"}
BANNED_PATHS = ["viagra-cialis-cheap", "xxx-video", "porn-tube"]
SESSIONS = ["?sessionid={}", "?PHPSESSID={}", ";jsessionid={}", "?sid={}"]


def write_blacklist(folder: Path, count: int) -> None:
    """`<category>/domains` and `<category>/urls`, one entry per line; `count` URLs of pages."""
    for category, name in CATEGORIES.items():
        (folder / category).mkdir(parents=True, exist_ok=True)
        (folder / category / "domains").write_text(f"{name}.example\nold-{name}.example\n", "utf-8")
        numbers = range(count) if category == "gambling" else []
        (folder / category / "urls").write_text("".join(f"{blocked_url(number)}\n" for number in numbers), "utf-8")


def blocked_host(number: int) -> str:
    """A host that the blacklist names, or a subdomain of one."""
    hosts = [f"{prefix}{name}.example" for name in CATEGORIES.values() for prefix in ("", "www.", "play.")]
    return hosts[number % len(hosts)]


def blocked_url(number: int) -> str:
    """An address (without its scheme) that the blacklist names."""
    return f"free-pages.example/~user{number + 1}/prizes"


def blocked(planter: Planter) -> Iterator[PlantedCase]:
    for number in range(planter.count):
        url = f"https://{blocked_host(number)}/page-{number + 1}.html"
        yield PlantedCase("blocked_host", planter.base(url), "url_filter")
    for number in range(planter.count):
        yield PlantedCase("blocked_url", planter.base(f"https://{blocked_url(number)}"), "url_filter")
    for number in range(planter.count):
        word = BANNED_PATHS[number % len(BANNED_PATHS)]
        url = f"https://shop-{number + 1}.example/{word}/{number + 1}.html"
        yield PlantedCase("banned_word_url", planter.base(url), "url_filter")


def sessions(planter: Planter) -> Iterator[PlantedCase]:
    for number in range(planter.count):
        original = planter.revisited.pop()
        session = f"{planter.random('session', number).getrandbits(128):032x}"
        url = original.url + SESSIONS[number % len(SESSIONS)].format(session)
        page = replace(original, url=url, dressed_as=original.url)
        yield PlantedCase("session_id", page, "url_filter", original=original.url)
