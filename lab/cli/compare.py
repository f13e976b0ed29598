"""`lab compare`: scores of several revisions side by side. In: `workspace`, git revisions, names of DVC experiments.
Out: tables with confidence intervals, in the terminal, as Markdown or as JSON.
"""

import json
from typing import Annotated

import typer

from lab.cli.terminal import find_project, harmless, make_console, show
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
    root = find_project()

    from lab.cli import comparison_tables
    from lab.cli.comparison import judge, read_revision

    columns = [read_revision(root, name) for name in revisions]
    judged = [judge(columns[0], other, seed) for other in columns[1:]]
    if as_json:
        print(json.dumps(comparison_tables.as_json(columns, judged), indent=2, ensure_ascii=False))
        return
    tables = comparison_tables.tables(columns, judged)
    others = ", ".join(revision.title for revision in columns[1:])
    head = f"Baseline: {columns[0].title}. Compared: {others}."
    sentences = [one.comparison.sentence() for one in judged]
    notes = comparison_tables.notes(columns, judged)
    if markdown:
        bold = [f"**{sentence}**" for sentence in sentences]
        print("\n\n".join([head, *bold, *(table.markdown() for table in tables), *notes]))
        return
    show(harmless(head), *(harmless(sentence, "bold") for sentence in sentences))
    console = make_console()
    for table in tables:
        console.print()
        console.print(table.rich(comparison_tables.STYLES))
    show("", *(harmless(note, "dim") for note in notes))
