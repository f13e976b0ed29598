"""Pages of every kind whose main text is written out: WCXB's development split and Readability's test pages.

In: ../shared/data/wcxb/wcxb-dev.tar.xz, and a folder or git directory of mozilla/readability. Out: scores by kind. The
measures: F1 of the words as a bag for WCXB, the mean over pages (arXiv 2605.21097); of 4-grams of words for
Readability, as in bench.extraction_score. Half of every set, by a hash of the id, is for tuning; the other half only
for reporting.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from resiliparse.extract.html2text import extract_plain_text

from bench.extraction_score import shingles
from bench.pages import ARCHIVE

WCXB = ARCHIVE.parent / "wcxb" / "wcxb-dev.tar.xz"
# The best published figure of each kind on this split (rs-trafilatura's, but for listing).
PUBLISHED = {
    "article": 0.932,
    "documentation": 0.932,
    "service": 0.844,
    "forum": 0.808,
    "collection": 0.716,
    "listing": 0.710,
    "product": 0.641,
    "all": 0.859,
}
_WORD = re.compile(r"\w+")
_RUNS = 5
_HALVES = ((False,), (True,), (False, True))
_READABILITY = "test/test-pages"


@dataclass(frozen=True)
class Reference:
    """A page and its right text."""

    id: str
    kind: str
    body: bytes
    text: str

    @property
    def held_out(self) -> bool:
        return held_out(self.id)


def held_out(identity: str) -> bool:
    """Whether a page is in the half that is only reported on."""
    return hashlib.sha256(identity.encode()).digest()[-1] % 2 == 1


def words_f1(truth: str, found: str) -> float:
    """F1 of two texts' words in lower case, as bags."""
    return _f1(Counter(_WORD.findall(truth.lower())), Counter(_WORD.findall(found.lower())))


def _f1(truth: Counter, found: Counter) -> float:
    both = truth.total() + found.total()
    return 2 * (truth & found).total() / both if both else 1.0


def read_wcxb(archive: Path = WCXB) -> list[Reference]:
    """All pages of the split, in the order of their ids."""
    with tarfile.open(archive) as tar:
        files = {name: tar.extractfile(name).read() for name in tar.getnames() if name.endswith((".html", ".json"))}  # type: ignore[union-attr]
    pages = []
    for name in sorted(files):
        if name.endswith(".json"):
            truth, identity = json.loads(files[name]), Path(name).stem
            body = files[f"{Path(name).parent.parent}/html/{identity}.html"]
            kind = truth["_internal"]["page_type"]["primary"]
            pages.append(Reference(identity, kind, body, truth["ground_truth"].get("main_content", "")))
    return pages


def read_readability(repository: Path) -> list[Reference]:
    """Readability's test pages: from a git directory (what is checked in at its head), or from a checkout."""
    files = dict(_committed(repository) if (repository / "HEAD").is_file() else _checked_out(repository))
    return [
        Reference(
            name, "article", files[name, "source.html"], extract_plain_text(files[name, "expected.html"].decode())
        )
        for name, file in sorted(files)
        if file == "source.html" and (name, "expected.html") in files
    ]


def _committed(repository: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    command = ["git", f"--git-dir={repository}", "archive", "HEAD", _READABILITY]
    with tarfile.open(fileobj=io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout)) as tar:
        for member in tar:
            if member.isfile():
                yield (Path(member.name).parent.name, Path(member.name).name), tar.extractfile(member).read()  # type: ignore[union-attr]


def _checked_out(repository: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    for path in (repository / _READABILITY).glob("*/*.html"):
        yield (path.parent.name, path.name), path.read_bytes()


def by_kind(pages: Sequence[Reference], scores: Sequence[float]) -> dict[str, tuple[float, float, float]]:
    """The mean of each kind, most frequent first, and of "all": of the tuning half, the reported half, and both."""
    kinds = [*(kind for kind, _ in Counter(page.kind for page in pages).most_common()), "all"]
    return {kind: _halves(pages, scores, kind) for kind in kinds}


def _halves(pages: Sequence[Reference], scores: Sequence[float], kind: str) -> tuple[float, float, float]:
    chosen = [pair for pair in zip(pages, scores, strict=True) if kind in ("all", pair[0].kind)]
    tuned = [score for page, score in chosen if not page.held_out]
    reported = [score for page, score in chosen if page.held_out]
    return _mean(tuned), _mean(reported), _mean(tuned + reported)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return mean(values) if values else 0.0


def measure(
    pages: Sequence[Reference], engines: Mapping[str, Callable[[bytes], str]], repeated: Container[str] = ()
) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Each engine's texts, and its CPU time a page in ms: the median of five runs for the `repeated`, else one run."""
    texts: dict[str, list[str]] = {name: [] for name in engines}
    seconds = dict.fromkeys(engines, 0.0)
    for page in pages:
        for name, run in engines.items():
            times = []
            for _ in range(_RUNS if name in repeated else 1):
                start = time.process_time()
                text = run(page.body)
                times.append(time.process_time() - start)
            texts[name].append(text)
            seconds[name] += median(times)
    return texts, {name: 1000 * total / len(pages) for name, total in seconds.items()}


def wcxb_section(pages: Sequence[Reference], texts: Mapping[str, list[str]], ms: Mapping[str, float]) -> list[str]:
    """A Markdown table: each kind by engine, the tuning half / the reported half / all."""
    by_engine = {
        name: by_kind(pages, [words_f1(page.text, text) for page, text in zip(pages, found, strict=True)])
        for name, found in texts.items()
    }
    counts = Counter(page.kind for page in pages)
    lines = [
        "## Pages of every kind (WCXB, development split)",
        "",
        "F1 of words, mean over pages: the half for tuning / the other / all. Published: the best figure of others.",
        "",
        f"| kind | pages | published | {' | '.join(by_engine)} |",
        "| --- |" + " ---: |" * (2 + len(by_engine)),
    ]
    for kind in next(iter(by_engine.values())):
        cells = [" / ".join(f"{value:.3f}" for value in scores[kind]) for scores in by_engine.values()]
        known = f"{PUBLISHED[kind]:.3f}"
        lines.append(f"| {kind} | {counts[kind] or len(pages)} | {known} | {' | '.join(cells)} |")
    return [*lines, "| ms a page | | | " + " | ".join(f"{ms[name]:.2f}" for name in by_engine) + " |", ""]


def readability_section(
    pages: Sequence[Reference], texts: Mapping[str, list[str]], ms: Mapping[str, float]
) -> list[str]:
    """A Markdown table of Readability's test pages, by the same halves."""
    lines = [
        f"## Readability's test pages ({len(pages)})",
        "",
        "4-grams of words against the text that Readability's authors expect: the half for tuning / the other / all.",
        "",
        "| engine | F1 | ms a page |",
        "| --- | ---: | ---: |",
    ]
    for name, found in texts.items():
        halves = [[place for place, page in enumerate(pages) if page.held_out in held_out] for held_out in _HALVES]
        cells = [
            f"{shingles([pages[place].text for place in half], [found[place] for place in half]).f1:.3f}"
            for half in halves
        ]
        lines.append(f"| {name} | {' / '.join(cells)} | {ms[name]:.2f} |")
    return [*lines, ""]
