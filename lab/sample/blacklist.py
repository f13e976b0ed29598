"""The sample web's own blacklist in UT1's layout, and the addresses that it names.

Out: `<category>/domains` and `<category>/urls`, one entry a line
(https://dsi.ut-capitole.fr/blacklists/index_en.php).
"""

from pathlib import Path

CATEGORIES = {"gambling": "lucky-wheel", "phishing": "your-bank-login", "malware": "free-codecs"}


def blocked_host(number: int) -> str:
    """A host that the blacklist names, or one below it."""
    hosts = [f"{prefix}{name}.example" for name in CATEGORIES.values() for prefix in ("", "www.", "play.")]
    return hosts[number % len(hosts)]


def blocked_url(number: int) -> str:
    """An address (without its scheme) that the blacklist names."""
    return f"free-pages.example/~user{number + 1}/prizes"


def write_blacklist(folder: Path, count: int) -> None:
    """The blacklist in UT1's layout: `<category>/domains` and `<category>/urls`, one entry a line."""
    for category, name in CATEGORIES.items():
        (folder / category).mkdir(parents=True, exist_ok=True)
        (folder / category / "domains").write_text(f"{name}.example\nold-{name}.example\n", "utf-8")
        numbers = range(count) if category == "gambling" else []
        (folder / category / "urls").write_text("".join(f"{blocked_url(number)}\n" for number in numbers), "utf-8")
