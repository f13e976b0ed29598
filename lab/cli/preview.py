"""`lab preview`: the documents that a curation stage kept and removed. In: data/<stage>/. Out: pages in a terminal."""

import re
from typing import Annotated

import typer

from lab.cli.terminal import find_project, make_console, page
from lab.errors import LabError


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
    rows = stage_rows.sample(rows, sample, seed) if sample else rows
    page(stage_rows.documents(rows, characters or None, pattern))
