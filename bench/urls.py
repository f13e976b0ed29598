"""The URL filter beside datatrove's, with the same lists; its speed, and the cost of four million hosts.

`python -m bench.urls [--out TABLE.md]`. In: the web archive and UT1's lists under LAB_SHARED. The URLs are those of
the archive's pages, their links, and entries of the lists in several spellings. datatrove 0.10.1 runs in its own
environment. Every kind of disagreement is listed with its cause.
"""

import argparse
import html
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.datatrove import VENV, datatrove_python
from bench.pages import ARCHIVE
from bench.published import publish, run_command
from lab.crawl.records import Record, read_records
from lab.crawl.scan import scan
from lab.curate.urls import UrlFilter
from lab.curate.urls.spelling import host_of
from lab.documents import Reason
from lab.errors import InputError, LabError
from lab.machine import processor
from lab.params import UrlFilterParams

TABLE = Path("reports/benchmarks/urls.md")
LISTS = ARCHIVE.parent / "ut1/ut1-blacklists.tar.gz"
LINKS, ENTRIES, WORD_URLS = 60_000, 10_000, 20_000
MANY = 4_000_000  # hosts
_HREF = re.compile(rb"href=[\"'](https?://[^\"'<>\s\\]+)")
# Runs in a fresh process, whose memory it measures.
_LOAD = """
import re, sys, time
from pathlib import Path
from lab.curate.urls import UrlFilter
from lab.params import UrlFilterParams
params = UrlFilterParams(blacklist=sys.argv[1])
started = time.perf_counter()
urls = UrlFilter.from_params(params)
urls.reason("http://example.org/")
seconds = time.perf_counter() - started
lines = sys.stdin.read().splitlines()
started = time.process_time()
for line in lines:
    urls.reason(line)
speed = len(lines) / (time.process_time() - started)
# Linux; getrusage would count what the parent held before it started this process.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(seconds, peak, speed)
"""


def links(archive: Path) -> Iterator[str]:
    """Targets of the links on an archive's pages."""
    rows = list(scan(str(archive), lambda reason: None))
    for _, record in read_records(str(archive), [(row["offset"], row["inner"]) for row in rows]):
        if isinstance(record, Record):
            for target in _HREF.findall(record.body):
                yield html.unescape(target.decode("utf-8", "replace"))


def population(archive: Path, lists: Path, words: list[str]) -> list[tuple[str, str]]:
    """(kind, URL); the same for the same inputs."""
    chance = Random(1)
    pages = [row["url"] for row in scan(str(archive), lambda reason: None)]
    linked = sorted({url for url in links(archive) if url.split() == [url] and url.isprintable()})
    linked = chance.sample(linked, min(LINKS, len(linked)))
    paths = [f"/{url.split('/', 3)[3]}" for url in linked if url.count("/") > 3]
    entries = {kind: _lines(lists, kind) for kind in ("domains", "urls")}
    hosts = chance.sample(entries["domains"], ENTRIES)
    urls = [("pages of the archive", url) for url in pages] + [("links on them", url) for url in linked]
    urls += [("listed hosts", f"https://{host}{chance.choice(paths)}") for host in hosts]
    urls += [("listed hosts, with www.", f"https://www.{host}{chance.choice(paths)}") for host in hosts]
    disguises = ("http://{}.:8080/", "http://user:pw@{}/", "HTTP://{}/")
    urls += [("listed hosts, disguised", chance.choice(disguises).format(host.upper())) for host in hosts]
    urls += [("listed URLs", f"http://{url}") for url in chance.sample(entries["urls"], ENTRIES)]
    common = [word for url in pages for word in re.split("[^a-zA-Z0-9]+", url) if len(word) > 2]
    for _ in range(WORD_URLS):
        hits = [re.sub(" ", chance.choice("-_/"), word) for word in chance.choices(words, k=chance.randrange(3))]
        text = chance.choice("-_/").join(chance.sample([*chance.choices(common, k=3), *hits], k=3 + len(hits)))
        urls.append(("words of the lists among others", f"https://page.example.org/{text}"))
    return [(kind, url) for kind, url in urls if url.split() == [url] and url.isprintable()]


def _lines(lists: Path, kind: str) -> list[str]:
    return [line for path in sorted(lists.rglob(kind)) for line in path.read_text("utf-8", "replace").split()]


def cause(url: str, ours: Reason | None, theirs: str) -> str:
    """Why we and datatrove judge a URL differently."""
    if ours == "malformed_url":
        return "no valid host, which datatrove lets pass"
    if ours == "blacklist_url" and not theirs:
        return "a listed URL: datatrove compares with the scheme, which the lists' entries lack, so none ever matches"
    if ours == "blacklist_domain" and not theirs:
        host = host_of(url)
        if re.fullmatch(r"[0-9.]+|.*:.*", host):
            return "an IP address: datatrove looks none up"
        written = url.split("://", 1)[1].split("/")[0]
        if host not in written:
            return "host in upper case or Unicode, which datatrove compares as written"
        return "below a listed host that is itself below a registered domain: datatrove looks up only the ends"
    return f"ours {ours or 'keeps'}, datatrove {theirs or 'keeps'}"


