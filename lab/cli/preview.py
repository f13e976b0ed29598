"""`lab preview`: the documents that a curation stage kept and removed. In: data/<stage>/. Out: pages in a terminal."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.terminal import find_project, harmless, make_console, page
from lab.errors import LabError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lab.cli.stage_rows import Row

FACTS = ("status", "mime", "language", "language_score")


def preview(
    stage: Annotated[
        str,
        typer.Argument(metavar="STAGE", help="index, url_filter, extract, language, quality, dedup, pii or dataset."),
    ],
    removed: Annotated[bool, typer.Option("--removed", help="Only what was removed.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Only what was kept.")] = False,
    reason: Annotated[
        str | None,
        typer.Option(
            help="Only what was removed for this reason, or for this family of reasons (the part before ':')."
        ),
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only documents with this in URL or text; case is ignored.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="This number at random, instead of all in order.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.")] = 1,
    characters: Annotated[int, typer.Option(min=0, help="Characters shown of each text; 0: all.")] = 2000,
    stats: Annotated[
        bool, typer.Option("--stats", help="Number and length of the documents of each verdict, instead of texts.")
    ] = False,
) -> None:
    """Page through the documents that a curation stage kept and removed, with the reasons.

    \b
    Examples:
      lab preview quality
      lab preview quality --removed --sample 20
      lab preview quality --reason gopher --search "terms of use"
      lab preview language --stats
    """
    from lab.cli import stage_rows

    if stage not in stage_rows.STAGES:
        raise LabError(f"preview: there is no curation stage '{stage}'; there are {', '.join(stage_rows.STAGES)}.")
    if kept and (removed or reason):
        raise LabError("preview: --kept goes with neither --removed nor --reason; leave one out.")
    folder = find_project() / "data" / stage
    if reason is not None:
        stage_rows.require_reason(folder, reason)
    pattern = re.compile(re.escape(search), re.IGNORECASE) if search else None
    rows = stage_rows.read_stage(folder, kept=not (removed or reason), removed=not kept)
    rows = stage_rows.select(rows, reason, pattern)
    if stats:
        make_console().print(stage_rows.statistics(rows).rich())
        return
    page(_documents(stage_rows.sample(rows, sample, seed) if sample else rows, characters or None, pattern))


def _documents(rows: "Iterable[Row]", characters: int | None, pattern: re.Pattern | None) -> "Iterator[RenderableType]":
    number = 0
    for number, row in enumerate(rows, 1):
        yield _document(number, row, characters, pattern)
    if not number:
        yield "No such documents."


def _document(number: int, row: "Row", characters: int | None, pattern: re.Pattern | None) -> "RenderableType":
    """A document: number and verdict, URL, facts, measured value, and the text."""
    from rich.console import Group
    from rich.text import Text

    verdict = Text(f"{number}. ", "bold")
    if row.reason is None:
        verdict.append("kept" + (f" ({row.split})" if row.split else ""), "bold green")
    else:
        verdict.append("removed: ", "bold red").append_text(harmless(row.reason, "bold red"))
        if row.detail:
            verdict.append("  ").append_text(harmless(row.detail, "yellow"))
    known = {name.replace("_", " "): row.facts[name] for name in FACTS if row.facts.get(name) is not None}
    facts = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in known.items()]
    parts = []
    if row.text is not None:
        facts.append(f"{len(row.text):,} characters")
        start = _start(row.text, pattern, characters)
        end = None if characters is None else start + characters
        text = harmless(("… " if start else "") + row.text[start:end])
        if end is not None and end < len(row.text):
            text.append(" …", "dim")
        if pattern:
            text.highlight_regex(pattern, "reverse")
        parts = [Text(), text]
    return Group(verdict, harmless(row.url, "cyan"), harmless(", ".join(facts), "dim"), *parts, Text())


def _start(text: str, pattern: re.Pattern | None, characters: int | None) -> int:
    """Where the excerpt begins: at the start, or a little before a hit that lies beyond the excerpt."""
    hit = pattern.search(text) if pattern else None
    if not (hit and characters) or hit.end() <= characters:
        return 0
    return max(0, hit.start() - characters // 4)
