"""Pages of every kind whose main text is written out: WCXB's development split and Readability's test pages.

In: ../shared/data/wcxb/wcxb-dev.tar.xz, and a folder or git directory of mozilla/readability. Out: scores by kind. The
measures are the sets' own: F1 of the words as a bag for WCXB (arXiv 2605.21097), of their 4-grams for Readability, each
the mean over pages. Half of every set, by a hash of the id, is for tuning; the other half only for reporting.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from resiliparse.extract.html2text import extract_plain_text

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
}
_WORD = re.compile(r"\w+")
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


def grams_f1(truth: str, found: str, size: int = 4) -> float:
    """The same of their runs of four words."""
    return _f1(_grams(truth, size), _grams(found, size))


def _grams(text: str, size: int) -> Counter:
    words = _WORD.findall(text)
    return Counter(zip(*(words[start:] for start in range(size)), strict=False))


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


def scores(pages: Sequence[Reference], texts: Sequence[str], measure: Callable[[str, str], float]) -> list[float]:
    """Each page's score."""
    return [measure(page.text, text) for page, text in zip(pages, texts, strict=True)]