def judge_by_datatrove(urls: list[str], lists: Path, python: Path) -> list[str]:
    """datatrove's reasons; "": it keeps the URL. LabError if it fails."""
    script = Path(__file__).with_name("reference_urls.py")
    # -I: else the folder of the script, with a file named datatrove.py, would come before the package.
    command, lines = [python, "-I", script, lists], "".join(f"{url}\n" for url in urls)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise LabError(f"datatrove's URL filter failed: {done.stderr.strip()[-500:]}")
    return done.stdout.split("\n")[:-1]


def agreement(urls: list[tuple[str, str]], lists: Path, words: Path, theirs: list[str]) -> list[str]:
    """Lines of Markdown: agreement by kind of URL, with datatrove's word lists and our own; disagreements by cause."""
    their_words = UrlFilter.from_params(UrlFilterParams(blacklist=str(lists), word_lists=str(words)))
    our_words = UrlFilter.from_params(UrlFilterParams(blacklist=str(lists)))
    reasons = [their_words.reason(url) for _, url in urls]
    sizes = Counter(kind for kind, _ in urls)
    same, same_own = (
        Counter(kind for (kind, _), x, y in zip(urls, ours, theirs, strict=True) if bool(x) == bool(y))
        for ours in (reasons, [our_words.reason(url) for _, url in urls])
    )
    lines = ["| URLs | number | agreement, same lists | with the lab's word lists |", "| --- | ---: | ---: | ---: |"]
    for kind, size in sizes.items():
        lines.append(f"| {kind} | {size} | {same[kind] / size:.3%} | {same_own[kind] / size:.3%} |")
    causes: dict[tuple[str, str], list[str]] = {}
    for (kind, url), x, y in zip(urls, reasons, theirs, strict=True):
        if bool(x) != bool(y):
            causes.setdefault((kind, cause(url, x, y)), []).append(url)
    lines += [
        "",
        "Disagreements with the same lists:",
        "",
        "| URLs | cause | number | such as |",
        "| --- | --- | ---: | --- |",
    ]
    return lines + [f"| {kind} | {why} | {len(of)} | `{of[0][:80]}` |" for (kind, why), of in causes.items()]


def cost(urls: list[str], folder: Path) -> list[str]:
    """Lines of Markdown: the cost of four million made-up hosts, compiled and then loaded in a fresh process."""
    (folder / "adult").mkdir(parents=True)
    with open(folder / "adult/domains", "w") as file:
        file.writelines(f"host-{number * 7919 % 9999991}.number{number % 97}.example\n" for number in range(MANY))
    times = []
    for _ in range(2):
        started = time.perf_counter()
        command = [sys.executable, "-c", _LOAD, folder]
        done = subprocess.run(command, input="\n".join(urls), stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
        times.append((time.perf_counter() - started, *map(float, done.stdout.split())))
    (_, compiling, _, _), (_, loading, memory, speed) = times
    return [
        f"- {MANY:,} hosts: compiled once in {compiling:.1f} s; loaded by a fresh process in {loading:.2f} s, of which",
        f"  {memory:.0f} MB are resident at its peak, {len(urls):,} URLs included.",
        f"- {speed:,.0f} URLs per second on one core (pages and links above), with these lists and all word rules.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--venv", type=Path, default=VENV)
    arguments = parser.parse_args()
    if not ARCHIVE.is_file() or not LISTS.is_file():
        raise InputError(f"{ARCHIVE.parent}: no shared data here. Set LAB_SHARED to their folder.")
    python = datatrove_python(arguments.venv)
    (words,) = arguments.venv.glob("lib/python*/site-packages/datatrove/assets")
    with tempfile.TemporaryDirectory() as folder:
        lists = Path(folder) / "lists"
        with tarfile.open(LISTS) as archive:
            archive.extractall(lists, filter="data")
        banned = [line for name in sorted(words.glob("*banned*.txt")) for line in name.read_text().split("\n") if line]
        urls = population(ARCHIVE, lists, [word for word in banned if word.isascii() and not word.startswith("#")])
        theirs = judge_by_datatrove([url for _, url in urls], lists, python)
        compared = agreement(urls, lists, words, theirs)
        costs = cost([url for kind, url in urls if kind in ("pages of the archive", "links on them")], Path(folder))
    title = [
        "# URL filter: ours beside datatrove 0.10.1's",
        "",
        f"On {processor()}. Made by `python -m bench.urls`.",
        "",
    ]
    text = "\n".join([*title, *costs, "", *compared, ""])
    publish(arguments.out, text)


if __name__ == "__main__":
    run_command(main)
