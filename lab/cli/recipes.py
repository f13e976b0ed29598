"""`lab run`: the pipeline with a recipe, as a DVC experiment. `lab plan`: parameters, tokens, steps, FLOPs, hours and
dollars of a training run. In: params.yaml, a recipe's name and further overrides; a GPU, its price, an MFU.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.cli.terminal import Table, find_project, make_console
from lab.errors import LabError, ParameterError
from lab.experiments.overrides import apply, arguments


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
    root = find_project()
    options = [*(["--name", name] if name else []), *(["--queue"] if queue else [])]
    command = ["exp", "run", *options, *_overrides(recipe, override or [], root / "params.yaml")]
    print(shlex.join(["dvc", *command]), file=sys.stdout if dry_run else sys.stderr, flush=True)
    if dry_run:
        return
    done = subprocess.run([sys.executable, "-m", "dvc", *command], cwd=root)
    if done.returncode:
        raise LabError(f"dvc exp run ended with status {done.returncode}; its output is above.")


def _overrides(recipe: str, further: list[str], params: Path) -> list[str]:
    """`-S` arguments of `dvc exp run`: a recipe and overrides in Hydra's grammar. ParameterError for bad ones."""
    from lab import recipes
    from lab.params_yaml import read

    for text in further:
        if "=" not in text:
            raise ParameterError(f"-S {text}: it must be KEY=VALUE, such as -S train.seed=2.")
    values = read(params)
    recipes.applied(recipe, values)
    replaced = {text.partition("=")[0].lstrip("+") for text in further}
    kept = {key: value for key, value in recipes.load(recipe).items() if key not in replaced}
    _check(apply(values, kept), further)
    return [*arguments(kept), *(part for text in further for part in ("-S", text))]


def _check(values: dict[str, Any], further: list[str]) -> None:
    """Refuse what the run would refuse hours later: overrides, applied as DVC does, and models that can't be built.

    Each run of a sweep (`train.seed=1,2`) is checked by itself.
    """
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
    from hydra.errors import HydraException

    from lab.model.config import ModelConfig
    from lab.params_yaml import load

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


def plan(
    recipe: Annotated[
        str | None, typer.Option(help="A recipe of lab/recipes; without one: params.yaml as it is.")
    ] = None,
    mfu: Annotated[float, typer.Option(min=0.001, max=1, help="Share of the GPU's peak that is reached.")] = 0.4,
    gpu: Annotated[str, typer.Option(help="The GPU: a100, h100, rtx4090, ...")] = "h100",
    price: Annotated[float, typer.Option(min=0, help="Dollars per hour and GPU.")] = 2.5,
    devices: Annotated[int, typer.Option(min=1, help="Number of GPUs.")] = 8,
) -> None:
    """Show what training will cost: parameters, tokens, steps, FLOPs, hours and dollars.

    \b
    Examples:
      lab plan
      lab plan --recipe gpt2-124m --gpu a100 --price 1.75 --mfu 0.5
      lab plan --recipe llama3-8b --devices 512
    """
    from lab import recipes
    from lab.params_yaml import load, read
    from lab.recipes.plan import cost, make_plan, peak
    from lab.train.batches import plan_batches

    path = find_project() / "params.yaml"
    params = load(path) if recipe is None else recipes.applied(recipe, read(path))
    planned = make_plan(params)
    bill = cost(planned.flops, peak=peak(gpu), mfu=mfu, devices=devices, price=price)
    how = f"{devices} x {gpu} at {100 * mfu:g} % of {peak(gpu) / 1e12:,.0f} TFLOP/s, ${price:g} per hour each"
    up_to = "up to " if planned.tokens < planned.steps * planned.batch_tokens else ""
    rows = (
        ("parameters", f"{planned.parameters:,}"),
        ("tokens", f"{planned.tokens:,}"),
        ("tokens per parameter", f"{planned.tokens / planned.parameters:,.1f}"),
        ("steps", f"{planned.steps:,} of {up_to}{planned.batch_tokens:,} tokens"),
        ("FLOPs per token", f"{planned.flops_per_token:,}"),
        ("FLOPs", f"{planned.flops:.3g}"),
        ("hours", f"{_figure(bill.hours)} ({_figure(bill.device_hours)} device hours)"),
        ("dollars", _figure(bill.dollars)),
    )
    console = make_console()
    table = Table(f"{recipe or 'params.yaml'}: {how}", ("", ""), rows, figures=False)
    console.print(table.rich(), soft_wrap=not console.is_terminal)
    try:
        plan_batches(params.train, planned.context, devices)
    except ParameterError as error:
        console.print(f"It can't run on {devices} GPU(s) as it is: {error}", soft_wrap=True)


def _figure(number: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 0.001 else "under 0.001"
