"""`lab what-if`: how many documents and tokens other thresholds of the quality filters would keep, without a run.

In: data/quality/statistics/, changes as `quality.filter.threshold=value` or `quality.filters=[...]`. Out: a table of
documents and tokens by reason.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import Project, find_project

if TYPE_CHECKING:
    from lab.cli.tables import Table
    from lab.cli.thresholds import Outcome
    from lab.curate.quality.params import QualityParams


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
    from lab.cli.terminal import harmless, make_console
    from lab.curate.quality import measured

    project = find_project()
    folder = project.data / "quality"
    now = measured.read_params(folder)
    changed = thresholds.changed(now, changes)
    outcomes = thresholds.outcomes(folder, changed)
    table = _table(outcomes, " ".join(changes), _bytes_per_token(project))
    note = "params.yaml has other values of `quality` than this run of the stage; `now` is that run."
    notes = [note] if _moved_on(project, now) else []
    if markdown:
        print("\n\n".join([table.markdown(), *notes]))
        return
    console = make_console()
    console.print(table.rich({}))
    for line in notes:
        console.print(harmless(line, "yellow"))


def _table(outcomes: "dict[str | None, Outcome]", changes: str, bytes_per_token: float | None) -> "Table":
    from lab import formatting as words
    from lab.cli.tables import Table

    def text(size: int) -> str:
        return words.short(size / bytes_per_token) if bytes_per_token else words.size(size)

    rows = []
    for reason, outcome in outcomes.items():
        gained = outcome.documents_then - outcome.documents_now
        rows.append(
            (
                reason or "kept",
                words.count(outcome.documents_now),
                words.count(outcome.documents_then),
                f"{gained:+,}" if gained else "0",
                text(outcome.bytes_now),
                text(outcome.bytes_then),
            )
        )
    kind = "tokens (estimated)" if bytes_per_token else "text"
    headings = ("verdict", "documents now", "what if", "change", f"{kind} now", "what if")
    return Table(f"The quality stage with {changes}", headings, tuple(rows))


def _bytes_per_token(project: Project) -> float | None:
    """Of held-out text, as the tokenizer stage measured it; None before it has run."""
    from lab import formatting as words
    from lab.errors import InputError
    from lab.files import read_json

    try:
        metrics = read_json(project.reports / "tokenizer.json")
    except InputError:
        return None
    return words.number(metrics.get("bytes_per_token")) if isinstance(metrics, dict) else None


def _moved_on(project: Project, now: "QualityParams") -> bool:
    from lab.params_yaml import load

    return load(project.root / "params.yaml").quality != now
