"""`lab run`: the pipeline with a recipe. In: its name and further overrides. Out: a DVC experiment, as `dvc exp run -S`
makes it.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.project import find_project
from lab.errors import LabError, ParameterError


def run(
    recipe: Annotated[str | None, typer.Option(help="A recipe of lab/recipes; none: list them.")] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--set-param", "-S", metavar="KEY=VALUE", help="A parameter beyond the recipe's, or instead."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the experiment.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Only queue it; `dvc queue start` runs it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the command.")] = False,
) -> None:
    """Run the pipeline with the parameters of a known training run.

    \b
    Examples:
      lab run                           the recipes that there are
      lab run --recipe sample
      lab run --recipe gpt2-124m -S train.micro_batch=32 --name small-cards
      lab run --recipe llama3-8b --dry-run
    """
    from lab import recipes

    if recipe is None:
        for known in recipes.names():
            print(f"{known}: {recipes.title(known)}")
        return
    project = find_project()
    command = exp_run(recipe, override or [], project.root / "params.yaml", name=name, queue=queue)
    print(shlex.join(["dvc", *command]), file=sys.stdout if dry_run else sys.stderr, flush=True)
    if dry_run:
        return
    done = subprocess.run([sys.executable, "-m", "dvc", *command], cwd=project.root)
    if done.returncode:
        raise LabError(f"dvc exp run ended with status {done.returncode}; what it said stands above.")


def exp_run(recipe: str, further: list[str], params: Path, *, name: str | None, queue: bool) -> list[str]:
    """The arguments of `dvc`: a recipe, checked against params.yaml, and further overrides in Hydra's grammar.

    Raises ParameterError for a further override without `=`, and for keys or values that params.yaml can't have.
    """
    from lab import recipes
    from lab.experiments.overrides import arguments
    from lab.params import read

    for text in further:
        if "=" not in text:
            raise ParameterError(f"-S {text}: it must be KEY=VALUE, such as -S train.seed=2.")
    recipes.applied(recipe, read(params))
    instead = {text.partition("=")[0].lstrip("+") for text in further}
    kept = {key: value for key, value in recipes.load(recipe).items() if key not in instead}
    options = [*(["--name", name] if name else []), *(["--queue"] if queue else [])]
    own = [part for text in further for part in ("-S", text)]
    return ["exp", "run", *options, *arguments(kept), *own]
