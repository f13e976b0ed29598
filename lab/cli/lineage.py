"""`lab lineage`: where a file of a run came from. In: any output of a stage. Out: a tree down to the WARC files."""

import os
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.terminal import find_project, show
from lab.errors import InputError
from lab.experiments.lineage import Step, as_dict, trace
from lab.experiments.overrides import flatten
from lab.experiments.repository import Repository

if TYPE_CHECKING:
    from rich.tree import Tree

SHORT = 12  # characters of a hash


def lineage(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A stage's metrics or data, for example reports/evaluate.json.")
    ],
    revision: Annotated[
        str | None, typer.Option("--revision", "-r", help="A git revision or experiment, instead of the working tree.")
    ] = None,
    parameters: Annotated[bool, typer.Option("--parameters", help="Show every parameter of every stage.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Walk back from a score to the WARC files: hashes, parameters and code revision of every stage.

    \b
    Examples:
      lab lineage reports/evaluate.json
      lab lineage reports/evaluate.json --revision filters-raw-s1
      lab lineage data/dataset/train --parameters
    """
    root = find_project()
    try:
        path = Path(os.path.normpath(Path.cwd() / file)).relative_to(root).as_posix()
    except ValueError:
        raise InputError(f"{file}: not in the project {root}.") from None
    origin = trace(Repository(root), path, revision)
    if json:
        stages = as_dict(origin.step)
        values = {"path": origin.path, "changed": origin.changed, "stage": origin.step.stage, "stages": stages}
        print(dumps(values, indent=2, ensure_ascii=False))
        return

    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(origin.path, "bold"))
    if origin.changed:
        tree.add(Text("changed since the stage wrote it: what follows is not about these bytes", "bold red"))
    _add(tree, origin.step, parameters, set())
    show(tree)


def _add(tree: "Tree", step: Step, parameters: bool, seen: set[str]) -> None:
    """A stage's branch; a stage that is in the tree already is only named."""
    from rich.text import Text

    if step.stage in seen:
        tree.add(Text.assemble((step.stage, "cyan"), (" (above)", "dim")))
        return
    seen.add(step.stage)
    code = (f"code {step.commit[:SHORT]}", "green") if step.commit else ("code that was never committed", "red")
    branch = tree.add(Text.assemble((step.stage, "bold cyan"), "  ", code, f"  {step.command}"))
    for out in step.outs:
        branch.add(Text.assemble(out.path, (f"  {out.md5[:SHORT]}", "dim")))
    if parameters:
        for key, value in flatten(step.parameters).items():
            branch.add(Text(f"{key} = {value}", "yellow"))
    elif step.parameters:
        branch.add(Text(f"parameters: {', '.join(step.parameters)}", "yellow"))
    if step.sources is None:
        branch.add(Text("WARC files: the manifest is not in DVC's cache", "red"))
    for source in step.sources or ():
        branch.add(Text.assemble(source.path, (f"  {source.bytes:,} bytes  sha256 {source.sha256}", "dim")))
    for other in step.before:
        _add(branch, other, parameters, seen)
