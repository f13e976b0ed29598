"""`lab compare`: scores of several revisions side by side. In: `workspace`, git revisions, names of DVC experiments.
Out: tables with confidence intervals, in the terminal, as Markdown or as JSON.
"""

import json
from typing import Annotated

import typer

from lab.cli.project import find_project
from lab.errors import LabError


def compare(
    revisions: Annotated[
        list[str],
        typer.Argument(
            metavar="BASELINE OTHER...",
            help="workspace, git revisions or experiments, with :MODEL one of evaluate.models; the first is the "
            "baseline.",
        ),
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown, to paste into a pull request.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
) -> None:
    """Compare scores of experiments, with confidence intervals.

    The items that both have answered are resampled together (paired bootstrap); p-values are corrected for the number
    of tasks (Holm). `dvc exp show` lists the experiments.

    \b
    Examples:
      lab compare HEAD workspace
      lab compare main no-dedup strict-quality
      lab compare HEAD~1 HEAD --markdown
      lab compare workspace:gpt2 workspace
    """
    if markdown and as_json:
        raise LabError("compare: --markdown and --json exclude each other; leave one out.")
    if len(revisions) < 2:
        raise LabError(
            f"compare: '{revisions[0]}' needs something to be compared with, such as: lab compare HEAD workspace"
        )
    project = find_project()

    from lab.cli import comparison, comparison_tables
    from lab.cli.revisions import read_revision
    from lab.cli.trust import trust_table

    found = [read_revision(project, name) for name in revisions]
    judged = [comparison.judge(found[0], other, seed) for other in found[1:]]
    if as_json:
        print(json.dumps(comparison_tables.as_json(found, judged), indent=2, ensure_ascii=False))
        return
    tables = [
        comparison_tables.scores_table(found),
        *(comparison_tables.differences_table(found[0], one) for one in judged),
        trust_table(found),
        comparison_tables.training_table(found),
        comparison_tables.parameters_table(found),
    ]
    others = ", ".join(comparison_tables.described(revision) for revision in found[1:])
    head = f"Baseline: {comparison_tables.described(found[0])}. Compared: {others}."
    sentences = [one.comparison.sentence() for one in judged]
    notes = comparison_tables.notes(found, judged)
    shown = [table for table in tables if table is not None]
    if markdown:
        print(
            "\n\n".join([head, *(f"**{said}**" for said in sentences), *(table.markdown() for table in shown), *notes])
        )
        return

    from lab.cli.terminal import harmless, make_console

    console = make_console()
    for part in (harmless(head), *(harmless(said, "bold") for said in sentences)):
        console.print(part, soft_wrap=not console.is_terminal)
    for table in shown:
        console.print()
        console.print(table.rich(comparison_tables.STYLES))
    console.print()
    for note in notes:
        console.print(harmless(note, "dim"), soft_wrap=not console.is_terminal)
