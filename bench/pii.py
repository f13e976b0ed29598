"""How well personal addresses and numbers are found. In: labelled snippets. Out: precision and recall by kind.

`python -m bench.pii [LABELLED.json] [--out TABLE.md]`. A snippet marks what is personal as `⟦kind:text⟧`; a span
counts as right if its kind, start and end are. The set was written for this test, hard cases first: the figures are
for the worst of the web, not for its average.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from bench.published import publish, run_command
from lab.curate.pii import STAND_INS, Span, find
from lab.files import read_json
from lab.params import PiiParams

LABELLED = Path("tests/curate/pii_labelled.json")
TABLE = Path("reports/benchmarks/pii.md")
_MARK = regex.compile(rf"⟦({'|'.join(STAND_INS)}):(.+?)⟧")


@dataclass(frozen=True)
class Snippet:
    """A text, what is personal in it, and the country whose national phone numbers it may hold."""

    text: str
    spans: frozenset[Span]
    language: str
    region: str | None = None


@dataclass(frozen=True)
class KindScore:
    """How many spans of a kind are labelled, were detected, and are both."""

    kind: str
    labelled: int = 0
    detected: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.detected if self.detected else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.labelled if self.labelled else 1.0


@dataclass(frozen=True)
class Miss:
    """A span that was detected wrongly, or not detected."""

    snippet: Snippet
    span: Span
    wrongly: bool

    @property
    def text(self) -> str:
        return self.snippet.text[self.span.start : self.span.end]


def read(path: Path = LABELLED) -> list[Snippet]:
    """The labelled set."""
    return [unmark(row["text"], row["language"], row.get("region")) for row in read_json(path)]


def unmark(marked: str, language: str = "en", region: str | None = None) -> Snippet:
    """The snippet that a marked text describes."""
    text, spans, end = "", set(), 0
    for mark in _MARK.finditer(marked):
        text += marked[end : mark.start()]
        spans.add(Span(len(text), len(text) + len(mark[2]), mark[1]))
        text += mark[2]
        end = mark.end()
    return Snippet(text + marked[end:], frozenset(spans), language, region)


def misses(snippets: list[Snippet]) -> Iterator[Miss]:
    for snippet in snippets:
        spans = detected(snippet)
        yield from (Miss(snippet, span, wrongly=True) for span in sorted(spans - snippet.spans))
        yield from (Miss(snippet, span, wrongly=False) for span in sorted(snippet.spans - spans))


def detected(snippet: Snippet) -> frozenset[Span]:
    """The spans that `find` returns with everything switched on."""
    return frozenset(find(snippet.text, PiiParams(phones=True, cards=True, phone_region=snippet.region)))


def measure(snippets: list[Snippet]) -> dict[str, KindScore]:
    """Scores by kind."""
    scores = {kind: KindScore(kind) for kind in STAND_INS}
    for snippet in snippets:
        both = (snippet.spans, detected(snippet))
        for kind, score in scores.items():
            labelled, spans = ({span for span in of if span.kind == kind} for of in both)
            scores[kind] = replace(
                score,
                labelled=score.labelled + len(labelled),
                detected=score.detected + len(spans),
                right=score.right + len(labelled & spans),
            )
    return scores


def table(snippets: list[Snippet]) -> str:
    """Scores and misses as Markdown."""
    languages = len({snippet.language for snippet in snippets})
    scores = measure(snippets)
    rows = [
        f"| {score.kind} | {score.labelled} | {score.detected} | {score.precision:.3f} | {score.recall:.3f} |"
        for score in scores.values()
    ]
    listed = [
        f"| {'found wrongly' if miss.wrongly else 'missed'} | {miss.span.kind} | `{miss.text}` "
        f"| {miss.snippet.text.strip().splitlines()[0]} |"
        for miss in misses(snippets)
    ]
    return "\n".join(
        [
            "# Personal addresses and numbers: precision and recall",
            "",
            f"{len(snippets)} labelled snippets in {languages} languages (tests/curate/pii_labelled.json), written for "
            "this test: hard cases and their look-alikes. A span counts if kind, start and end are right.",
            "Made by `python -m bench.pii`.",
            "",
            "| kind | labelled | found | precision | recall |",
            "| --- | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "## Every miss",
            "",
            "| | kind | span | snippet |",
            "| --- | --- | --- | --- |",
            *listed,
            "",
        ]
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument(
        "labelled", nargs="?", type=Path, default=LABELLED, help="JSON of snippets; default: the tests'"
    )
    arguments.add_argument("--out", type=Path, default=TABLE)
    given = arguments.parse_args()
    text = table(read(given.labelled))
    publish(given.out, text)


if __name__ == "__main__":
    run_command(main)
