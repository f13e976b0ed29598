"""Extraction engines compared on the pages of ../shared/data/web.warc.gz and on WCXB's: quality and CPU time.

`python -m bench.extraction [table.md] [--readability FOLDER] [--trafilatura]` (about 5 minutes). FOLDER: mozilla's
readability, its git directory or a checkout. --trafilatura: it, too, on WCXB's and Readability's pages (slow). All
engines get the same bytes, in one process, in turn for each page. Times include decoding and parsing; a page's time is
the median of three runs (five on WCXB and Readability), or one run if it took longer than 10 ms on the archive. What
the scores mean: bench.extraction_score.
"""

import argparse
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from bench.extraction_score import GoldPage, TextScore, read_pages, segments, shingles
from bench.extraction_wcxb import measure as measure_references
from bench.extraction_wcxb import read_readability, read_wcxb, readability_section, wcxb_section
from bench.pages import ARCHIVE
from bench.published import publish, run_command
from lab.curate.extract.decoding import decode
from lab.curate.extract.stage import extract, extract_text
from lab.curate.language.stage import LanguageIdentifier
from lab.machine import processor

TABLE = Path("reports/benchmarks/extraction.md")
GOLD = ARCHIVE.with_name("web.gold.json")
_RUNS = 3
_LONG = 0.01  # seconds; longer runs are not repeated
_FEW = 15  # pages; languages with fewer are put together
_REFERENCE = "trafilatura, favor_precision"


def _with_comments(html: str) -> str:
    return extract_plain_text(HTMLTree.parse(html), main_content=True).strip()


def _fast(html: str) -> str:
    import trafilatura

    return trafilatura.extract(html, fast=True, include_comments=False) or ""


ENGINES: dict[str, Callable[[GoldPage], str]] = {
    "lab": lambda page: extract_text(page.body, encoding=page.charset, engine="lab"),
    "Resiliparse": lambda page: extract_text(page.body, encoding=page.charset, engine="resiliparse"),
    "Resiliparse, comments kept": lambda page: _with_comments(decode(page.body, page.charset)),
    _REFERENCE: lambda page: extract_text(page.body, encoding=page.charset, engine="trafilatura"),
    "trafilatura, fast": lambda page: _fast(decode(page.body, page.charset)),
}


def measure(pages: Sequence[GoldPage]) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Each engine's texts, and its mean time per page in seconds of CPU."""
    texts: dict[str, list[str]] = {name: [] for name in ENGINES}
    seconds = dict.fromkeys(ENGINES, 0.0)
    for page in pages:
        for name, run in ENGINES.items():
            times: list[float] = []
            while len(times) < _RUNS and (not times or times[0] < _LONG):
                start = time.process_time()
                text = run(page)
                times.append(time.process_time() - start)
            texts[name].append(text)
            seconds[name] += statistics.median(times) / len(pages)
    return texts, seconds


def _rows(
    pages: Sequence[GoldPage], texts: dict[str, list[str]], chosen: Sequence[int], seconds: dict | None
) -> list[str]:
    part = [pages[index] for index in chosen]
    rows = []
    for name, all_texts in texts.items():
        extracted, reference = ([of[index] for index in chosen] for of in (all_texts, texts[_REFERENCE]))
        gold, agreement = segments(part, extracted), shingles(reference, extracted)
        cells = [name, *_cells(gold), *(_cells(agreement) if name != _REFERENCE else ["", "", ""])]
        rows.append("| " + " | ".join([*cells, *([f"{seconds[name] * 1000:.2f}"] if seconds else [])]) + " |")
    return rows


def _cells(score: TextScore) -> list[str]:
    return [f"{value:.3f}" for value in (score.precision, score.recall, score.f1)]


def _table(title: str, rows: list[str], *, timed: bool = False) -> list[str]:
    columns = ["engine", *["gold P", "R", "F1"], *["agreement P", "R", "F1"], *(["ms a page"] if timed else [])]
    return [f"## {title}", "", f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1), *rows, ""]


def report(pages: Sequence[GoldPage], readability: Path | None, slow: bool) -> str:
    """The whole report, Markdown. `slow`: trafilatura on all sets."""
    texts, seconds = measure(pages)
    identify = LanguageIdentifier().score
    languages = [identify(text)[0] for text in texts[_REFERENCE]]
    frequent = [name for name, count in Counter(languages).most_common() if count >= _FEW and name]
    everything = range(len(pages))
    fallbacks = Counter(extract(decode(page.body, page.charset), "lab").fallback for page in pages)
    ways = ", ".join(f"{name} {count}" for name, count in sorted((k, n) for k, n in fallbacks.items() if k)) or "none"
    lines = [
        "# Extraction engines",
        "",
        f"{len(pages)} real pages, one core ({processor()}), Python {platform.python_version()}.",
        "Made by `python -m bench.extraction`. Gold: segments that a page's text must and must not hold.",
        f"Agreement: 4-gram shingles of words against {_REFERENCE} on the same pages, a reference that errs too.",
        "Time: CPU, decoding and parsing included.",
        "",
        *_table("All pages", _rows(pages, texts, everything, seconds), timed=True),
        f"Fallbacks of the lab's engine, pages of {len(pages)}: {ways}.",
        "",
    ]
    for title, held_out in (("Pages that the engine was tuned on", False), ("Pages held out", True)):
        chosen = [index for index in everything if pages[index].held_out == held_out]
        lines += _table(f"{title} ({len(chosen)})", _rows(pages, texts, chosen, None))
    for name in frequent:
        chosen = [index for index in everything if languages[index] == name]
        lines += _table(f"Language {name} ({len(chosen)})", _rows(pages, texts, chosen, None))
    chosen = [index for index in everything if languages[index] not in frequent]
    lines += _table(f"Other languages ({len(chosen)})", _rows(pages, texts, chosen, None))
    names = ["lab", "resiliparse", *(["trafilatura"] if slow else [])]
    engines = {name: partial(_text, engine=name) for name in names}
    kinds = read_wcxb()
    lines += wcxb_section(kinds, *measure_references(kinds, engines, names[:2]))
    if readability is not None:
        tests = read_readability(readability)
        lines += readability_section(tests, *measure_references(tests, engines, names[:2]))
    return "\n".join(lines)


def _text(body: bytes, engine: str) -> str:
    return extract_text(body, engine=engine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", type=Path, default=TABLE, help="Markdown file to write")
    parser.add_argument("--readability", type=Path, help="folder of mozilla/readability's test pages")
    parser.add_argument("--trafilatura", action="store_true", help="score trafilatura on them too (slow)")
    options = parser.parse_args()
    publish(options.table, report(read_pages(ARCHIVE, GOLD), options.readability, options.trafilatura))


if __name__ == "__main__":
    run_command(main)
