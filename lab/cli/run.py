"""`lab run`: the pipeline with a recipe. In: its name and further overrides. Out: a DVC experiment."""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.cli.project import find_project
from lab.errors import LabError, ParameterError


def run(
    recipe: Annotated[str | None, typer.Option(help="A recipe of lab/recipes; without one: list them.")] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set-param",
            "-S",
            metavar="KEY=VALUE",
            help="A further parameter, or another value for one of the recipe's.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the experiment.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Only queue it; `dvc queue start` runs it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the command.")] = False,
) -> None:
    """Run the pipeline with the parameters of a known training run.

    \b
    Examples:
      lab run                           list the recipes
      lab run --recipe sample
      lab run --recipe gpt2-124m -S train.micro_batch=32 --name small-cards
      lab run --recipe llama3-8b --dry-run
    """
    from lab import recipes

    if recipe is None:
        if override or name or queue or dry_run:
            raise ParameterError("run: --recipe is missing (`lab run` lists them). Without one: `dvc exp run -S ...`.")
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
        raise LabError(f"dvc exp run ended with status {done.returncode}; its output is above.")


def exp_run(recipe: str, further: list[str], params: Path, *, name: str | None, queue: bool) -> list[str]:
    """The arguments of `dvc`: a recipe, checked against params.yaml, and further overrides in Hydra's grammar.

    ParameterError for a further override without `=`, and for keys or values that params.yaml can't have.
    """
    from lab import recipes
    from lab.experiments.overrides import apply, arguments
    from lab.params import read

    for text in further:
        if "=" not in text:
            raise ParameterError(f"-S {text}: it must be KEY=VALUE, such as -S train.seed=2.")
    values = read(params)
    recipes.applied(recipe, values)
    replaced = {text.partition("=")[0].lstrip("+") for text in further}
    kept = {key: value for key, value in recipes.load(recipe).items() if key not in replaced}
    _check(apply(values, kept), further)
    options = [*(["--name", name] if name else []), *(["--queue"] if queue else [])]
    return ["exp", "run", *options, *arguments(kept), *(part for text in further for part in ("-S", text))]


def _check(values: dict[str, Any], further: list[str]) -> None:
    """Refuse what the run would refuse hours later: overrides, applied as DVC does, and models that can't be built.

    Each run of a sweep (`train.seed=1,2`) is checked by itself.
    """
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
    from hydra.errors import HydraException

    from lab.model.config import ModelConfig
    from lab.params import load

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        try:
            for overrides in get_hydra_sweeps({"": further}):
                path.write_text(json.dumps(values), "utf-8")  # which is YAML
                apply_overrides(path, overrides[""])
                ModelConfig.from_params(load(path).model, vocabulary=256)
        except (InvalidArgumentError, HydraException) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise ParameterError(f"-S {' -S '.join(further)}: {reason}") from None
        except ParameterError as error:
            raise ParameterError(str(error).removeprefix(f"{path}: ")) from None
