"""`lab what-if`: how many documents and tokens other thresholds of the quality filters would keep, without a run.

In: data/quality/statistics/, changes as `quality.filter.threshold=value` or `quality.filters=[...]`. Out: a table of
documents and tokens by reason.
"""

from typing import Annotated

import typer

from lab.cli.terminal import find_project, harmless, make_console


def what_if(
    changes: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Keys as in params.yaml; null switches a threshold off.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a pull request.")] = False,
) -> None:
    """Show what other thresholds or fewer filters of the quality stage would keep, from its stored statistics.

    \b
    Nothing is run. Of the quality stage alone: later stages, such as dedup, remove more.
    Examples:
      lab what-if quality.gopher.min_words=30
      lab what-if quality.gopher.min_words=30 quality.fineweb.max_newline_ratio=0.5
      lab what-if quality.gopher.max_words=null
      lab what-if quality.filters=[gopher,c4]
      lab what-if quality.languages.de.gopher.min_words=30
    """
    from lab.cli import thresholds
    from lab.curate.quality import measured
    from lab.params_yaml import load

    root = find_project()
    folder = root / "data" / "quality"
    now = measured.read_params(folder)
    then = thresholds.changed(now, changes)
    title = f"The quality stage with {' '.join(changes)}"
    table = thresholds.outcomes(folder, then, title, thresholds.bytes_per_token(root))
    note = "params.yaml has other values of `quality` than this run of the stage; `now` is that run."
    notes = [note] if load(root / "params.yaml").quality != now else []
    if markdown:
        print("\n\n".join([table.markdown(), *notes]))
        return
    console = make_console()
    for part in (table.rich(), *(harmless(line, "yellow") for line in notes)):
        console.print(part)
